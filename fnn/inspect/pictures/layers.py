"""The layers of a network, drawn from `fnn.inspect.taps`: histograms, the flow of the gradient, dead units.

Layers stand from top to bottom in the order of the forward pass, each repetition by itself. Of more than 60 there are
60, evenly chosen; draw a part of the network by ``taps.only("serial[3]")``.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fnn.inspect.pictures.canvas import Figure, canvas
from fnn.inspect.tapping.report import number, shorten
from fnn.inspect.tapping.result import Taps
from fnn.inspect.tapping.statistics import LayerStatistics, Statistics

MOST = 60
_LABEL = 64
_WIDE = 30.0
"""Histograms whose widths differ by more stand on a logarithmic axis."""
Rows = list[tuple[str, LayerStatistics]]


def activation_histograms(taps: Taps) -> Figure:
    """Draw the histogram of every layer's output, a curve a layer; the last bins hold what lies beyond 4 rms.

    Raises ValueError if the taps have no histograms: ask for them by ``taps(loss, bins=64)``.
    """
    rows, title = _rows(taps, "Activations")
    return _histograms([(path, row.output) for path, row in rows], title, "output of the layer, y")


def gradient_histograms(taps: Taps) -> Figure:
    """Draw the histogram of the cotangent of every layer's output, as `activation_histograms` does of the output."""
    rows, title = _rows(taps, "Gradients")
    return _histograms([(path, row.cotangent) for path, row in rows], title, "cotangent of the output, dL/dy")


