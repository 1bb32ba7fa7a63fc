"""The walk over the tiles of attention: some heads and some queries at a time, all the keys that they may see.

Arrays stay as they come, (batch, time, heads, features): a tile copies its part out and puts its result back. The loop
over heads carries the results, and within it one over queries; either is left out where one tile does.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fnn.kernels import threefry
from fnn.kernels.attention import tiles
from fnn.kernels.attention.plan import Band, Shape, Sizes, bands_of, does_grow, sizes_of
from fnn.kernels.attention.tiles import Modifiers, Place, Scoring
from fnn.kernels.numerics import wide, wide_dtype


class Problem(NamedTuple):
    """What is the same for all tiles."""

    shape: Shape
    sizes: Sizes
    modifiers: Modifiers
    words: tuple[Array, Array] | None  # of the key of dropout
    scoring: Scoring

    @classmethod
    def of(cls, q: Array, k: Array, modifiers: Modifiers, key: Array | None, scoring: Scoring, sizes: Sizes | None):
        """Choose the sizes of the tiles, unless they are given."""
        shape = Shape.of(q, k)
        words = None if key is None else threefry.key_words(key)
        grows = does_grow(scoring.causal, scoring.window, modifiers.offset is not None)
        return cls(shape, sizes or sizes_of(shape, grows), modifiers, words, scoring)

    def scores(self, q: Array, k: Array, place: Place):
        """Return the scores of a tile, the slope of their soft cap, the mask, and the factors of dropout."""
        modifiers = jax.tree.map(lambda x: _cut(x, *_of_tile(x, place)), self.modifiers)
        s, slope, allowed = tiles.scores(q, k, modifiers, place, self.scoring)
        shape, rate = self.shape, self.scoring.dropout
        return s, slope, allowed, tiles.dropout_of(self.words, place, shape.kv_heads, shape.queries, s, rate)

    def over_heads(self, step: Callable, carry: Any) -> Any:
        """Carry through all parts of the heads: step(carry, place of all queries and keys of some heads)."""
        shape, sizes = self.shape, self.sizes
        across = shape.kv_heads // sizes.kv_heads
        size = (sizes.batch, sizes.kv_heads, shape.queries, shape.keys)

        def part(carry, number):
            batch, head = (number, 0) if across == 1 else (op(number, jnp.int32(across)) for op in (lax.div, lax.rem))
            return step(carry, Place(batch * sizes.batch, head * sizes.kv_heads, 0, 0, size, False))

        return _loop(part, carry, shape.batch // sizes.batch * across)

    def over_queries(self, step: Callable, carry: Any, part: Place) -> Any:
        """Carry through the tiles of some heads: step(carry, place)."""
        shape, scoring, moved = self.shape, self.scoring, self.modifiers.offset is not None
        for band in bands_of(shape, self.sizes.queries, scoring.causal, scoring.window, moved):

            def tile(carry, number, band: Band = band):
                query, key = band.query + number * band.queries, 0
                if band.before is not None:
                    key = _clip(query - band.before, shape.keys - band.keys)
                size = (*part.size[:2], band.queries, band.keys)
                return step(carry, Place(part.batch, part.kv_head, query, key, size, band.masked))

            carry = _loop(tile, carry, band.tiles)
        return carry


# Traced once for all layers of one shape: it is the largest part of what a transformer takes to trace.
@functools.partial(jax.jit, static_argnames=("scoring", "sizes"), inline=True)
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
    problem, dtype = Problem.of(q, k, modifiers, key, scoring, sizes), q.dtype
    q, k, v = _alike(q, k, v)
    group = problem.shape.group

    def heads(carry, part):
        ks, vs = _columns(k, part), _columns(v, part)

        def tile(carry, place):
            y, logs = carry
            s, _, _, kept = problem.scores(_rows(q, place, group), _seen(ks, place), place)
            # The shift cancels in value and in gradient, so autodiff of the plain forward need not follow it.
            m = lax.stop_gradient(s.max(-1, keepdims=True, initial=-jnp.inf))
            m = jnp.where(m == -jnp.inf, 0, m)
            p = jnp.exp(s - m)
            total = p.sum(-1, keepdims=True)
            some = jnp.where(total == 0, 1, total)
            weighed = tiles.over_keys(p if kept is None else p * kept, _seen(vs, place)) / some
            y = _put_rows(y, weighed.astype(y.dtype), place, group)
            return y, _put(logs, jnp.where(total == 0, jnp.inf, m + jnp.log(some)), _of_tile(logs, place)[0])

        return problem.over_queries(tile, carry, part)

    y = jnp.zeros((*q.shape[:3], v.shape[3]), q.dtype)
    logs = jnp.zeros((*_of_heads(problem.shape), problem.shape.queries, 1), wide_dtype(q.dtype))
    y, logs = problem.over_heads(heads, (y, logs))
    return y.astype(dtype), logs.reshape(logs.shape[0], -1, problem.shape.queries)


@functools.partial(jax.jit, static_argnames=("scoring", "sizes"), inline=True)
def backward(
    q: Float[Array, "batch queries heads features"],
    k: Float[Array, "batch keys kv_heads features"],
    v: Float[Array, "batch keys kv_heads value_features"],
    modifiers: Modifiers,
    key: Array | None,
    y: Float[Array, "batch queries heads value_features"],
    logs: Float[Array, "batch heads queries"],
    dy: Float[Array, "batch queries heads value_features"],
    scoring: Scoring,
    sizes: Sizes | None = None,
) -> tuple[Array, Array, Array, Array | None, Array | None]:
    """Return (dQ, dK, dV, the bias's gradient, the slopes'), in the accumulation dtype."""
    problem = Problem.of(q, k, modifiers, key, scoring, sizes)
    q, k, v, y, dy = _alike(q, k, v, y, dy)
    dtype, group = wide_dtype(q.dtype), problem.shape.group
    inner = (wide(dy) * wide(y)).sum(-1, keepdims=True)
    logs = logs.reshape(*_of_heads(problem.shape), problem.shape.queries, 1)

    def heads(carry, part):
        ks, vs = _columns(k, part), _columns(v, part)

        def tile(carry, place):
            dq, dk, dv, dbias, dslopes = carry
            rows, drows = _rows(q, place, group), _rows(dy, place, group)
            s, slope, allowed, kept = problem.scores(rows, _seen(ks, place), place)
            p = jnp.exp(s - _cut(logs, *_of_tile(logs, place)))
            dp = tiles.against(drows, _seen(vs, place))
            dp = dp if kept is None else dp * kept
            ds = p * (dp - _rows(inner, place, group))
            # A masked key takes no part, not even in the NaN of a row.
            ds = ds if allowed is None else jnp.where(allowed, ds, 0)
            dv = _add_columns(dv, tiles.over_queries(p if kept is None else p * kept, drows), place)
            if dbias is not None:
                dbias = _accumulate(dbias, ds, place)
            if dslopes is not None:
                offset = modifiers.offset
                offset = None if offset is None else _cut(offset, *_of_tile(offset, place))
                dslopes = _accumulate(dslopes, ds * tiles.distances(Modifiers(offset=offset), place, s), place)
            ds = ds if slope is None else ds * slope
            dq = _put_rows(dq, scoring.scale * tiles.over_keys(ds, _seen(ks, place)), place, group)
            dk = _add_columns(dk, tiles.over_queries(ds, rows), place)
            return dq, dk, dv, dbias, dslopes

        return problem.over_queries(tile, carry, part)

    # Time stands innermost in dK and dV until all is added, as in the products that make them: see `over_queries`.
    arguments = (q, k.transpose(0, 2, 3, 1), v.transpose(0, 2, 3, 1), modifiers.bias, modifiers.slopes)
    zeros = tuple(None if x is None else jnp.zeros(x.shape, dtype) for x in arguments)
    dq, dk, dv, *others = problem.over_heads(heads, zeros)
    dk, dv = scoring.scale * dk.transpose(0, 3, 1, 2), dv.transpose(0, 3, 1, 2)
    return dq, dk, dv, *others


def _loop(step: Callable, carry: Any, count: int) -> Any:
    """Carry through step(carry, 0), step(carry, 1), ...; a scan, so that JAX can differentiate it."""
    if count == 1:
        return step(carry, 0)

    def numbered(carry, _):
        carry, number = carry
        return (step(carry, number), number + 1), None

    return lax.scan(numbered, (carry, jnp.int32(0)), length=count)[0][0]


def _alike(*arrays: Array) -> tuple[Array, ...]:
    """Give arrays of different dtypes the widest in which any of them is accumulated."""
    dtypes = {x.dtype for x in arrays}
    if len(dtypes) == 1:
        return arrays
    bits = max(jnp.finfo(wide_dtype(dtype)).bits for dtype in dtypes)
    return tuple(x.astype(jnp.float64 if bits > 32 else jnp.float32) for x in arrays)


def _of_heads(shape: Shape) -> tuple[int, int, int]:
    return shape.batch, shape.kv_heads, shape.group


def _rows(x: Array, place: Place, group: int) -> tiles.Rows:
    """Return the part of (batch, queries, heads, features) that belongs to a tile, grouped, time moved inwards."""
    batch, heads, queries, _ = place.size
    starts = (place.batch, place.query, place.kv_head * group, 0)
    part = _cut(x, starts, (batch, queries, heads * group, x.shape[3]))
    return part.reshape(batch, queries, heads, group, x.shape[3]).transpose(0, 2, 3, 1, 4)


def _put_rows(x: Array, rows: tiles.Rows, place: Place, group: int) -> Array:
    part = rows.transpose(0, 3, 1, 2, 4)
    part = part.reshape(*part.shape[:2], -1, part.shape[4])
    return _put(x, part, (place.batch, place.query, place.kv_head * group, 0))


def _columns(x: Array, place: Place) -> tiles.Columns:
    """Return the heads of (batch, keys, kv_heads, features) that belong to a part, time moved inwards."""
    batch, heads, _, keys = place.size
    starts = (place.batch, 0, place.kv_head, 0)
    return _cut(x, starts, (batch, keys, heads, x.shape[3])).transpose(0, 2, 1, 3)


def _seen(columns: tiles.Columns, place: Place) -> Float[Array, "batch kv_heads seen features"]:
    """Return the columns that the queries of a tile may see."""
    return _cut(columns, (0, 0, place.key, 0), (*columns.shape[:2], place.size[3], columns.shape[3]))


def _add_columns(
    columns: Float[Array, "all kv_heads features keys"], part: Float[Array, "batch heads features seen"], place: Place
) -> Array:
    """Add to the columns that the queries of a tile may see, of the heads of its part."""
    starts = (place.batch, place.kv_head, 0, place.key)
    return _put(columns, _cut(columns, starts, part.shape) + part, starts)


def _of_tile(x: Array, place: Place) -> tuple[tuple, tuple[int, ...]]:
    """Return where a tile begins in an array of its axes, and its shape there; an axis of size 1 broadcasts."""
    batch, heads, queries, keys = place.size
    starts = (place.batch, place.kv_head, 0, place.query, place.key)
    sizes = (batch, heads, x.shape[2], queries, keys)
    alone = [n == 1 for n in x.shape]
    return (
        tuple(0 if one else start for one, start in zip(alone, starts, strict=True)),
        tuple(1 if one else size for one, size in zip(alone, sizes, strict=True)),
    )


def _accumulate(total: Array, tile: tiles.Tile, place: Place) -> Array:
    """Add a tile to an array of its axes, summed over those along which the array broadcasts."""
    starts, sizes = _of_tile(total, place)
    stretched = tuple(axis for axis, (n, m) in enumerate(zip(sizes, tile.shape, strict=True)) if n != m)
    return _put(total, _cut(total, starts, sizes) + tile.sum(stretched, keepdims=True), starts)


def _cut(x: Array, starts: tuple, sizes: tuple[int, ...]) -> Array:
    if x.shape == sizes:
        return x
    return lax.dynamic_slice(x, _numbers(starts), sizes, allow_negative_indices=False)


def _put(x: Array, part: Array, starts: tuple) -> Array:
    if x.shape == part.shape:
        return part
    return lax.dynamic_update_slice(x, part, _numbers(starts), allow_negative_indices=False)


def _numbers(starts: tuple) -> list[Array]:
    return [jnp.asarray(start, jnp.int32) for start in starts]


def _clip(number: int | Array, most: int) -> int | Array:
    return min(max(number, 0), most) if isinstance(number, int) else jnp.clip(number, 0, most)
