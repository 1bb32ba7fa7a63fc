"""Rows of a table by integer ids, and the gradient of the table: sums of the rows of one id.

    Y_i = W[ids_i]                  dW_v = Σ dY_i over the i with ids_i = v

Sums are taken in float32 or wider, in an order that does not change from run to run. An id outside 0..vocabulary-1
has a row of NaN and gives its gradient to no row.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Integer

from fnn.kernels.numerics import wide

_SMALL = 512  # the largest vocabulary whose gradient is a matrix product where scatters are slow


def forward(ids: Integer[Array, "*batch"], w: Float[Array, "vocabulary features"]) -> Float[Array, "*batch features"]:
    """Return W[ids], NaN where an id names no row."""
    ids = _signed(ids)
    if w.shape[0] == 0:
        return jnp.full((*ids.shape, w.shape[1]), jnp.nan, w.dtype)
    inside = (ids >= 0) & (ids < w.shape[0])
    rows = w.at[jnp.where(inside, ids, 0)].get(mode="promise_in_bounds")
    return jnp.where(inside[..., None], rows, jnp.nan)


def backward(
    ids: Integer[Array, "*batch"], dy: Float[Array, "*batch features"], vocabulary: int, padding_id: int | None = None
) -> Float[Array, "vocabulary features"]:
    """Return dW in the accumulation dtype, its row `padding_id` zero.

    Time over the scatter's (float32, two cores Zen 4):

                                     scatter     product     sorted
        4096 ids into (65, 128)        1            3           7
        4096 ids into (512, 192)       1           13           5
        8192 ids into (10000, 256)     1            -           5

    A CPU adds one row after the other in order, at the speed of its memory. A GPU would add them in any order, and
    float32 by a loop of compare-and-swap: there the ids are sorted, or the product taken if the vocabulary is small.
    """
    ids, dy = _signed(ids).reshape(-1), wide(dy).reshape(-1, dy.shape[-1])
    counted = (ids >= 0) & (ids < vocabulary)
    if padding_id is not None:
        counted &= ids != padding_id
    ids = jnp.where(counted, ids, vocabulary)
    if jax.default_backend() == "cpu":
        return by_scatter(ids, dy, vocabulary)
    return (by_product if vocabulary <= _SMALL else by_sorting)(ids, dy, vocabulary)


def by_scatter(ids: Integer[Array, " n"], dy: Float[Array, "n features"], vocabulary: int) -> Array:
    """Return the sums by adding row after row to a table; ids at or past the vocabulary are dropped.

    A row is written as the window (1, features) that XLA adds in the end: of dY with one axis less it makes a copy
    first, a quarter of the time.
    """
    zeros = jnp.zeros((vocabulary, dy.shape[1]), dy.dtype)
    if vocabulary == 0:
        return zeros  # which has no room for a window
    windows = lax.ScatterDimensionNumbers((1, 2), (), (0,))
    return lax.scatter_add(zeros, ids[:, None], dy[:, None], windows, mode="drop")


def by_product(ids: Integer[Array, " n"], dy: Float[Array, "n features"], vocabulary: int) -> Array:
    """Return the sums as the product of the one-hot rows, transposed, with dY; n vocabulary features operations."""
    one_hot = (ids[None] == jnp.arange(vocabulary, dtype=ids.dtype)[:, None]).astype(dy.dtype)
    return jnp.matmul(one_hot, dy, precision=lax.Precision.HIGHEST)


def by_sorting(ids: Integer[Array, " n"], dy: Float[Array, "n features"], vocabulary: int) -> Array:
    """Return the sums by sorting the ids, a running sum that starts anew with each id, and its value at each id's end.

    The running sum is a tree of additions, so it rounds as log n of them do; and every row of dW is a gather.
    """
    if ids.size == 0:
        return jnp.zeros((vocabulary, dy.shape[1]), dy.dtype)
    order = jnp.argsort(ids)
    ids, dy = ids[order], dy[order]
    starts = jnp.concatenate([jnp.ones(1, bool), ids[1:] != ids[:-1]])
    totals, _ = lax.associative_scan(_add_within, (dy, starts))
    wanted = jnp.arange(vocabulary, dtype=ids.dtype)
    last = jnp.maximum(jnp.searchsorted(ids, wanted, side="right") - 1, 0)
    return jnp.where((ids[last] == wanted)[:, None], totals[last], 0.0)


def _add_within(a: tuple[Array, Bool[Array, " n"]], b: tuple[Array, Bool[Array, " n"]]):
    """Add the sum that ends in a to that which ends in b, unless a new id starts in between."""
    return jnp.where(b[1][:, None], b[0], a[0] + b[0]), a[1] | b[1]


def _signed(ids: Integer[Array, "*batch"]) -> Integer[Array, "*batch"]:
    """Widen short and unsigned integers, which could not hold the size of the vocabulary."""
    return ids if ids.dtype in (jnp.int32, jnp.int64) else ids.astype(jnp.int32)
