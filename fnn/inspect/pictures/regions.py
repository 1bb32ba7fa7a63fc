"""Regions of the plane: what a network answers at each point, and what each hidden unit makes of it."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from fnn.data import Examples, check_examples
from fnn.inspect.pictures.arrays import finite
from fnn.inspect.pictures.canvas import Figure, canvas

COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf")
"""The colour of each class, strong for the data and soft for the regions."""
MARKERS = "osD^vP<X>*"
"""The marker of each class, for those who see no colours."""
SOFT = 0.4
"""The share of a class's colour in its region; the rest is white."""
MOST_UNITS = 24
"""How many hidden units are drawn in one figure at most."""

Answer = Callable[[Any], Any]


class Plane(NamedTuple):
    """The part of the plane that is drawn: a grid of points about the data."""

    x1: np.ndarray
    x2: np.ndarray

    @property
    def ratio(self) -> float:
        """Height over width."""
        return float(np.ptp(self.x2) / np.ptp(self.x1))

    def values(self, name: str, f: Answer, shape: str, dtype: Any) -> np.ndarray:
        """Return f of all points, (rows, columns) or (rows, columns, outputs), checked to be finite."""
        points = np.stack(np.meshgrid(self.x1, self.x2), axis=-1).reshape(-1, 2)
        found = f(jnp.asarray(points.astype(dtype)))
        found = finite(f"what {name} returns for {len(points)} points", found, shape.format(len(points)))
        return found.astype(np.float64).reshape(len(self.x2), len(self.x1), *found.shape[1:])


def decision_regions(
    answer: Answer, examples: Examples, *, title: str = "", names: Sequence[str] | None = None, resolution: int = 200
) -> Figure:
    """Draw which class the network answers at each point of the plane, and the examples, a marker a class.

    `answer` maps points (n, 2) to the probability of class 1, (n,), whose 0.5 line is drawn and whose colour fades as
    it nears 0.5; or to scores (n, classes), the largest of which is the answer. The examples are points x (count, 2)
    with integer labels y (count,) of up to 10 classes. `resolution` is the number of points along each side.

    Raises ValueError for examples that are not points of the plane or not finite, for labels of other classes, and
    for answers of another shape or that are not finite; TypeError for labels that are no integers.
    """
    return compare_regions({title: answer}, examples, names=names, resolution=resolution)


def compare_regions(
    answers: Mapping[str, Answer], examples: Examples, *, names: Sequence[str] | None = None, resolution: int = 200
) -> Figure:
    """Draw `decision_regions` side by side, one panel for each title and answer: networks, or stages of training."""
    if not answers:
        raise ValueError("there is no answer to draw: answers is empty, wanted {title: function of points (n, 2)}.")
    plane = _plane(examples, resolution)
    dtype = _dtype(examples)
    values = {title: _answers(plane, answer, examples, dtype) for title, answer in answers.items()}
    figure, panels = _panels(len(answers), plane)
    for axes, (title, found) in zip(panels, values.items(), strict=True):
        _shade(axes, plane, found)
        _draw_examples(axes, examples, names)
        axes.set_title(title)
    _legend(figure, panels[0])
    return figure


def hidden_regions(hidden: Answer, answer: Answer, examples: Examples, *, title: str = "") -> Figure:
    """Draw each hidden unit's value over the plane with its line, and how the network combines them into regions.

    `hidden` maps points (n, 2) to the units' values (n, units); `answer` and `examples` are those of
    `decision_regions`. A panel a unit comes first: white where the unit is least, dark where it is most. The last
    panel is the whole network, with all units' lines, dashed.

    A unit's line is where it changes sides: at 0.5 for values from 0 to 1 (sigmoid, step), elsewhere at 0 (tanh,
    ReLU, linear units; ReLU's is the edge where it begins to be positive). A unit that does not change sides on the
    part of the plane that is drawn has no line.

    Raises what `decision_regions` does, and ValueError for more than 24 units.
    """
    plane = _plane(examples, 200)
    dtype = _dtype(examples)
    units = plane.values("hidden", hidden, "{} units", dtype)
    found = _answers(plane, answer, examples, dtype)
    count = units.shape[-1]
    if count > MOST_UNITS:
        raise ValueError(f"hidden has {count} units, wanted {MOST_UNITS} or fewer: draw some, hidden(x)[:, :8].")
    figure, panels = _panels(count + 1, plane)
    for unit, axes in enumerate(panels[:-1]):
        value = units[..., unit]
        low, high = float(value.min()), float(value.max())
        _paint(axes, plane, value, cmap="Purples", vmin=low, vmax=high + (low == high), alpha=0.8)
        _draw_line(axes, plane, value, colors="black", linewidths=1.6)
        _draw_examples(axes, examples, None)
        axes.set_title(f"unit {unit + 1}, {low:.2g} to {high:.2g}", fontsize=10)
    _shade(panels[-1], plane, found)
    for unit in range(count):
        _draw_line(panels[-1], plane, units[..., unit], colors="black", linewidths=0.9, linestyles="dashed")
    _draw_examples(panels[-1], examples, None)
    panels[-1].set_title("the whole network", fontsize=10)
    _legend(figure, panels[-1])
    if title:
        figure.suptitle(title)
    return figure


