"""The entries of windows that lie in the input, read without padding it.

`fnn.kernels.windows.view` reads entry j of every window of a padded input: a copy of the whole input, which every
later loop reads again. Here the outputs whose entry j is no padding are read from the input itself, and the padding is
put around what was read; XLA puts that into the loop that uses it. `blocks` and `unblock` are the way back for windows
that do not overlap.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from fnn.kernels.windows import Windows


class Real(NamedTuple):
    """Where entry j of the windows is no padding, along each spatial axis."""

    begin: tuple[int, ...]
    """The first input position that is read, ..."""
    end: tuple[int, ...]
    """... and the one after the last; they are `stride` apart."""
    first: tuple[int, ...]
    """The first output whose entry it is, ..."""
    last: tuple[int, ...]
    """... and the one after the last."""


def real(where: Windows, entry: Sequence[int]) -> Real:
    """Return the outputs o with 0 <= o stride + j dilation - low < n, and what they read."""
    rows = []
    for j, n, s, (low, _), d, o in zip(
        entry, where.sizes, where.stride, where.padding, where.dilation, where.outputs, strict=True
    ):
        offset = j * d - low
        first = min(max(-(offset // s), 0), o)
        last = max(min((n - 1 - offset) // s + 1, o), first)
        begin = first * s + offset if last > first else 0
        rows.append((begin, begin + max((last - first - 1) * s + 1, 0) if last > first else begin, first, last))
    return Real(*zip(*rows, strict=True))


def read(x: Array, where: Windows, at: Real) -> Array:
    """Return the entries of x that `at` names: (batch, *(last - first), channels)."""
    return lax.slice(x, (0, *at.begin, 0), (x.shape[0], *at.end, x.shape[-1]), (1, *where.stride, 1))


def outputs(y: Array, at: Real) -> Array:
    """Return the outputs first, ..., last - 1 of y."""
    return lax.slice(y, (0, *at.first, 0), (y.shape[0], *at.last, y.shape[-1]))


def surround(part: Array, where: Windows, at: Real, value: float | bool) -> Array:
    """Return the part with `value` at the outputs whose entry is padding: (batch, *outputs, channels)."""
    around = [(f, o - e, 0) for f, e, o in zip(at.first, at.last, where.outputs, strict=True)]
    if not any(before or after for before, after, _ in around):
        return part
    return lax.pad(part, jnp.asarray(value, part.dtype), ((0, 0, 0), *around, (0, 0, 0)))


def padded_view(x: Array, where: Windows, entry: Sequence[int], value: float) -> Array:
    """Return entry j of every window of x, `value` where that is padding: (batch, *outputs, channels)."""
    at = real(where, entry)
    return surround(read(x, where, at), where, at, value)


def blocks(y: Array, where: Windows) -> Array:
    """Return y once for each entry of windows that are a partition: (batch, o₁, k₁, o₂, k₂, ..., channels)."""
    shape = (y.shape[0], *(n for pair in zip(where.outputs, where.window, strict=True) for n in pair), y.shape[-1])
    return lax.broadcast_in_dim(y, shape, (0, *range(1, len(shape) - 1, 2), len(shape) - 1))


def unblock(parts: Array, where: Windows) -> Array:
    """Return the blocks at their place in the input, 0 in the rest that is in no window: (batch, *sizes, channels)."""
    covered = [o * k for o, k in zip(where.outputs, where.window, strict=True)]
    whole = parts.reshape(parts.shape[0], *covered, parts.shape[-1])
    rest = [(0, n - c, 0) for n, c in zip(where.sizes, covered, strict=True)]
    return lax.pad(whole, jnp.zeros((), whole.dtype), ((0, 0, 0), *rest, (0, 0, 0)))
