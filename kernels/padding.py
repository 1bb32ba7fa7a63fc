"""A border around the spatial axes of (batch, *spatial, channels), filled in one of four ways, and its adjoint.

Along one axis of size n the border holds, for k = 1, 2, ... entries away from the nearer end,

    zeros        0, 0, ...
    reflect      X[k]          and X[n-1-k]       the edge is not repeated
    circular     X[n-k]        and X[k-1]         the other end
    replicate    X[0]          and X[n-1]         the edge again and again

The backward folds the border back onto the entries that it was read from: reversed for reflect, at the other end for
circular, summed for replicate. Several axes are padded one after another, so a corner is the border of a border.
"""

from collections.abc import Sequence
from typing import Literal

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from fnn.kernels.numerics import wide

Mode = Literal["zeros", "reflect", "circular", "replicate"]
Pairs = Sequence[tuple[int, int]]
"""(low, high) for each spatial axis."""


def pad(x: Array, padding: Pairs, mode: Mode) -> Array:
    """Return x with `low` entries before and `high` after each spatial axis."""
    if mode == "zeros":
        borders = ((0, 0, 0), *((low, high, 0) for low, high in padding), (0, 0, 0))
        return lax.pad(x, jnp.zeros((), x.dtype), borders)
    for axis, pair in enumerate(padding, start=1):
        low, high = (
            [_filled(lax.slice_in_dim(x, start, stop, axis=axis), length, axis, mode)] if length else []
            for length, (start, stop) in zip(pair, _sources(x.shape[axis], pair, mode), strict=True)
        )
        x = jnp.concatenate([*low, x, *high], axis)
    return x


def pad_backward(dy: Array, padding: Pairs, mode: Mode) -> Array:
    """Return dY without the border, which is added to what it was read from; in the accumulation dtype."""
    if mode == "zeros":
        return dy[(slice(None), *(slice(low, n - high) for (low, high), n in zip(padding, dy.shape[1:], strict=False)))]
    dx = wide(dy)
    for axis, pair in reversed(list(enumerate(padding, start=1))):
        (low, high), end = pair, dx.shape[axis]
        n = end - low - high
        borders = [lax.slice_in_dim(dx, *run, axis=axis) for run in ((0, low), (low + n, end))]
        dx = lax.slice_in_dim(dx, low, low + n, axis=axis)
        for length, (start, stop), border in zip(pair, _sources(n, pair, mode), borders, strict=True):
            if length:
                parts = [lax.slice_in_dim(dx, *run, axis=axis) for run in ((0, start), (start, stop), (stop, n))]
                dx = jnp.concatenate([parts[0], parts[1] + _folded(border, axis, mode), parts[2]], axis)
    return dx


def _sources(n: int, pair: tuple[int, int], mode: Mode) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the runs of entries from which the low and the high border are read."""
    low, high = pair
    if mode == "reflect":
        return (1, 1 + low), (n - 1 - high, n - 1)
    if mode == "circular":
        return (n - low, n), (0, high)
    return (0, 1), (n - 1, n)


def _filled(source: Array, length: int, axis: int, mode: Mode) -> Array:
    if mode == "reflect":
        return lax.rev(source, (axis,))
    if mode == "circular":
        return source
    return jnp.broadcast_to(source, (*source.shape[:axis], length, *source.shape[axis + 1 :]))


def _folded(border: Array, axis: int, mode: Mode) -> Array:
    """The adjoint of `_filled`."""
    if mode == "reflect":
        return lax.rev(border, (axis,))
    if mode == "circular":
        return border
    return border.sum(axis, keepdims=True)