def gradient_flow(taps: Taps) -> Figure:
    """Draw how large the gradient is, at every layer's output and beside every parameter.

    On the left the root mean square of each cotangent, on the right ‖gradient‖ / ‖weight‖ of each parameter, and
    ‖update‖ / ‖weight‖ where the taps know it (`Taps.updated`). What a logarithmic axis has no place for stands at its
    ends and is named in the legend.
    """
    rows, title = _rows(taps, "Gradient flow")
    params, _ = _chosen(list(taps.params.items()))
    names = [path for path, _ in rows], [name for name, _ in params]
    figure = canvas(sum(_width(4.0, part) for part in names if part), 1.6 + 0.22 * max(*map(len, names), 4))
    panels = figure.subplots(1, 2 if params else 1, squeeze=False)[0]
    marks = {"rms of the cotangent": [row.cotangent.rms for _, row in rows]}
    wrong = [row.cotangent.not_finite > 0 for _, row in rows]
    _flow(panels[0], names[0], marks, wrong, joined=True)
    panels[0].set(title=title, xlabel="rms of the cotangent of the output, dL/dy", ylabel="layer, the first on top")
    if params:
        marks = {"gradient / weight": [entry.gradient_ratio for _, entry in params]}
        updates = [entry.update_ratio for _, entry in params]
        if not np.isnan(updates).all():
            marks["update / weight"] = updates
        wrong = [entry.not_finite > 0 for _, entry in params]
        _flow(panels[1], names[1], marks, wrong, joined=False)
        panels[1].set(title="Parameters", xlabel="ratio of norms", ylabel="parameter")
    legend = {}
    for axes in panels:
        legend |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(legend.values(), legend.keys(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def dead_units(taps: Taps) -> Figure:
    """Draw of every unit of every activation the share of examples for which its output is zero: 1 is a dead unit.

    The units of a layer are sorted. Without activations that fnn knows, all layers are drawn that have a zero.
    """
    rows, _ = _rows(taps, "")
    kept = [(path, row) for path, row in rows if not np.isnan(row.saturated)]
    kept = kept or [(path, row) for path, row in rows if row.output.zero > 0] or rows
    figure = canvas(_width(7.0, [path for path, _ in kept]), 1.7 + 0.26 * max(len(kept), 3))
    axes = figure.subplots()
    shown: Any = None
    for at, (_, row) in enumerate(kept):
        shares = np.sort(row.output.zero_by_unit)[::-1]
        dead, units = int((shares == 1).sum()), len(shares)
        edges = np.linspace(0, 100, max(units, 1) + 1)
        cells = shares[None] if units else np.full((1, 1), np.nan)
        shown = axes.pcolormesh(edges, [at - 0.4, at + 0.4], cells, vmin=0, vmax=1, cmap="inferno_r")
        text = "not measured" if np.isnan(shares).any() else f"{dead} of {units} dead"
        _beside(axes, at, text)
    axes.set(xlim=(0, 100), xlabel="units of the layer, the most silent first (%)", ylabel="layer, the first on top")
    axes.set_title("Dead units")
    _name(axes, [path for path, _ in kept])
    figure.colorbar(shown, ax=axes, label="share of examples at zero", pad=0.15)
    return figure


def _histograms(rows: Sequence[tuple[str, Statistics]], title: str, label: str) -> Figure:
    if rows[0][1].histogram.shape[-1] == 0:
        raise ValueError("the taps have no histograms; ask for them by taps(loss, bins=64).")
    figure = canvas(_width(7.0, [path for path, _ in rows]), 1.5 + 0.3 * max(len(rows), 3))
    axes = figure.subplots()
    widths = np.array([float(row.rms) for _, row in rows])
    real = widths[np.isfinite(widths) & (widths > 0)]
    least, most = (float(real.min()), float(real.max())) if real.size else (1.0, 1.0)
    colours = _colours(len(rows))
    for at, ((_, row), width) in enumerate(zip(rows, widths, strict=True)):
        text = "all zero" if width == 0 else "" if np.isnan(width) else f"rms {number(row.rms)}"
        if width > 0:
            heights = at + 0.45 - 0.9 * row.histogram / row.histogram.max()
            axes.stairs(heights, row.edges, baseline=at + 0.45, fill=True, color=colours[at], alpha=0.55)
            axes.stairs(heights, row.edges, baseline=None, color=colours[at], linewidth=1)
        elif width == 0:
            axes.plot(0, at, "|", color=colours[at], markersize=14)
        if row.not_finite > 0:
            text = ", ".join(filter(None, (text, f"{int(row.not_finite)} not finite")))
        _beside(axes, at, text or "not measured", "tab:red" if row.not_finite > 0 else "black")
    axes.set_xlim(-4.2 * most, 4.2 * most)
    if most > _WIDE * least:
        _both_signs(axes, max(least, most * 1e-30), 4.2 * most)
    axes.set(title=title, xlabel=label, ylabel="layer, the first on top")
    axes.grid(axis="x", alpha=0.3)
    _name(axes, [path for path, _ in rows])
    return figure


def _beside(axes: Any, at: int, text: str, colour: str = "black") -> None:
    where = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center", "fontsize": 8}
    axes.annotate(text, (1, at), (5, 0), color=colour, **where)


def _both_signs(axes: Any, least: float, most: float) -> None:
    """Make x logarithmic on both sides of a linear middle, from -least to least; label a few of its decades."""
    low, high = int(np.ceil(np.log10(2 * least))), int(np.floor(np.log10(most)))
    step = max(1, -(-(high - low + 1) // 4))
    decades = [10.0**n for n in range(high, low - 1, -step)]
    axes.set_xscale("symlog", linthresh=least, linscale=0.5)
    axes.set_xticks([*(-d for d in decades), 0, *decades[::-1]])
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axes.minorticks_off()


def _flow(axes: Any, names: list[str], marks: dict[str, list[Any]], wrong: list[Any], *, joined: bool) -> None:
    """Draw numbers from top to bottom on a logarithmic axis; those that it has no place for at its ends."""
    from matplotlib.transforms import blended_transform_factory

    ends = blended_transform_factory(axes.transAxes, axes.transData)
    at = np.arange(len(names))
    axes.set_xscale("log")
    for position, (name, values) in enumerate(marks.items()):
        x = np.asarray(values, np.float64)
        drawn = np.where(np.isfinite(x) & (x > 0), x, np.nan)
        colour = "C0" if joined else ("C1", "C2")[position]
        axes.plot(drawn, at, "os"[position], linestyle="-" if joined else "", label=name, color=colour)
    values = np.asarray(next(iter(marks.values())), np.float64)
    not_finite = np.asarray(wrong, bool)
    for name, chosen, end, style in (
        ("zero", (values == 0) & ~not_finite, 0.02, {"marker": "<", "color": "0.4"}),
        ("the weight is 0", np.isinf(values) & ~not_finite, 0.98, {"marker": ">", "color": "0.4"}),
        ("not measured", np.isnan(values) & ~not_finite, 0.02, {"marker": "_", "color": "0.4"}),
        ("not finite", not_finite, 0.98, {"marker": "X", "color": "tab:red"}),
    ):
        if chosen.any():
            axes.plot(np.full(chosen.sum(), end), at[chosen], linestyle="", transform=ends, label=name, **style)
    low, high = axes.get_xlim()
    if high < 100 * low:
        axes.set_xlim(low / 3, high * 3)
    axes.grid(alpha=0.3)
    _name(axes, names)


def _name(axes: Any, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [shorten(name, _LABEL) for name in names], fontsize=8)
    axes.set_ylim(max(len(names), 1) - 0.4, -0.6)


def _width(inches: float, names: Sequence[str]) -> float:
    """Return the width of a picture that has so many inches to draw in, beside the names."""
    return inches + 0.068 * min(max(map(len, names)), _LABEL)


def _colours(count: int) -> np.ndarray:
    from matplotlib import colormaps

    return colormaps["viridis"](np.linspace(0, 0.85, max(count, 1)))


def _rows(taps: Taps, title: str) -> tuple[Rows, str]:
    rows, note = _chosen(taps.rows())
    if not rows:
        raise ValueError("these taps have no layer: the loss called none, or only(...) left none.")
    return rows, title + note


def _chosen(entries: list[Any]) -> tuple[list[Any], str]:
    if len(entries) <= MOST:
        return entries, ""
    kept = np.linspace(0, len(entries) - 1, MOST).round().astype(int)
    return [entries[i] for i in kept], f" ({MOST} of {len(entries)} layers)"
