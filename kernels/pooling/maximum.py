"""Max pooling that keeps, for each output, which entry of its window won: a byte, and not the input.

    y[o] = max_j x[o stride + j dilation - low]
    index[o] = the first j, in row-major order, that is the maximum
    dX[i] = Σ_j dY[o] [index[o] = j]    over the (o, j) with o stride + j dilation - low = i

Nothing is selected and scattered: dX is `overlap_add` of comparisons, or where windows do not overlap one comparison of
each entry's number with the index of its window. Padding never wins over an entry, not even over -inf; a window without
any entry gives -inf. A NaN wins over all numbers (a +inf of the same window ties with it), so the value is NaN.
"""

import math
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from fnn.kernels.pooling.entries import blocks, outputs, padded_view, read, real, surround, unblock
from fnn.kernels.windows import Windows, overlap_add


def forward(x: Array, where: Windows) -> tuple[Array, Array]:
    """Return y and the index, both (batch, *outputs, channels); what nobody asks of the two costs nothing."""
    y = padded_view(x, where, where.entries[0], -math.inf)
    for entry in where.entries[1:]:
        # The comparison and the value are padded with different numbers: two reads, each used once, stay in one loop,
        # while XLA would write one that is used twice to memory.
        y = jnp.where(wins(padded_view(x, where, entry, -math.inf), y), padded_view(x, where, entry, 0.0), y)
    return y, _index(x, y, where)


def wins(entry: Array, best: Array) -> Array:
    """Return whether an entry takes the maximum from the best before it: it is larger, or the first NaN.

    A selection by this, and not `maximum`, is the forward, for autodiff of it gives all to the first of a tie as well.
    """
    return ~(entry <= best) & ~jnp.isnan(best)


def _index(x: Array, y: Array, where: Windows) -> Array:
    """Return the first entry that is not smaller than the maximum, in one comparison an entry.

    Each entry is read once: a second use, as in `v == y or v is NaN`, would make XLA write all of them to memory.
    """
    bound = _below_nan(y)
    dtype = index_dtype(where.size)
    index = jnp.zeros(y.shape, dtype)
    for number, entry in reversed(list(enumerate(where.entries))):
        at = real(where, entry)
        reaches = surround(~(read(x, where, at) < outputs(bound, at)), where, at, False)
        index = jnp.where(reaches, jnp.asarray(number, dtype), index)
    return index


def backward(index: Array, dy: Array, where: Windows) -> Array:
    """Return dX: each dY at the entry that won."""
    zero = jnp.zeros((), dy.dtype)
    if where.is_partition:
        held = blocks(index, where)
        number = np.arange(where.size).reshape(1, *(n for k in where.window for n in (1, k)), 1)
        won = held == jnp.broadcast_to(jnp.asarray(number, index.dtype), held.shape)
        return unblock(jnp.where(won, blocks(dy, where), zero), where)
    number = {entry: jnp.asarray(k, index.dtype) for k, entry in enumerate(where.entries)}
    return overlap_add(lambda entry: jnp.where(index == number[entry], dy, zero), where)


def global_forward(x: Array) -> tuple[Array, Array]:
    """Return the maximum over all spatial axes, and its index in row-major order: (batch, channels)."""
    flat = x.reshape(x.shape[0], math.prod(x.shape[1:-1]), x.shape[-1])
    y = flat.max(1)
    dtype = index_dtype(flat.shape[1])
    number = lax.broadcasted_iota(jnp.int32, flat.shape, 1)
    index = jnp.where(flat < _below_nan(y)[:, None, :], jnp.int32(flat.shape[1] - 1), number).min(1)
    return y, index.astype(dtype)


def global_backward(index: Array, dy: Array, sizes: Sequence[int]) -> Array:
    """Return dX: each dY at the entry that won, (batch, *sizes, channels)."""
    shape = (dy.shape[0], math.prod(sizes), dy.shape[-1])
    won = lax.broadcasted_iota(jnp.int32, shape, 1) == index[:, None, :].astype(jnp.int32)
    return jnp.where(won, dy[:, None, :], jnp.zeros((), dy.dtype)).reshape(dy.shape[0], *sizes, dy.shape[-1])


def _below_nan(y: Array) -> Array:
    """Return y with +inf for NaN: the entries v with not v < it are those that equal y, or are NaN where y is."""
    return jnp.where(jnp.isnan(y), jnp.asarray(math.inf, y.dtype), y)


def index_dtype(size: int):
    """Return the smallest integers that count the entries of a window."""
    return jnp.uint8 if size <= 1 << 8 else jnp.uint16 if size <= 1 << 16 else jnp.int32
