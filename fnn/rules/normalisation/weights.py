"""Weight normalisation: the length of a weight apart from its direction."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from fnn.kernels.numerics import wide
from fnn.rule import rule
from fnn.rules.normalisation.arguments import need_vectors


@rule
def weight_norm(v: Float[Array, "*inputs outputs"], g: Float[Array, " outputs"]):
    """W = g V / |V|, the length |V| taken over all axes but the last, so each output has a length and a direction.

    v: (..., out_features), g: (out_features,).

        dg = Σ dW U,   dV = g/|V| (dW - U Σ dW U),   U = V / |V|, the sums over all axes but the last

    Keeps v, g and |V|, one number for each output, in float32 or wider. An output whose v is all zero has no
    direction: its W is NaN. Raises ValueError for shapes that do not fit.
    Source: Salimans and Kingma (2016), arXiv:1602.07868.

    >>> import jax.numpy as jnp
    >>> weight_norm(jnp.array([[3.0], [4.0]]), jnp.array([5.0])).tolist()
    [[3.0], [4.0]]
    """
    if v.ndim == 0:
        raise ValueError("weight_norm: v has shape (), wanted (..., out_features).")
    need_vectors("weight_norm", v.shape[-1:], "one length for each output of v", g=g)
    length = jnp.sqrt(_over_inputs(jnp.square(wide(v))))
    return (wide(v) * _like(wide(g).astype(length.dtype) / length, v)).astype(v.dtype), (v, g, length)


@weight_norm.backward
def weight_norm_backward(saved, dw):
    """Dg = Σ dW U,  dV = g/|V| (dW - U Σ dW U),  U = V / |V|."""
    v, g, length = saved
    u, dw = wide(v) / _like(length, v), wide(dw)
    dg = _over_inputs(dw * u)
    return _like(wide(g).astype(length.dtype) / length, v) * (dw - u * _like(dg, v)), dg


def _over_inputs(x: Array) -> Float[Array, " outputs"]:
    return x.sum(tuple(range(x.ndim - 1)))


def _like(vector: Float[Array, " outputs"], x: Array) -> Array:
    """Give the vector x's number of axes."""
    return vector.reshape((1,) * (x.ndim - 1) + vector.shape)
