"""The one mechanism: an identity whose backward pass hands out what was measured in both passes.

`measured` gives its value on unchanged and has one argument more, the probe. What it returns as the cotangent of the
probe is no derivative (that is zero, for the output does not depend on it) but the measurements, so that `jax.grad`
with respect to the probes carries them out of jit, scan, remat and vmap, in a pure program.

JAX adds up the cotangents of an argument that is used several times. So all that is measured is a sum or adds up as
one: means over the calls together with the number of calls. The largest magnitude alone does not.

A probe is one vector, for a hundred small arrays would cost a program more than what it measures:

    output (NUMBERS, units, bins), cotangent (NUMBERS, units, bins), share of saturated entries, 1 for the call
"""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fnn.kernels.numerics import wide_dtype
from fnn.rule import rule

NUMBERS = 7
"""Mean, three scaled mean squares (see `band_of`), share of zeros, count of entries that are not finite, and
largest magnitude. Mean, squares and magnitude are those of the finite entries, the others counting zero."""

SPAN = 4.0
"""A histogram reaches from -SPAN to SPAN, in units of the root mean square; the last bins take what lies beyond."""

_SMALL, _LARGE = 2.0**-40, 2.0**50
_SCALES = (2.0**90, 1.0, 2.0**-76)


@rule
def measured(y: Any, probe: Float[Array, " probe"], saturated: Float[Array, ""], *, bins: int):
    """Y = Y, dY = dY, and as the cotangent of the probe what was measured of Y and of dY.

    y is a tuple of floating-point arrays, which are measured together, in float32 or wider; saturated is the share of
    its entries that are. Keeps the measurements of Y, some numbers more than it has units; never Y.
    """
    return y, (sums(y, bins=bins), saturated)


@measured.backward
def measured_backward(saved, dy, *, bins):
    """DY = dY, and the measurements; the share of saturated entries has no gradient."""
    output, saturated = saved
    call = jnp.stack([saturated, jnp.ones_like(saturated)])
    return dy, jnp.concatenate([output, sums(dy, bins=bins), call]), None


def probe(leaves: tuple[Any, ...], times: tuple[int, ...], bins: int) -> Float[Array, "*times probe"]:
    """Return the zeros for a value of these floating-point arrays, measured at each of `times` repetitions."""
    return jnp.zeros((*times, 2 * (NUMBERS + units(leaves) + bins) + 2), dtype_of(leaves))


@partial(jax.jit, static_argnames="bins")  # to be traced once for each shape
def sums(leaves: tuple[Any, ...], *, bins: int) -> Float[Array, " sums"]:
    """Measure the floating-point entries of one value: NUMBERS, the share of zeros by unit, the share of each bin."""
    dtype, count = dtype_of(leaves), max(entries(leaves), 1)
    tables = [leaf.reshape(_rows(leaf), _units(leaf)).astype(dtype) for leaf in leaves]
    largest = jnp.stack([lax.abs(_finite(table)).max(0, initial=0).max(initial=0) for table in tables]).max()
    band, scale = band_of(largest)
    columns = jnp.concatenate([_columns(table, scale) for table in tables], 1)
    total, square, zero, not_finite = columns.sum(1)
    squares = band * (square / count)
    zeros = columns[2] / jnp.concatenate([jnp.full((_units(leaf),), max(_rows(leaf), 1), dtype) for leaf in leaves])
    histogram = _histogram(tables, root_mean_square(squares, (count - not_finite) / count), bins) / count
    numbers = jnp.stack([total / count, *squares, zero / count, not_finite, largest])
    return jnp.concatenate([numbers, zeros, histogram])


def entries(leaves: tuple[Any, ...]) -> int:
    """Return how many numbers are measured together."""
    return sum(math.prod(leaf.shape) for leaf in leaves)


def units(leaves: tuple[Any, ...]) -> int:
    """Return how many units they have: indices along the last axis."""
    return sum(map(_units, leaves))


def dtype_of(leaves: tuple[Any, ...]) -> Any:
    """Return the dtype that they are measured in."""
    return max((wide_dtype(leaf.dtype) for leaf in leaves), key=lambda dtype: dtype.itemsize)


def band_of(largest: Float[Array, "*times"]) -> tuple[Float[Array, "*times 3"], Float[Array, "*times"]]:
    """Return in which of three bands entries lie (one-hot), and by what to scale them before they are squared.

    float32 squares nothing below 1e-19 or above 1e19, where vanishing and exploding gradients are. Each of the three
    sums of squares has a scale of its own, and the largest entry chooses: so they add up whoever adds them.
    Source: the accumulators of Blue (1978), A portable Fortran program to find the Euclidean norm of a vector.
    """
    small, large = largest < _SMALL, largest > _LARGE
    bands = jnp.stack([small, ~(small | large), large], -1)
    scale = jnp.where(small, _SCALES[0], jnp.where(large, _SCALES[2], _SCALES[1]))
    return bands.astype(largest.dtype), scale.astype(largest.dtype)


def scaled_square(x: Float[Array, "..."], scale: Float[Array, ""]) -> Float[Array, "..."]:
    """Return (x · scale)²."""
    kind = jnp.finfo(x.dtype)
    # To nothing less than its own precision: where XLA knows the scale, it would square it by itself, to infinity.
    return lax.square(lax.reduce_precision(x * scale, kind.nexp, kind.nmant))


def root_mean_square(squares: Float[Array, "*times 3"], share: Float[Array, "*times"]) -> Float[Array, "*times"]:
    """Return the root of three scaled mean squares, where no more than `share` of the entries count."""
    small, medium, large = (jnp.sqrt(squares[..., i] / share) / scale for i, scale in enumerate(_SCALES))
    return jnp.hypot(jnp.hypot(small, medium), large)


def _columns(x: Any, scale: Any) -> Any:
    """Return the sums down the columns, which run at the speed of memory: x, its squares, zeros, not finite."""
    finite = _finite(x)
    parts = (finite, scaled_square(finite, scale), (x == 0).astype(x.dtype), (~is_finite(x)).astype(x.dtype))
    return jnp.stack([part.sum(0) for part in parts])


def _finite(x: Any) -> Any:
    return lax.select(is_finite(x), x, lax.full_like(x, 0))


def is_finite(x: Array) -> Array:
    """Return where x is finite: on a CPU ten times as fast as XLA's own."""
    return lax.abs(x) < jnp.inf


def _histogram(tables: list[Any], unit: Any, bins: int) -> Any:
    counts = jnp.zeros((bins,), unit.dtype)
    if bins == 0:
        return counts
    unit = jnp.where(unit > 0, unit, jnp.ones_like(unit))
    for table in tables:
        x = table.reshape(-1)
        place = lax.floor((x / unit + SPAN) * (bins / (2 * SPAN))).clip(0, bins - 1)
        place = jnp.where(is_finite(x), place, bins).astype(jnp.int32)  # bin number `bins` is dropped
        counts = counts.at[place].add(1, mode="drop")
    return counts


def _units(leaf: Any) -> int:
    return leaf.shape[-1] if leaf.ndim else 1


def _rows(leaf: Any) -> int:
    return math.prod(leaf.shape[:-1])
