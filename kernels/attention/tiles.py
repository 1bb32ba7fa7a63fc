"""One tile of attention: the scores of some queries against some keys, what is added to them, and what is masked.

A tile has the axes (batch, kv_heads, group, queries, keys); `group` are the query heads that share a key-value head.
Scores, softmax and sums are in float32 or wider; products take operands in the inputs' dtype.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from fnn.kernels import threefry
from fnn.kernels.dropout import ROUNDS, dropped_levels
from fnn.kernels.linear import product

Tile = Float[Array, "batch kv_heads group queries keys"]
Rows = Float[Array, "batch kv_heads group queries features"]
Columns = Float[Array, "batch kv_heads keys features"]
_BATCH = ((0, 1), (0, 1))


class Scoring(NamedTuple):
    """How scores are made of products, and weights of scores: static."""

    causal: bool = False
    window: int | None = None
    soft_cap: float | None = None
    scale: float = 1.0
    dropout: float = 0.0


class Modifiers(NamedTuple):
    """The arrays that modify scores, or None; their axes are those of a tile, of size 1 where they broadcast."""

    bias: Array | None = None  # (batch, kv_heads, group, queries, keys)
    slopes: Array | None = None  # (1, kv_heads, group, 1, 1)
    lengths: Array | None = None  # (batch, 1, 1, 1, 1)
    offset: Array | None = None  # (batch, 1, 1, 1, 1)


class Place(NamedTuple):
    """Where a tile stands: its first example, key-value head, query and key, and how many there are of each."""

    batch: int | Array
    kv_head: int | Array
    query: int | Array
    key: int | Array
    size: tuple[int, int, int, int]
    masked: bool  # whether the causal mask or the window may touch it


def scores(
    q: Rows, k: Columns, modifiers: Modifiers, place: Place, scoring: Scoring
) -> tuple[Tile, Tile | None, Array | None]:
    """Return S, -inf where masked, the slope of the soft cap, and the mask, if there are; modifiers are the tile's."""
    s = against(q, k) * scoring.scale
    slope = None
    if scoring.soft_cap is not None:
        t = jnp.tanh(s / scoring.soft_cap)
        s, slope = scoring.soft_cap * t, 1 - t * t
    if modifiers.bias is not None:
        s = s + _spread(modifiers.bias.astype(s.dtype), s.shape)
    if modifiers.slopes is not None:
        s = s + _spread(modifiers.slopes.astype(s.dtype), s.shape) * distances(modifiers, place, s)
    allowed = _allowed(modifiers, place, scoring, s.shape)
    if allowed is not None:
        allowed = _spread(allowed, s.shape)
        s = jnp.where(allowed, s, -jnp.inf)
    return s, slope, allowed


def distances(modifiers: Modifiers, place: Place, s: Tile) -> Tile:
    """Return j - i: how far each key stands behind each query."""
    i, j = _positions(modifiers, place, s.shape)
    return _spread((j - i).astype(s.dtype), s.shape)


def keep_mask(
    key: Array, batch: int, heads: int, queries: int, keys: int, rate: float
) -> Bool[Array, "batch heads queries keys"]:
    """Return which weights dropout keeps: a function of the key and of the number of each weight alone."""
    place = Place(0, 0, 0, 0, (batch, heads, queries, keys), False)
    return _kept(threefry.key_words(key), place, heads, queries, (batch, heads, 1, queries, keys), rate)[:, :, 0]


def dropout_of(
    words: tuple[Array, Array] | None, place: Place, kv_heads: int, queries: int, s: Tile, rate: float
) -> Tile | None:
    """Return what dropout multiplies each weight by, 0 or 1 / (1 - rate); None without the words of a key."""
    if words is None:
        return None
    scale = (1 << 32) / ((1 << 32) - dropped_levels(rate))
    kept = _kept(words, place, kv_heads, queries, s.shape, rate)
    return jnp.where(kept, jnp.asarray(scale, s.dtype), jnp.asarray(0, s.dtype))


def against(rows: Rows, columns: Columns) -> Tile:
    """Return the product of each row with each column, over the features: Q·Kᵀ, dO·Vᵀ."""
    tile = product(_folded(rows), columns, ((3,), (3,)), _BATCH)
    return tile.reshape(*rows.shape[:4], columns.shape[2])


def over_keys(tile: Tile, columns: Columns) -> Rows:
    """Return Σ over the keys of the tile times the columns: P·V, dS·K."""
    rows = product(_folded(tile).astype(columns.dtype), columns, ((3,), (2,)), _BATCH)
    return rows.reshape(*tile.shape[:4], columns.shape[3])


def over_queries(tile: Tile, rows: Rows) -> Float[Array, "batch kv_heads features keys"]:
    """Return Σ over the queries, and the heads of the group, of the rows times the tile: (Pᵀ·dO)ᵀ, (dSᵀ·Q)ᵀ.

    Transposed, for then the small operand is the one to be turned around before the product, and not the tile.
    """
    return product(_folded(rows), _folded(tile).astype(rows.dtype), ((2,), (2,)), _BATCH)


def _kept(
    words: tuple[Array, Array], place: Place, kv_heads: int, queries: int, shape: tuple[int, ...], rate: float
) -> Array:
    """Draw 32 bits a weight; the counters are the number of its row among those of all heads, and of its key."""
    rows = _count(place.batch, shape, 0, jnp.uint32)
    for first, axis, size in ((place.kv_head, 1, kv_heads), (0, 2, shape[2]), (place.query, 3, queries)):
        number = _count(first, shape, axis, jnp.uint32)
        rows = rows * jnp.uint32(size) + jnp.broadcast_to(number, jnp.broadcast_shapes(rows.shape, number.shape))
    columns = _count(place.key, shape, 4, jnp.uint32)
    high, low = threefry.block(*words, _spread(rows, shape), _spread(columns, shape), ROUNDS)
    return (high ^ low) >= jnp.uint32(dropped_levels(rate))


def _allowed(modifiers: Modifiers, place: Place, scoring: Scoring, shape: tuple[int, ...]) -> Array | None:
    i, j = _positions(modifiers, place, shape)
    conditions = [] if modifiers.lengths is None else [j < modifiers.lengths.astype(jnp.int32)]
    if place.masked and scoring.causal:
        conditions.append(j <= i)
    if place.masked and scoring.window is not None:
        conditions.append(j > i - scoring.window)
        if not scoring.causal:
            conditions.append(j < i + scoring.window)
    allowed = None
    for condition in conditions:
        allowed = condition if allowed is None else allowed & condition
    return allowed


def _positions(modifiers: Modifiers, place: Place, shape: tuple[int, ...]) -> tuple[Array, Array]:
    i, j = _count(place.query, shape, 3, jnp.int32), _count(place.key, shape, 4, jnp.int32)
    return i if modifiers.offset is None else i + modifiers.offset.astype(jnp.int32), j


def _count(first: int | Array, shape: tuple[int, ...], axis: int, dtype) -> Array:
    sizes = tuple(size if at == axis else 1 for at, size in enumerate(shape))
    return jnp.asarray(first).astype(dtype) + lax.broadcasted_iota(dtype, sizes, axis)


def _spread(x: Array, shape: tuple[int, ...]) -> Array:
    return jnp.broadcast_to(x, shape)


def _folded(tile: Array) -> Array:
    batch, kv_heads, group, queries, columns = tile.shape
    return tile.reshape(batch, kv_heads, group * queries, columns)