def _plane(examples: Examples, resolution: int) -> Plane:
    """Check the examples; return the grid about them, whose shorter side is half of the longer at least."""
    check_examples(examples, classes=len(COLOURS))
    finite("x of the examples", examples.x, "count 2")
    if np.ndim(examples.y) != 1:
        raise ValueError(f"y of the examples has shape {np.shape(examples.y)}, wanted one label an example, (count,).")
    if resolution < 2:
        raise ValueError(f"resolution = {resolution}, wanted 2 points along each side, or more.")
    x = np.asarray(examples.x, np.float64)
    low, high = x.min(0), x.max(0)
    longest = float((high - low).max()) or 1.0
    half = np.maximum(high - low, longest / 2) / 2 + 0.15 * longest
    middle = (low + high) / 2
    x1, x2 = (np.linspace(middle[i] - half[i], middle[i] + half[i], resolution) for i in range(2))
    return Plane(x1, x2)


def _dtype(examples: Examples) -> Any:
    """Return the dtype of the points: the examples' own, float32 where they are integers."""
    dtype = np.asarray(examples.x).dtype
    return dtype if np.issubdtype(dtype, np.floating) else np.dtype(np.float32)


def _answers(plane: Plane, answer: Answer, examples: Examples, dtype: Any) -> np.ndarray:
    """Return the network's answers on the plane, (rows, columns) or (rows, columns, classes)."""
    one = np.ndim(answer(jnp.asarray(np.asarray(examples.x[:1]).astype(dtype)))) == 1
    found = plane.values("answer", answer, "{}" if one else "{} classes", dtype)
    largest, classes = int(np.asarray(examples.y).max()), 2 if one else found.shape[-1]
    if not one and classes == 1:
        raise ValueError("answer returns (n, 1), wanted probabilities (n,), or scores (n, classes): return y[:, 0].")
    if largest >= classes or classes > len(COLOURS):
        kind = "one output tells 2 classes apart" if one else f"answer has scores of {classes} classes"
        raise ValueError(f"{kind}, and there are labels up to {largest}: wanted as many, and 10 or fewer.")
    return found


def _panels(count: int, plane: Plane) -> tuple[Figure, list[Any]]:
    """Return a figure and its `count` panels, in rows of up to four, of the plane's shape and labelled."""
    columns = min(count, 3 if count in (5, 6, 9) else 4)
    rows = math.ceil(count / columns)
    width = 4.4 if count == 1 else 2.9
    figure = canvas(columns * width + 1.3, rows * (width * plane.ratio + 0.35) + 0.3)
    panels = [figure.add_subplot(rows, columns, position + 1) for position in range(count)]
    for position, axes in enumerate(panels):
        axes.set_aspect("equal")
        axes.set_xlim(plane.x1[0], plane.x1[-1])
        axes.set_ylim(plane.x2[0], plane.x2[-1])
        if position + columns >= count:
            axes.set_xlabel("x1")
        if position % columns == 0:
            axes.set_ylabel("x2")
    return figure, panels


def _shade(axes: Any, plane: Plane, found: np.ndarray) -> None:
    """Colour each point softly by its class; one output fades to white at 0.5, where its line is."""
    if found.ndim == 2:
        from matplotlib.colors import LinearSegmentedColormap

        colours = LinearSegmentedColormap.from_list("two classes", [_soft(0), "white", _soft(1)])
        _paint(axes, plane, found, cmap=colours, vmin=0, vmax=1)
        _draw_level(axes, plane, found, 0.5, colors="0.25", linewidths=1.5)
        return
    for label in range(found.shape[-1]):
        others = np.delete(found, label, axis=-1).max(-1)
        margin = found[..., label] - others
        if margin.max() > 0:
            axes.contourf(plane.x1, plane.x2, margin, [0, math.inf], colors=[_soft(label)])


def _paint(axes: Any, plane: Plane, value: np.ndarray, **look: Any) -> None:
    x1, x2 = plane.x1, plane.x2
    extent = (x1[0], x1[-1], x2[0], x2[-1])
    axes.imshow(value, origin="lower", extent=extent, interpolation="bilinear", aspect="equal", **look)


def _soft(label: int) -> tuple[float, ...]:
    red_green_blue = (int(COLOURS[label][i : i + 2], 16) / 255 for i in (1, 3, 5))
    return tuple(SOFT * part + 1 - SOFT for part in red_green_blue)


def _draw_line(axes: Any, plane: Plane, value: np.ndarray, **look: Any) -> None:
    """Draw where a unit changes sides: see `hidden_regions`."""
    low, high = float(value.min()), float(value.max())
    is_rectifier = low == 0 and high != 1
    if is_rectifier:
        level = high / 200  # the edge itself has no crossing: on one side the unit is 0
    else:
        level = 0.5 if low >= 0 and high <= 1 else 0.0
    _draw_level(axes, plane, value, level, **look)


def _draw_level(axes: Any, plane: Plane, value: np.ndarray, level: float, **look: Any) -> None:
    if value.min() < level < value.max():
        axes.contour(plane.x1, plane.x2, value, [level], **look)


def _draw_examples(axes: Any, examples: Examples, names: Sequence[str] | None) -> None:
    """Draw the examples, class by class."""
    x, y = np.asarray(examples.x), np.asarray(examples.y)
    labels = np.unique(y).tolist()
    if names is not None and len(names) <= labels[-1]:
        raise ValueError(f"names has {len(names)} names, wanted one for each of {labels[-1] + 1} classes.")
    size = min(max(6000 / len(x), 10), 90)
    for label in labels:
        axes.scatter(
            *x[y == label].T,
            s=size,
            marker=MARKERS[label],
            color=COLOURS[label],
            edgecolor="white",
            linewidth=0.4 if size < 30 else 1.0,
            label=f"class {label}" if names is None else names[label],
            zorder=3,
        )


def _legend(figure: Figure, axes: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False)
