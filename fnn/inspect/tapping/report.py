"""The report of taps: a line for each layer, a line for each parameter, and in words what is wrong with them."""

import math
from collections.abc import Sequence
from typing import SupportsFloat

import numpy as np

from fnn.inspect.tapping.statistics import LayerStatistics, ParameterStatistics

WIDTH = 140
_LAYER_HEADS = ("layer", "mean", "rms", "largest", "zero", "saturated", "grad rms", "largest", "")
_PARAMETER_HEADS = ("parameter", "rms", "grad rms", "grad/weight", "update/weight", "")
_FAR = 1e4  # a gradient this many times larger or smaller than at the last layer explodes or vanishes
_MOSTLY = 0.9


def report(rows: Sequence[tuple[str, LayerStatistics]], params: Sequence[tuple[str, ParameterStatistics]]) -> str:
    """Return the report of the rows and of the parameters, no line wider than 140 characters."""
    last = next((rms for _, row in reversed(rows) if 0 < (rms := float(row.cotangent.rms)) < math.inf), math.nan)
    layers = [
        (
            path,
            *map(number, (row.output.mean, row.output.rms, row.output.largest)),
            *map(percent, (row.output.zero, row.saturated)),
            *map(number, (row.cotangent.rms, row.cotangent.largest)),
            "; ".join(troubles(row, last)),
        )
        for path, row in rows
    ]
    leaves = [
        (
            path,
            *map(number, (entry.weight, entry.gradient, entry.gradient_ratio, entry.update_ratio)),
            "; ".join(parameter_troubles(entry)),
        )
        for path, entry in params
    ]
    tables = [_table(heads, lines) for heads, lines in ((_LAYER_HEADS, layers), (_PARAMETER_HEADS, leaves)) if lines]
    return "\n\n".join(tables) or "taps saw no layer and no parameter."


def troubles(row: LayerStatistics, last: float) -> list[str]:
    """Return in words what is wrong with a layer, where `last` is the rms of the cotangent nearest to the loss."""
    if row.calls == 0:
        return ["no gradient comes here"]
    found = [
        f"NOT FINITE: {int(count)} {what}{'s' if count > 1 else ''}"
        for what, count in (("output", row.output.not_finite), ("gradient", row.cotangent.not_finite))
        if count > 0
    ]
    dead, units = int(np.sum(row.output.zero_by_unit == 1)), len(row.output.zero_by_unit)
    if dead:
        found.append(f"{dead} of {units} units {'always 0' if np.isnan(row.saturated) else 'dead'}")
    if row.saturated > _MOSTLY and dead < units:
        found.append("saturated")
    if row.cotangent.rms > _FAR * last:
        found.append("gradient explodes")
    elif row.cotangent.rms == 0:
        found.append("gradient is zero")
    elif row.cotangent.rms * _FAR < last:
        found.append("gradient vanishes")
    if row.calls > 1:
        found.append(f"{int(row.calls)} calls together")
    return found


def parameter_troubles(entry: ParameterStatistics) -> list[str]:
    """Return in words what is wrong with a parameter."""
    found = []
    if entry.not_finite > 0:
        found.append(f"NOT FINITE: {int(entry.not_finite)} of the gradient")
    if not math.isfinite(entry.weight):
        found.append("NOT FINITE: the parameter")
    if entry.gradient == 0:
        found.append("no gradient")
    return found


def number(value: SupportsFloat) -> str:
    """Return three digits of a number, a dash for NaN."""
    return "-" if math.isnan(value) else f"{float(value):.3g}"


def percent(share: SupportsFloat) -> str:
    """Return a share in percent, a dash for NaN; what is not quite 0 or 1 does not read so."""
    share = float(share)
    if math.isnan(share):
        return "-"
    if share in (0, 1):
        return f"{int(share)}00%".replace("000%", "0%")
    return f"{min(max(100 * share, 0.1), 99.9):.1f}%"


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(heads, *lines, strict=True)]
    numbers = sum(widths[1:-1]) + 2 * (len(widths) - 1)
    widths[-1] = min(widths[-1], WIDTH // 3)
    widths[0] = min(widths[0], WIDTH - numbers - widths[-1])

    def text(line: Sequence[str]) -> str:
        cells = [shorten(line[0], widths[0]).ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:-1], widths[1:-1], strict=True)]
        return "  ".join([*cells, shorten(line[-1], WIDTH - widths[0] - numbers)]).rstrip()

    return "\n".join([text(heads), "-" * min(len(text(heads)), WIDTH), *map(text, lines)])


def shorten(text: str, width: int) -> str:
    """Return the text in no more than `width` characters: its beginning, and more of its end."""
    if len(text) <= width:
        return text
    head = width // 3
    return f"{text[:head]}…{text[len(text) - (width - head - 1) :]}"
