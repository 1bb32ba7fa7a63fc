"""Batch normalisation with its running statistics, and its folding into the layer before it."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fnn import rules
from fnn.kernels.numerics import wide, wide_dtype
from fnn.layers.layer import Layer, layer, need_features, need_params
from fnn.layers.scope import LayerError, path
from fnn.rules.normalisation.arguments import need_eps


class BatchNorm(NamedTuple):
    """The parameters of `batch_norm`."""

    scale: Float[Array, " channels"]
    offset: Float[Array, " channels"]


class BatchNormState(NamedTuple):
    """The running statistics of `batch_norm`, in float32 or wider."""

    mean: Float[Array, " channels"]
    variance: Float[Array, " channels"]


def batch_norm(*, momentum: float = 0.1, eps: float = 1e-5) -> Layer:
    """Normalise each channel by the batch in training, by running statistics in evaluation. Rule: `rules.batch_norm`.

    x: (batch, *spatial, channels). The running statistics start at mean 0 and variance 1. A call with train=True
    returns (1 - momentum) running + momentum · those of its batch, the variance unbiased (over n - 1), so `momentum` is
    the share of the new batch. No gradient flows into the state.

    >>> import jax, jax.numpy as jnp
    >>> from fnn import layers
    >>> net, x = layers.batch_norm(momentum=0.5), jnp.array([[1.0], [3.0]])
    >>> params, state = net.init(jax.random.key(0), x)
    >>> y, state = net.apply(params, state, x, train=True)
    >>> state.mean.tolist(), state.variance.tolist()
    ([1.0], [1.5])
    """
    if not 0 <= momentum <= 1:
        raise ValueError(f"batch_norm: momentum = {momentum}, wanted the share of the new batch, 0 to 1.")
    need_eps("batch_norm", eps)

    def init(key, x):
        channels, dtype = need_features(x), wide_dtype(x.dtype)
        state = BatchNormState(jnp.zeros((channels,), dtype), jnp.ones((channels,), dtype))
        return BatchNorm(jnp.ones((channels,), x.dtype), jnp.zeros((channels,), x.dtype)), state

    def apply(params, state, x, *, key=None, train=False):
        need_params(params, BatchNorm)
        need_features(x, params.scale.shape[0])
        if not isinstance(state, BatchNormState):
            got = type(state).__name__
            raise LayerError(f"{path()}: state is a {got}, wanted BatchNormState, as init makes it.")
        running = BatchNormState(*map(lax.stop_gradient, state))
        if not train:
            return rules.batch_norm_inference(x, *running, *params, eps=eps), state
        y, mean, variance = rules.batch_norm(x, *params, eps=eps)
        count = x.size // x.shape[-1]
        batch = BatchNormState(lax.stop_gradient(mean), lax.stop_gradient(variance) * (count / (count - 1)))
        return y, BatchNormState(
            *((1 - momentum) * old + momentum * new.astype(old.dtype) for old, new in zip(running, batch, strict=True))
        )

    return layer("batch_norm", init, apply)


def fold_batch_norm(params: Any, norm: BatchNorm, state: BatchNormState, *, eps: float = 1e-5) -> Any:
    """Return the parameters of the layer before a batch norm that alone compute what both do in evaluation.

    `params` are those of `dense` or a convolution: a NamedTuple with a weight w (..., out_features) and a bias b, None
    where there is none; what is returned has one. `eps` is that of the batch norm.

        W' = W S R,   b' = (b - m) S R + O,   R = 1/√(v + eps)

    >>> import jax, jax.numpy as jnp
    >>> from fnn import layers
    >>> net, x = layers.serial(layers.dense(2), layers.batch_norm()), jnp.ones((1, 3))
    >>> params, state = net.init(jax.random.key(0), x)
    >>> folded = layers.fold_batch_norm(params[0], params[1], state[1])
    >>> bool(jnp.allclose(layers.dense(2).apply(folded, (), x)[0], net.apply(params, state, x)[0]))
    True
    """
    need_eps("fold_batch_norm", eps)
    if not {"w", "b"} <= set(getattr(params, "_fields", ())):
        raise TypeError(
            f"fold_batch_norm: params are a {type(params).__name__}, wanted the parameters of a dense layer or a "
            "convolution, with the fields w and b."
        )
    channels = params.w.shape[-1]
    if any(leaf.shape != (channels,) for leaf in (*norm, *state)):
        raise ValueError(
            f"fold_batch_norm: w has {channels} outputs, the batch norm {norm.scale.shape[0]} channels; wanted the "
            "batch norm that follows the layer directly."
        )
    dtype = wide_dtype(params.w.dtype)
    scale, offset, mean, variance = (leaf.astype(dtype) for leaf in (*norm, *state))
    slope = scale * lax.rsqrt(variance + eps)
    w = wide(params.w) * slope.reshape((1,) * (params.w.ndim - 1) + (channels,))
    b = offset - mean * slope if params.b is None else offset + (wide(params.b).astype(dtype) - mean) * slope
    return params._replace(w=w.astype(params.w.dtype), b=b.astype(params.w.dtype))
