"""The walk over the tiles of attention: some heads and some queries at a time, all the keys that they may see."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fnn.kernels import threefry
from fnn.kernels.attention import tiles
from fnn.kernels.attention.tiles import Modifiers, Place, Scoring
from fnn.kernels.numerics import wide, wide_dtype

_ENTRIES = 1 << 18


class Block(NamedTuple):
    """Some queries and all the keys that any of them may see, each by the first and how many; static."""

    query: int
    queries: int
    key: int
    keys: int
    masked: bool


class Sizes(NamedTuple):
    """How many examples, key-value heads and queries a tile has."""

    batch: int
    kv_heads: int
    queries: int


def sizes_of(batch: int, kv_heads: int, group: int, queries: int, keys: int) -> Sizes:
    """Choose the sizes of a tile by the shape: whole heads at once when they are small, else one and a few queries."""
    rows = max(_ENTRIES // max(keys * group, 1), 1)
    if rows < queries:
        return Sizes(1, 1, max(min(queries, 128), 1))
    heads = max(rows // max(queries, 1), 1)
    if heads >= kv_heads:
        return Sizes(_divisor(batch, heads // max(kv_heads, 1)), kv_heads, queries)
    return Sizes(1, _divisor(kv_heads, heads), queries)


def forward(
    q: Float[Array, "batch queries heads features"],
    k: Float[Array, "batch keys kv_heads features"],
    v: Float[Array, "batch keys kv_heads value_features"],
    modifiers: Modifiers,
    key: Array | None,
    scoring: Scoring,
    sizes: Sizes | None = None,
) -> tuple[Float[Array, "batch queries heads value_features"], Float[Array, "batch heads queries"]]:
    """Return O in q's dtype, and L in the accumulation dtype: +inf where a query sees no key."""
    shape = _Shape.of(q, k)
    if shape.queries == 0:
        empty = jnp.zeros((shape.batch, shape.kv_heads * shape.group, 0), wide_dtype(q.dtype))
        return jnp.zeros((*q.shape[:3], v.shape[3]), q.dtype), empty
    sizes = sizes or sizes_of(*shape)
    words = None if key is None else threefry.key_words(key)

    def step(_, xs):
        number, q, k, v = xs
        return None, _forward(q, k, v, _part(modifiers, number, shape, sizes), words, number, shape, scoring, sizes)

    xs = (_split_rows(q, shape, sizes), _split(k, sizes), _split(v, sizes))
    _, (y, logs) = _walk(step, None, xs)
    y = _join_rows(y, shape)
    return y, logs.reshape(shape.batch, shape.kv_heads * shape.group, shape.queries)


def backward(
    q: Array,
    k: Array,
    v: Array,
    modifiers: Modifiers,
    key: Array | None,
    y: Array,
    logs: Array,
    dy: Array,
    scoring: Scoring,
    sizes: Sizes | None = None,
) -> tuple[Array, Array, Array, Array | None, Array | None]:
    """Return (dQ, dK, dV, the bias's gradient, the slopes'), in the accumulation dtype."""
    shape = _Shape.of(q, k)
    bias, slopes = modifiers.bias, modifiers.slopes
    if shape.queries == 0:
        dslopes = None if slopes is None else jnp.zeros(slopes.shape, wide_dtype(q.dtype))
        return q, jnp.zeros_like(k), jnp.zeros_like(v), None if bias is None else jnp.zeros_like(bias), dslopes
    sizes = sizes or sizes_of(*shape)
    words = None if key is None else threefry.key_words(key)
    carried = None if bias is None else jnp.zeros(bias.shape, wide_dtype(q.dtype))

    def step(dbias, xs):
        number, *arrays = xs
        part = _part(modifiers, number, shape, sizes)
        dq, dk, dv, added, dslopes = _backward(*arrays, part, words, number, shape, scoring, sizes)
        if dbias is not None:
            starts = _starts(dbias.shape, number, shape, sizes)
            there = lax.dynamic_slice(dbias, starts, added.shape)
            dbias = lax.dynamic_update_slice(dbias, there + added, starts)
        return dbias, (dq, dk, dv, dslopes)

    logs = logs.reshape(shape.batch, shape.kv_heads, shape.group, shape.queries)
    xs = (_split_rows(q, shape, sizes), _split(k, sizes), _split(v, sizes))
    xs = (*xs, _split_rows(y, shape, sizes), _pieces(logs, sizes), _split_rows(dy, shape, sizes))
    dbias, (dq, dk, dv, dslopes) = _walk(step, carried, xs)
    if dslopes is not None:
        dslopes = dslopes.reshape(shape.batch, -1).sum(0)
    return _join_rows(dq, shape), _join(dk, shape), _join(dv, shape), dbias, dslopes


