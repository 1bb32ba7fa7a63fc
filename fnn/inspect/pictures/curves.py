"""Curves: how numbers change, step by step."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fnn.inspect.pictures.arrays import numbers
from fnn.inspect.pictures.canvas import Figure, canvas

FEW = 25
"""Curves of fewer points than this have a marker at each."""


def curves(
    values: Mapping[str, Any],
    *,
    x_label: str = "step",
    y_label: str = "loss",
    x: Any = None,
    log: bool = False,
    log_x: bool = False,
    title: str = "",
) -> Figure:
    """Draw curves, each named beside the picture: `values` is {name: numbers (count,)}.

    `x` (count,) is where all of them stand, or None for 0, 1, ... for each curve; `log` and `log_x` choose logarithmic
    axes. A point that cannot be drawn, NaN or infinite or not positive on a logarithmic axis, is a gap.

    Raises ValueError where there is no curve, and for a curve that has another shape than (count,), another length
    than x, or no point that can be drawn.
    """
    lines = {name: numbers(f"curve {name!r}", line, "count") for name, line in values.items()}
    if not lines:
        raise ValueError("there is no curve to draw: values is empty, wanted {name: numbers (count,)}.")
    at = None if x is None else numbers("x", x, "count")
    for name, line in lines.items():
        if at is not None and len(at) != len(line):
            raise ValueError(f"curve {name!r} has {len(line)} points, and x has {len(at)}: wanted as many.")
        if not np.isfinite(_with_gaps(line, log)).any():
            wanted = "a number greater than 0" if log else "a finite number"
            raise ValueError(f"curve {name!r} has no point to draw among {len(line)}: wanted {wanted}.")
    figure = canvas(6.4, 3.8)
    axes = figure.subplots()
    draw_curves(axes, lines, at, log=log, log_x=log_x)
    axes.set(xlabel=x_label, ylabel=y_label, title=title)
    if list(lines) != [y_label]:
        figure.legend(loc="outside right upper", frameon=False)
    return figure


def draw_curves(axes: Any, lines: Mapping[str, np.ndarray], x: np.ndarray | None, *, log: bool, log_x: bool) -> None:
    """Draw curves into axes, with gaps as `curves` does; labels, legend and checks are the caller's."""
    for position, (name, line) in enumerate(lines.items()):
        at = np.arange(len(line)) if x is None else x
        style = ("solid", "dashed", "dotted")[position // 10 % 3]
        marker = "o" if len(line) < FEW else None
        axes.plot(
            _with_gaps(at, log_x), _with_gaps(line, log), label=name, linestyle=style, marker=marker, markersize=3
        )
    axes.grid(alpha=0.3)
    for axis, is_log in ((axes.xaxis, log_x), (axes.yaxis, log)):
        if is_log:
            _make_logarithmic(axes, axis)
    if not log_x and (x is None or np.issubdtype(x.dtype, np.integer)):
        axes.xaxis.get_major_locator().set_params(integer=True)


def _with_gaps(line: np.ndarray, log: bool) -> np.ndarray:
    """Return the numbers in float64, NaN where they cannot be drawn."""
    line = line.astype(np.float64)
    return np.where(np.isfinite(line) & ((line > 0) | (not log)), line, np.nan)


def _make_logarithmic(axes: Any, axis: Any) -> None:
    """Set the scale; label 1, 2 and 5 of each decade in plain numbers where there are few decades."""
    from matplotlib.ticker import LogLocator

    name = axis.axis_name
    getattr(axes, f"set_{name}scale")("log")
    low, high = getattr(axes, f"get_{name}lim")()
    if high / low < 2000:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("")
