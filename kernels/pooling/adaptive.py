"""Adaptive pooling: as many windows along each axis as are asked for, which share the entries out evenly.

Along an axis of size n, window o of m holds the entries floor(o n / m), ..., ceil((o + 1) n / m) - 1. Where n is a
multiple of m these are the windows of size and stride n / m, and the kernels of windows do. Elsewhere neighbours may
share entries (m > n gives windows of one or two), and tables made in advance say which position each window reads as
its entry j, and which windows each position lies in: both passes gather, and nothing is scattered.
"""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from fnn.kernels.numerics import wide
from fnn.kernels.pooling import maximum, sums
from fnn.kernels.windows import Windows

Sizes = tuple[int, ...]


class _Table(NamedTuple):
    """The windows along one axis of n entries, m outputs."""

    length: np.ndarray
    """(m,): how many entries window o holds; k is the largest."""
    position: np.ndarray
    """(k, m): where entry j of window o lies; the last one again where the window is shorter."""
    window: np.ndarray
    """(a, n): the windows that position i lies in; a is the largest number of them."""
    entry: np.ndarray
    """(a, n): the entry that it is of that window; -1 where there are fewer windows."""


def _table(n: int, m: int) -> _Table:
    begin = np.arange(m) * n // m
    length = -(-(np.arange(m) + 1) * n // m) - begin
    position = begin + np.minimum(np.arange(length.max())[:, None], length - 1)
    holds = [np.nonzero((begin <= i) & (i < begin + length))[0] for i in range(n)]
    most = max(map(len, holds))
    window, entry = np.zeros((most, n), np.int64), np.full((most, n), -1)
    for i, found in enumerate(holds):
        window[: len(found), i], entry[: len(found), i] = found, i - begin[found]
    return _Table(length, position, window, entry)


def regular(sizes: Sequence[int], outputs: Sizes) -> Windows | None:
    """Return the windows where every size is a multiple of its outputs, else None."""
    if any(n % m for n, m in zip(sizes, outputs, strict=True)):
        return None
    window = tuple(n // m for n, m in zip(sizes, outputs, strict=True))
    return Windows(tuple(sizes), window, window, ((0, 0),) * len(window), (1,) * len(window))


def max_forward(x: Array, outputs: Sizes) -> tuple[Array, Array]:
    """Return y and the index in its window of the first maximum: (batch, *outputs, channels)."""
    where = regular(x.shape[1:-1], outputs)
    if where is not None:
        return maximum.forward(x, where)
    tables = _tables(x.shape[1:-1], outputs)
    entries = list(itertools.product(*(range(len(t.position)) for t in tables)))
    views = [_gathered(x, [t.position[j] for j, t in zip(entry, tables, strict=True)]) for entry in entries]
    dtype = maximum.index_dtype(len(entries))
    y, index = views[0], jnp.zeros(views[0].shape, dtype)
    for number, view in enumerate(views[1:], start=1):
        wins = maximum.wins(view, y)
        y, index = jnp.where(wins, view, y), jnp.where(wins, jnp.asarray(number, dtype), index)
    return y, index


def max_backward(index: Array, dy: Array, sizes: Sequence[int]) -> Array:
    """Return dX[i] = Σ dY over the windows that i lies in and won."""
    outputs = dy.shape[1:-1]
    where = regular(sizes, outputs)
    if where is not None:
        return maximum.backward(index, dy, where)
    tables = _tables(sizes, outputs)
    dx = jnp.zeros((dy.shape[0], *sizes, dy.shape[-1]), wide(dy).dtype)
    for choice in itertools.product(*(range(len(t.window)) for t in tables)):
        windows = [t.window[a] for a, t in zip(choice, tables, strict=True)]
        entry = np.meshgrid(*(t.entry[a] for a, t in zip(choice, tables, strict=True)), indexing="ij")
        number = np.ravel_multi_index([np.maximum(e, 0) for e in entry], [len(t.position) for t in tables])
        number = np.where(np.min(entry, axis=0) < 0, -1, number)[None, ..., None]
        won = _gathered(index, windows).astype(jnp.int32) == jnp.asarray(number, jnp.int32)
        dx = dx + jnp.where(won, wide(_gathered(dy, windows)), jnp.zeros((), dx.dtype))
    return dx.astype(dy.dtype)


def average_forward(x: Array, outputs: Sizes) -> Array:
    """Return the mean of each window, one axis after the other: (batch, *outputs, channels)."""
    where = regular(x.shape[1:-1], outputs)
    if where is not None:
        return sums.average(x, where, False)
    y = wide(x)
    for axis, table in enumerate(_tables(x.shape[1:-1], outputs), start=1):
        inside = np.arange(len(table.position))[:, None] < table.length
        y = _masked_sum(y, table.position, inside, axis) / _beside(table.length, y, axis)
    return y.astype(x.dtype)


def average_backward(dy: Array, sizes: Sequence[int]) -> Array:
    """Return dX[i] = Σ dY / n over the windows that i lies in."""
    where = regular(sizes, dy.shape[1:-1])
    if where is not None:
        return sums.average_backward(dy, where, False)
    dx = wide(dy)
    for axis, table in reversed(list(enumerate(_tables(sizes, dy.shape[1:-1]), start=1))):
        dx = _masked_sum(dx / _beside(table.length, dx, axis), table.window, table.entry >= 0, axis)
    return dx.astype(dy.dtype)


def _tables(sizes: Sequence[int], outputs: Sizes) -> list[_Table]:
    return [_table(n, m) for n, m in zip(sizes, outputs, strict=True)]


def _gathered(x: Array, positions: list[np.ndarray]) -> Array:
    """Return x at these positions of each spatial axis."""
    for axis, position in enumerate(positions, start=1):
        x = jnp.take(x, position, axis, mode="clip")
    return x


def _masked_sum(x: Array, positions: np.ndarray, inside: np.ndarray, axis: int) -> Array:
    """Return Σ_r x[positions[r]] along an axis, over the r that are inside."""
    parts = [
        jnp.where(_beside(mask, x, axis), jnp.take(x, position, axis, mode="clip"), jnp.zeros((), x.dtype))
        for position, mask in zip(positions, inside, strict=True)
    ]
    return sum(parts[1:], parts[0])


def _beside(row: np.ndarray, x: Array, axis: int) -> Array:
    """Return one number for each position of an axis, to be used beside x; numbers in x's dtype."""
    shape = [1] * x.ndim
    shape[axis] = math.prod(row.shape)
    return jnp.asarray(row.reshape(shape), None if row.dtype == bool else x.dtype)