def blocks_of(shape: "_Shape", scoring: Scoring, size: int, moved: bool) -> list[Block]:
    """Return the blocks of queries, in order; moved when the queries' positions are known at run time only."""
    blocks = []
    for first in range(0, shape.queries, size):
        end = min(first + size, shape.queries)
        start, stop, masked = 0, shape.keys, False
        if moved:
            masked = True
        else:
            if scoring.causal:
                stop = min(stop, end)
                masked = stop > first + 1
            if scoring.window is not None:
                start = min(max(first - scoring.window + 1, 0), stop)
                if not scoring.causal:
                    stop = max(min(stop, end - 1 + scoring.window), start)
                masked = True
        blocks.append(Block(first, end - first, start, stop - start, masked))
    return blocks


def _forward(q, k, v, modifiers, words, number, shape, scoring, sizes):
    outputs, logs = [], []
    heads = _head_numbers(number, shape, sizes)
    for block in blocks_of(shape, scoring, sizes.queries, modifiers.offset is not None):
        place = Place(block.query, block.key, block.masked)
        rows, (ks, vs) = _rows(q, block), _columns((k, v), block)
        s, _ = tiles.scores(rows, ks, modifiers, place, scoring)
        # The shift cancels in value and in gradient, so autodiff of the plain forward need not follow it.
        m = lax.stop_gradient(s.max(-1, keepdims=True, initial=-jnp.inf))
        m = jnp.where(m == -jnp.inf, 0, m)
        p = jnp.exp(s - m)
        total = p.sum(-1, keepdims=True)
        kept = tiles.kept_of(words, heads, place, shape.queries, s, scoring.dropout)
        y = tiles.over_keys(p if kept is None else p * kept, vs)
        none = total == 0
        outputs.append((y / jnp.where(none, 1, total)).astype(q.dtype))
        logs.append(jnp.where(none, jnp.inf, m + jnp.log(jnp.where(none, 1, total)))[..., 0])
    return _concatenate(outputs), _concatenate(logs)


def _backward(q, k, v, y, logs, dy, modifiers, words, number, shape, scoring, sizes):
    dtype = wide_dtype(q.dtype)
    dk, dv = jnp.zeros(k.shape, dtype), jnp.zeros(v.shape, dtype)
    bias, slopes = modifiers.bias, modifiers.slopes
    dbias = None if bias is None else jnp.zeros(bias.shape, dtype)
    dslopes = None if slopes is None else jnp.zeros(q.shape[:3], dtype)
    dqs = []
    heads = _head_numbers(number, shape, sizes)
    inner = (wide(y) * wide(dy)).sum(-1)
    for block in blocks_of(shape, scoring, sizes.queries, modifiers.offset is not None):
        place = Place(block.query, block.key, block.masked)
        rows, drows, (ks, vs) = _rows(q, block), _rows(dy, block), _columns((k, v), block)
        s, slope = tiles.scores(rows, ks, modifiers, place, scoring)
        p = jnp.exp(s - _rows(logs, block)[..., None])
        dp = tiles.against(drows, vs)
        kept = tiles.kept_of(words, heads, place, shape.queries, s, scoring.dropout)
        if kept is not None:
            dp = dp * kept
        ds = p * (dp - _rows(inner, block)[..., None])
        dv = _add(dv, tiles.over_queries(p if kept is None else p * kept, drows), block)
        if dbias is not None:
            dbias = _add_bias(dbias, ds, block)
        if dslopes is not None:
            dslopes = dslopes + (ds * jnp.broadcast_to(tiles.distances(modifiers, place, s), s.shape)).sum((3, 4))
        if slope is not None:
            ds = ds * slope
        dqs.append(scoring.scale * tiles.over_keys(ds, ks))
        dk = _add(dk, scoring.scale * tiles.over_queries(ds, rows), block)
    return _concatenate(dqs), dk, dv, dbias, dslopes


