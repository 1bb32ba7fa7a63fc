"""The error over two weights, as a map with the paths that optimizers take across it."""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from fnn.inspect.pictures.arrays import finite
from fnn.inspect.pictures.canvas import Figure, canvas

Span = tuple[tuple[float, float], tuple[float, float]]

RESOLUTION = 200
"""Points along each side of the map."""
LEVELS = 24
"""Steps of the error between its smallest and its largest, about."""
START, END = "o", "s"
"""The markers of a path's ends."""
PATHS = ("#e41a1c", "#ff7f00", "#00a5e0", "#f781bf", "#000000", "#4daf4a", "#a65628", "#ffffff", "#984ea3", "#999999")
"""The colours of the paths, all of which are seen on the map's blues and greens."""


def error_surface(
    error: Callable[[Any], Any],
    span: Span,
    *,
    paths: Mapping[str, Any] = {},
    minima: Any = (),
    title: str = "",
    x_label: str = "w1",
    y_label: str = "w2",
    log: bool = False,
) -> Figure:
    """Draw the error over a rectangle of weights, with each optimizer's path from its start to its end.

    `error` maps weights (..., 2) to errors (...); the rectangle is ``span = ((low1, high1), (low2, high2))``. `paths`
    is {name: weights (steps, 2)}: a circle marks the start and a square the end; what leaves the rectangle is cut off
    there. `minima` are points (count, 2), marked by stars. `log` spaces the levels evenly in the error's logarithm
    (of errors at most 1e8 apart: below that all are one level).

    Raises ValueError for a span without area, and for errors, paths and minima of another shape or that are not
    finite; with `log` for errors below 0, and where none is above.
    """
    (low1, high1), (low2, high2) = span
    if not (low1 < high1 and low2 < high2 and np.isfinite([low1, high1, low2, high2]).all()):
        raise ValueError(f"span = {span}, wanted ((low1, high1), (low2, high2)) with each low below its high.")
    w1, w2 = np.linspace(low1, high1, RESOLUTION), np.linspace(low2, high2, RESOLUTION)
    grid = jnp.asarray(np.stack(np.meshgrid(w1, w2), axis=-1))
    z = finite("what error returns for the map", error(grid), f"{RESOLUTION} {RESOLUTION}").astype(np.float64)
    lines = {name: finite(f"path {name!r}", path, "steps 2") for name, path in paths.items()}
    stars = finite("minima", minima, "count 2") if len(minima) else np.zeros((0, 2))

    figure = canvas(6.4, 4.8)
    axes = figure.subplots()
    levels, options = _logarithmic_levels(z) if log else _even_levels(z)
    filled = axes.contourf(w1, w2, np.clip(z, levels[0], levels[-1]), levels, cmap="YlGnBu_r", **options)
    axes.contour(w1, w2, z, levels[1:-1:3], colors="white", linewidths=0.4, alpha=0.6)
    bar = figure.colorbar(filled, ax=axes, label="error")
    if log:
        _label_decades(bar, levels)
    for colour, (name, path) in zip(PATHS * (1 + len(lines) // len(PATHS)), lines.items(), strict=False):
        marker = "." if len(path) <= 60 else None
        axes.plot(*path.T, color=colour, linewidth=1.4, marker=marker, markersize=4, label=name)
        for point, marker in ((path[0], START), (path[-1], END)):
            axes.plot(*point, marker, color=colour, markersize=7, markeredgecolor="black", zorder=4)
    if len(stars):
        axes.plot(*stars.T, "*", color="white", markersize=13, markeredgecolor="black", label="minimum", zorder=3)
    axes.set(xlim=(low1, high1), ylim=(low2, high2), xlabel=x_label, ylabel=y_label, title=title)
    _legend(figure, axes, bool(lines))
    return figure


def _even_levels(z: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    from matplotlib.ticker import MaxNLocator

    low, high = float(z.min()), float(z.max())
    return np.asarray(MaxNLocator(LEVELS).tick_values(low, high if high > low else low + 1)), {}


def _logarithmic_levels(z: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    from matplotlib.colors import LogNorm

    low, high = float(z.min()), float(z.max())
    if low < 0 or high <= 0:
        raise ValueError(f"log wants errors of 0 and above, and these are from {low:.4g} to {high:.4g}: draw it even.")
    low = max(float(z[z > 0].min()), high * 1e-8)
    levels = np.geomspace(low, high if high > low else 2 * low, LEVELS)
    return levels, {"norm": LogNorm(levels[0], levels[-1])}


def _label_decades(bar: Any, levels: np.ndarray) -> None:
    """Label the colour bar at powers of ten, or at 1, 2 and 5 where there are few of them."""
    decades = np.log10(levels[-1] / levels[0])
    ticks = np.array([m * 10.0**e for e in range(-60, 60) for m in ((1,) if decades > 3 else (1, 2, 5))])
    inside = ticks[(ticks >= levels[0] * (1 - 1e-9)) & (ticks <= levels[-1] * (1 + 1e-9))]
    if len(inside):
        bar.set_ticks(inside, labels=[f"{tick:g}" for tick in inside])
    bar.minorticks_off()


def _legend(figure: Figure, axes: Any, has_paths: bool) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if has_paths:
        from matplotlib.lines import Line2D

        for marker, label in ((START, "start"), (END, "end")):
            mark = Line2D([], [], color="0.7", marker=marker, markeredgecolor="black", linestyle="none")
            handles.append(mark)
            labels.append(label)
    if handles:
        columns = min(len(handles), 5)
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, facecolor="0.85", edgecolor="none")
