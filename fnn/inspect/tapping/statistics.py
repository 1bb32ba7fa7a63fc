"""The statistics of layers and of parameters, read out of what was measured, for all of them at once."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fnn.inspect.tapping.measure import NUMBERS, SPAN, band_of, is_finite, root_mean_square, scaled_square
from fnn.kernels.numerics import wide


class Statistics(NamedTuple):
    """Of the entries of an output or of its cotangent; one number for each repetition where the layer is repeated.

    Mean, rms and largest are those of the finite entries. All are NaN where no gradient came, for then nothing was
    measured.
    """

    mean: Float[Array, "*times"]
    rms: Float[Array, "*times"]
    """Root mean square."""
    largest: Float[Array, "*times"]
    """The largest magnitude; NaN where several calls were measured together, of which there is no more than a sum."""
    zero: Float[Array, "*times"]
    """Share of entries that are zero."""
    not_finite: Float[Array, "*times"]
    """Number of entries that are infinite or NaN."""
    zero_by_unit: Float[Array, "*times units"]
    """Of each unit (each index along the last axis) the share of entries, of examples, that are zero."""
    histogram: Float[Array, "*times bins"]
    """Share of entries in each bin; no bins if none were asked for."""

    @property
    def edges(self) -> np.ndarray:
        """The edges of the bins, on the host: equal steps from -4 rms to 4 rms; the last bins count what lies beyond.

        Where several calls were measured together, each was counted in units of its own rms.
        """
        return np.asarray(self.rms)[..., None] * np.linspace(-SPAN, SPAN, self.histogram.shape[-1] + 1)


class LayerStatistics(NamedTuple):
    """One layer: its output and the cotangent of its output."""

    output: Statistics
    cotangent: Statistics
    saturated: Float[Array, "*times"]
    """Share of outputs at which the activation's slope is below 0.05: |tanh| > 0.975, ReLU's closed side.

    NaN for a layer that is no elementwise activation.
    """
    calls: Float[Array, "*times"]
    """How many calls were measured together: more than 1 under `jax.vmap` or in a loop of the user's own; 0 where no
    gradient came: the output does not reach the loss, or the layer did not run."""


class ParameterStatistics(NamedTuple):
    """One leaf of the parameters. A ratio x / 0 is infinite, and 0 / 0 is 0: nothing there, nothing changed."""

    weight: Float[Array, ""]
    """Root mean square of the parameter; NaN if it is not finite."""
    gradient: Float[Array, ""]
    """Root mean square of its gradient; NaN if it is not finite."""
    not_finite: Float[Array, ""]
    """Number of entries of the gradient that are infinite or NaN."""
    gradient_ratio: Float[Array, ""]
    """‖gradient‖ / ‖weight‖."""
    update_ratio: Float[Array, ""]
    """‖update‖ / ‖weight‖; NaN before `Taps.updated`."""


class Place(NamedTuple):
    """What is known of a layer before it runs, and where its statistics stand."""

    path: str
    entries: int
    """Numbers in its output."""
    units: int
    repeats: tuple[int, ...]
    """How often each `repeat` around it runs its body."""
    loops: tuple[int, ...]
    """Which loops these are: the number, in the order of the forward, of the first layer within."""
    number: int
    """The layer's own number in the order of the forward."""
    row: int
    """Its first row of the numbers and histograms: there is one for each repetition."""
    cell: int
    """Its first cell of what there is by unit."""