class _Shape(NamedTuple):
    batch: int
    kv_heads: int
    group: int
    queries: int
    keys: int

    @classmethod
    def of(cls, q: Array, k: Array) -> "_Shape":
        return cls(q.shape[0], k.shape[2], q.shape[2] // k.shape[2], q.shape[1], k.shape[1])


def _rows(x: Array, block: Block) -> Array:
    return lax.slice_in_dim(x, block.query, block.query + block.queries, axis=3)


def _columns(arrays: tuple[Array, ...], block: Block) -> list[Array]:
    return [lax.slice_in_dim(x, block.key, block.key + block.keys, axis=2) for x in arrays]


def _add(total: Array, part: Array, block: Block) -> Array:
    if part.shape == total.shape:
        return total + part
    return total.at[:, :, block.key : block.key + block.keys].add(part)


def _add_bias(dbias: Array, ds: Array, block: Block) -> Array:
    """Add a tile of dS to the bias's gradient, summed over the axes along which the bias broadcasts."""
    stretched = tuple(axis for axis in range(5) if dbias.shape[axis] == 1 and ds.shape[axis] != 1)
    part = ds.sum(stretched, keepdims=True)
    starts = [0, 0, 0, block.query if dbias.shape[3] != 1 else 0, block.key if dbias.shape[4] != 1 else 0]
    there = lax.dynamic_slice(dbias, starts, part.shape)
    return lax.dynamic_update_slice(dbias, there + part, starts)


def _concatenate(parts: list[Array]) -> Array:
    return parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=3)


def _walk(step, carry, xs):
    """Scan over the parts of the heads; a single part needs no loop."""
    count = jax.tree.leaves(xs)[0].shape[0]
    numbers = jnp.arange(count, dtype=jnp.int32)
    if count == 1:
        carry, ys = step(carry, (0, *(x[0] for x in xs)))
        return carry, jax.tree.map(lambda y: y[None], ys)
    return lax.scan(step, carry, (numbers, *xs))


def _part(modifiers: Modifiers, number: Array | int, shape: _Shape, sizes: Sizes) -> Modifiers:
    """Return the modifiers of one part of the heads."""

    def part(x):
        small = (min(sizes.batch, x.shape[0]), min(sizes.kv_heads, x.shape[1]), *x.shape[2:])
        return lax.dynamic_slice(x, _starts(x.shape, number, shape, sizes), small)

    return jax.tree.map(part, modifiers)


def _starts(sizes_of_x: tuple[int, ...], number: Array | int, shape: _Shape, sizes: Sizes) -> list:
    across = shape.kv_heads // sizes.kv_heads
    batch, head = number // across * sizes.batch, number % across * sizes.kv_heads
    zero = 0 * batch
    return [batch if sizes_of_x[0] > 1 else zero, head if sizes_of_x[1] > 1 else zero] + [zero] * (len(sizes_of_x) - 2)


def _head_numbers(number: Array | int, shape: _Shape, sizes: Sizes) -> Array:
    """Return batch · heads + head for each head of a part."""
    size = sizes.batch * sizes.kv_heads * shape.group
    count = number * size + jnp.arange(size, dtype=jnp.int32)
    return count.reshape(sizes.batch, sizes.kv_heads, shape.group, 1, 1)


def _split_rows(x: Array, shape: _Shape, sizes: Sizes) -> Array:
    """(batch, queries, heads, features) -> (parts, batch, kv_heads, group, queries, features)."""
    x = x.reshape(*x.shape[:2], shape.kv_heads, shape.group, x.shape[3])
    return _pieces(x.transpose(0, 2, 3, 1, 4), sizes)


def _split(x: Array, sizes: Sizes) -> Array:
    """(batch, keys, kv_heads, features) -> (parts, batch, kv_heads, keys, features)."""
    return _pieces(x.transpose(0, 2, 1, 3), sizes)


def _pieces(x: Array, sizes: Sizes) -> Array:
    parts = x.shape[0] // sizes.batch * (x.shape[1] // sizes.kv_heads)
    return x.reshape(parts, sizes.batch, sizes.kv_heads, *x.shape[2:])


def _join_rows(x: Array, shape: _Shape) -> Array:
    x = x.reshape(shape.batch, shape.kv_heads * shape.group, shape.queries, x.shape[-1])
    return x.transpose(0, 2, 1, 3)


def _join(x: Array, shape: _Shape) -> Array:
    return x.reshape(shape.batch, shape.kv_heads, shape.keys, x.shape[-1]).transpose(0, 2, 1, 3)


def _divisor(n: int, most: int) -> int:
    return next((d for d in range(max(min(n, most), 1), 0, -1) if n % d == 0), 1)
