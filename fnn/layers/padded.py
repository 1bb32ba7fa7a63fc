"""Sequences of different lengths in one array: each row is padded at its end, and its length goes along."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Int, Shaped

from fnn.layers.layer import Layer, layer
from fnn.layers.scope import LayerError, path


class Padded(NamedTuple):
    """A batch of sequences; what stands past a row's length is padding, which no layer lets count.

    Layers of sequences take an array, whose rows are all of full length, or a Padded, and return the same kind.
    """

    x: Shaped[Array, "batch time *features"]
    lengths: Int[Array, " batch"]


def unpad(x: Any) -> tuple[Any, Any]:
    """Return the array and its lengths, None for an array without; raise LayerError where they do not fit.

    x is an array or a Padded, or, as init is given them, their shapes.
    """
    if not isinstance(x, Padded):
        return x, None
    if len(x.x.shape) < 2 or x.lengths.shape != x.x.shape[:1] or not jnp.issubdtype(x.lengths.dtype, jnp.integer):
        raise LayerError(
            f"{path()}: got a Padded with x of shape {x.x.shape} and lengths {x.lengths.dtype}{list(x.lengths.shape)}, "
            "wanted x (batch, time, ...) and integer lengths (batch,)."
        )
    _need_within(x.lengths, x.x.shape[1])
    return x.x, x.lengths


def _need_within(lengths: Any, time: int) -> None:
    """Raise where lengths that are no tracers do not fit an axis of this size; traced ones past it count as it."""
    if not isinstance(lengths, (jax.Array, np.ndarray)) or isinstance(lengths, Tracer):
        return
    outside = np.flatnonzero((np.asarray(lengths) < 0) | (np.asarray(lengths) > time))
    if len(outside):
        row = int(outside[0])
        raise LayerError(f"{path()}: the length of row {row} is {int(lengths[row])}, wanted one of 0..{time}.")


def like(x: Array | Padded, y: Array) -> Array | Padded:
    """Return y as the kind that x is, with the lengths of x."""
    return Padded(y, x.lengths) if isinstance(x, Padded) else y


def pointwise(inner: Layer) -> Layer:
    """y = inner(x) on the array of a Padded, whose lengths pass by; on an array, `inner` itself.

    It lifts a layer that treats each position alone, such as dense or layer_norm, to sequences of different lengths.

    >>> import jax, jax.numpy as jnp
    >>> from fnn import layers
    >>> x = layers.Padded(jnp.ones((2, 5, 3)), jnp.array([5, 2]))
    >>> net = layers.pointwise(layers.dense(4))
    >>> y, _ = net.apply(*net.init(jax.random.key(0), x), x)
    >>> y.x.shape, y.lengths.tolist()
    ((2, 5, 4), [5, 2])
    """
    if not isinstance(inner, Layer):
        hint = "; call it to make the layer" if callable(inner) else ""
        raise TypeError(f"pointwise: inner is {inner!r}, wanted a Layer{hint}.")

    def init(key, x):
        return inner.init(key, unpad(x)[0])

    def apply(params, state, x, *, key=None, train=False):
        y, state = inner.apply(params, state, unpad(x)[0], key=key, train=train)
        return like(x, y), state

    return layer("pointwise", init, apply)