def read_layers(places: Sequence[Place], probes: Sequence[Any], bins: int) -> tuple[Any, Any, Any]:
    """Read out the probes: numbers (rows, 12), share of zeros by unit (cells,), histograms (rows, 2, bins).

    The columns of the numbers are the first five fields of `Statistics`, of the output and of the cotangent, then the
    share of saturated entries and the calls.
    """
    dtype = max((probe.dtype for probe in probes), key=lambda dtype: dtype.itemsize, default=jnp.dtype(jnp.float32))
    if not places:
        return jnp.zeros((0, 12), dtype), jnp.zeros((0,), dtype), jnp.zeros((0, 2, bins), dtype)
    numbers, by_unit, histograms, last, counts = [], [], [], [], []
    for place, probe in zip(places, probes, strict=True):
        table = probe.reshape(-1, probe.shape[-1]).astype(dtype)
        passes = table[:, :-2].reshape(len(table), 2, -1)
        calls = table[:, -1:, None]
        numbers.append(passes[..., :NUMBERS])
        by_unit.append((passes[..., NUMBERS : NUMBERS + place.units] / calls).reshape(-1))
        histograms.append(passes[..., NUMBERS + place.units :])
        last.append(table[:, -2:])
        counts += len(table) * [place.entries]
    last = jnp.concatenate(last)
    calls = jnp.where(last[:, 1:] > 0, last[:, 1:], jnp.nan)
    mean, *squares, zero, not_finite, largest = jnp.moveaxis(jnp.concatenate(numbers), -1, 0)
    count = jnp.asarray(counts, dtype)[:, None]
    finite = (count - not_finite / calls) / count  # exactly 0 where nothing is finite
    columns = (
        mean / calls / finite,
        root_mean_square(jnp.stack(squares, -1) / calls[..., None], finite),
        jnp.where((calls == 1) & (finite > 0), largest, jnp.nan),
        zero / calls,
        not_finite * (calls / calls),
    )
    table = jnp.concatenate([jnp.stack(columns, -1).reshape(len(counts), 10), last[:, :1] / calls, last[:, 1:]], 1)
    return table, jnp.concatenate(by_unit), jnp.concatenate(histograms) / calls[..., None]


def layer_statistics(place: Place, numbers: Any, by_unit: Any, histograms: Any) -> LayerStatistics:
    """Return one layer's part of what `read_layers` returned."""
    steps, rows = numbers.shape[:-2], int(np.prod(place.repeats, dtype=int))
    shape = (*steps, *place.repeats)
    row = numbers[..., place.row : place.row + rows, :].reshape(*shape, 12)
    cells = by_unit[..., place.cell : place.cell + 2 * rows * place.units].reshape(*shape, 2, place.units)
    histogram = histograms[..., place.row : place.row + rows, :, :].reshape(*shape, 2, histograms.shape[-1])
    output, cotangent = (
        Statistics(
            *(row[..., 5 * p + i] for i in range(5)), zero_by_unit=cells[..., p, :], histogram=histogram[..., p, :]
        )
        for p in range(2)
    )
    return LayerStatistics(output, cotangent, row[..., 10], row[..., 11])


def read_parameters(weights: Sequence[Any], gradients: Sequence[Any]) -> Float[Array, "leaves 5"]:
    """Return the fields of `ParameterStatistics` of each leaf."""
    if not weights:
        return jnp.zeros((0, 5), jnp.float32)
    weight, gradient = rms(weights), rms(gradients)
    not_finite = jnp.stack([(~is_finite(leaf)).sum().astype(weight.dtype) for leaf in gradients])
    columns = (weight, gradient, not_finite, ratio(gradient, weight), jnp.full_like(weight, jnp.nan))
    return jnp.stack(columns, -1)


def ratio(x: Float[Array, " leaves"], y: Float[Array, " leaves"]) -> Float[Array, " leaves"]:
    """Return x / y, but 0 for 0 / 0."""
    return jnp.where((x == 0) & (y == 0), 0, x / y)


def rms(leaves: Sequence[Any]) -> Float[Array, " leaves"]:
    """Return the root mean square of each floating-point leaf, NaN if an entry is not finite."""
    tables = [wide(_table(jnp.asarray(leaf))) for leaf in leaves]
    dtype = max((table.dtype for table in tables), key=lambda dtype: dtype.itemsize)
    largest = jnp.stack([abs(table).max(0, initial=0).max(initial=0).astype(dtype) for table in tables])
    bands, scales = band_of(largest)
    squares = [
        scaled_square(table, scale.astype(table.dtype)).sum(0).sum().astype(dtype) / max(table.size, 1)
        for table, scale in zip(tables, scales, strict=True)
    ]
    values = root_mean_square(bands * jnp.stack(squares)[:, None], jnp.ones(len(tables), dtype))
    return jnp.where(is_finite(largest), values, jnp.nan)


def _table(leaf: Any) -> Any:
    """Return the leaf as a matrix: sums along its columns run at the speed of memory."""
    return leaf.reshape(math.prod(leaf.shape[:-1]), leaf.shape[-1] if leaf.ndim else 1)
