"""Average and L2 pooling: sums over windows and their adjoint, one spatial axis after the other.

    S[o] = Σ_j x[o stride + j dilation - low]          k₁ + k₂ additions an output instead of k₁ k₂
    dX[i] = Σ_o dS[o] over the windows that hold i

    average  y = S / n, dS = dY / n                    n: the entries of the window, with or without padding
    L2       y = sqrt(S of x²), dX = x · (adjoint of dY / y)

Sums are taken in float32 or wider. A window that holds padding alone has n = 1 and y = 0.
"""

import math
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from fnn.kernels.numerics import wide, wide_dtype
from fnn.kernels.pooling.entries import blocks, padded_view, real, unblock
from fnn.kernels.windows import Windows, overlap_add


def average(x: Array, where: Windows, count_padding: bool) -> Array:
    """Return S / n in x's dtype."""
    return _divided(window_sum(wide(x), where), where, count_padding).astype(x.dtype)


def average_backward(dy: Array, where: Windows, count_padding: bool) -> Array:
    """Return the adjoint of the sums, of dY / n."""
    return window_sum_backward(_divided(wide(dy), where, count_padding), where).astype(dy.dtype)


def l2(x: Array, where: Windows) -> Array:
    """Return sqrt(S of x²) in x's dtype."""
    total = window_sum(jnp.square(wide(x)), where)
    # A double where: the derivative of the root at 0 is infinite, and autodiff of this forward is to find 0 there.
    zero = total == 0
    root = jnp.sqrt(jnp.where(zero, jnp.ones_like(total), total))
    return jnp.where(zero, jnp.zeros_like(total), root).astype(x.dtype)


def l2_backward(x: Array, y: Array, dy: Array, where: Windows) -> Array:
    """Return X times the adjoint of the sums, of dY / Y; 0 where Y is 0."""
    y, dtype = wide(y), dy.dtype
    zero = y == 0
    ratio = jnp.where(zero, jnp.zeros_like(y), wide(dy) / jnp.where(zero, jnp.ones_like(y), y))
    return (wide(x) * window_sum_backward(ratio, where)).astype(dtype)


def global_average(x: Array) -> Array:
    """Return the mean over all spatial axes: (batch, channels)."""
    total = wide(x).sum(tuple(range(1, x.ndim - 1)))
    return (total / math.prod(x.shape[1:-1])).astype(x.dtype)


def global_average_backward(dy: Array, sizes: Sequence[int]) -> Array:
    """Return dY / n for every entry: (batch, *sizes, channels)."""
    each = (wide(dy) / math.prod(sizes)).astype(dy.dtype)
    return jnp.broadcast_to(
        each.reshape(dy.shape[0], *(1 for _ in sizes), dy.shape[-1]), (dy.shape[0], *sizes, dy.shape[-1])
    )


def window_sum(x: Array, where: Windows) -> Array:
    """Return S: (batch, *outputs, channels), in x's dtype."""
    for axis in range(len(where.sizes)):
        along = _along(where, axis)
        parts = [padded_view(x, along, entry, 0.0) for entry in along.entries]
        x = sum(parts[1:], parts[0])
    return x


def window_sum_backward(ds: Array, where: Windows) -> Array:
    """Return the adjoint of `window_sum`: (batch, *sizes, channels)."""
    if where.is_partition:
        return unblock(blocks(ds, where), where)
    for axis in reversed(range(len(where.sizes))):
        ds = overlap_add(lambda _, ds=ds: ds, _along(where, axis))
    return ds


def _along(where: Windows, axis: int) -> Windows:
    """Return the windows along one axis alone, those before it being pooled already."""
    axes = range(len(where.sizes))
    return Windows(
        sizes=(*where.outputs[:axis], *where.sizes[axis:]),
        window=tuple(where.window[a] if a == axis else 1 for a in axes),
        stride=tuple(where.stride[a] if a == axis else 1 for a in axes),
        padding=tuple(where.padding[a] if a == axis else (0, 0) for a in axes),
        dilation=tuple(where.dilation[a] if a == axis else 1 for a in axes),
    )


def _divided(total: Array, where: Windows, count_padding: bool) -> Array:
    if count_padding or not any(map(any, where.padding)):
        return total / where.size
    return total / jnp.asarray(counts(where)[None, ..., None], wide_dtype(total.dtype))


def counts(where: Windows) -> np.ndarray:
    """Return how many entries of each window are no padding, at least 1: (*outputs)."""
    total = np.zeros(where.outputs, np.int64)
    for entry in where.entries:
        at = real(where, entry)
        total[tuple(slice(first, last) for first, last in zip(at.first, at.last, strict=True))] += 1
    return np.maximum(total, 1)
