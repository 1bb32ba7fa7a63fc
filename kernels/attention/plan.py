"""The plan of attention's loops: how large a tile is, and which keys the queries of a tile may see. All static."""

from typing import NamedTuple

from jaxtyping import Array

# Measured on two cores, float32, causal, forward and backward. 32 x 6 heads of 128, all queries in one tile: a tile of
# one example takes 26 ms, on one thread; of 2, 4, 8 and 32 examples 26, 21, 21 and 47. In two halves, the first of
# which sees half of the keys, 22 in place of 27, and 16 x 6 heads of 256 31 in place of 44; heads of 64 gain nothing.
# 4 x 8 heads of 1024: tiles of 64, 128 and 256 queries take 264, 160 and 186 ms.
_HEAD = 1 << 17  # scores of a head that is not cut
_TILE = 1 << 19  # scores that one tile of several heads holds: operations large enough for two threads
_QUERIES = 128  # queries of a tile where a head is cut
_BANDS = 8  # tiles of different shapes in one program


class Shape(NamedTuple):
    """The sizes of the problem; `group` query heads share a key-value head."""

    batch: int
    kv_heads: int
    group: int
    queries: int
    keys: int

    @classmethod
    def of(cls, q: Array, k: Array) -> "Shape":
        """Read them off q (batch, queries, heads, features) and k (batch, keys, kv_heads, features)."""
        return cls(q.shape[0], k.shape[2], q.shape[2] // k.shape[2], q.shape[1], k.shape[1])


class Sizes(NamedTuple):
    """How many examples, key-value heads and queries a tile has; the first two divide, or the first is 1."""

    batch: int
    kv_heads: int
    queries: int


class Band(NamedTuple):
    """Tiles one after the other, of one size: the first query, queries a tile, how many, and how many keys each sees.

    The keys begin `before` the first query of the tile, as far as there are any; at the first key if it is None.
    """

    query: int
    queries: int
    tiles: int
    keys: int
    before: int | None
    masked: bool


def sizes_of(shape: Shape, grows: bool) -> Sizes:
    """Choose a tile: as many whole heads, or halves, as are small together, or some queries of one head.

    `grows` tells whether later queries see more keys, which the plan knows: see `does_grow`.
    """
    queries, scores = max(shape.queries, 1), shape.keys * shape.group
    if scores * queries > _HEAD:
        return Sizes(1, 1, min(queries, max(_QUERIES // shape.group, 1)))
    if grows and queries >= _QUERIES:
        queries = -(-queries // 2)
    heads = _TILE // max(scores * queries, 1)
    if heads < shape.kv_heads:
        return Sizes(1, _divisor(shape.kv_heads, heads), queries)
    return Sizes(_divisor(shape.batch, heads // shape.kv_heads), shape.kv_heads, queries)


def does_grow(causal: bool, window: int | None, moved: bool) -> bool:
    """Return whether tiles of later queries hold more keys; `moved` as in `bands_of`."""
    return causal and window is None and not moved


def bands_of(shape: Shape, size: int, causal: bool, window: int | None, moved: bool) -> list[Band]:
    """Cut the queries into bands of tiles; `moved` if an offset, known at run time, tells where the queries stand."""
    count = shape.queries // size
    step = max(-(-count // _BANDS) if does_grow(causal, window, moved) else count, 1)
    cuts = [(size * done, size, min(step, count - done)) for done in range(0, count, step)]
    if shape.queries % size:
        cuts.append((count * size, shape.queries % size, 1))
    return [_band(shape, *cut, causal, window, moved) for cut in cuts]


def _band(shape: Shape, first: int, queries: int, tiles: int, causal: bool, window: int | None, moved: bool) -> Band:
    keys, before, masked = shape.keys, None, causal or window is not None
    if window is not None and not moved:
        before = window - 1
        keys = min(keys, queries + before * (1 if causal else 2))
    elif causal and not moved:
        keys = min(keys, first + queries * tiles)
    return Band(first, queries, tiles, keys, before, masked)


def _divisor(n: int, most: int) -> int:
    """Return the largest divisor of n that is at most so large."""
    return next((d for d in range(max(min(n, most), 1), 0, -1) if n % d == 0), 1)
