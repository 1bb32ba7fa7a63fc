"""The picture of a graph, drawn: the value in green above each wire, the gradient in red beneath it."""

import io
from pathlib import Path
from typing import Any

from fnn.inspect.graphs.computational_graph import Graph
from fnn.inspect.graphs.scene import GREEN, GREY, RED, Curve, Scene, Text, scene
from fnn.inspect.graphs.text import gates
from fnn.inspect.pictures.canvas import Figure, canvas

MARGIN = 0.2  # inches around the picture
WIRE = "#475569"
COLOURS = {"rule": ("#dbeafe", "#3b82f6"), "step": ("#f1f5f9", "#94a3b8"), "copy": ("#475569", "#475569")}
"""Inside and edge of a box, by the kind of the node; the other kinds are text alone."""
LONGEST, LARGEST = 30_000, 60e6  # pixels of a PNG: on a side, in all


def draw(graph: Graph) -> Figure:
    """Return the picture of a graph as a figure."""
    canvas(1, 1)  # says so where matplotlib is missing, before texts are measured
    drawn = scene(graph)
    captions = [Text("value", 7.5, GREEN), Text("gradient", 7.5, RED)]
    notes = [Text(sentence, 7.0, GREY) for sentence in gates(graph)]
    foot = 0.3 + sum(note.height for note in notes)
    wide = max(drawn.width, 1.5, *(note.width for note in notes)) + 2 * MARGIN
    high = drawn.height + foot + 2 * MARGIN
    figure = canvas(wide, high)
    figure.set_layout_engine("none")  # every inch is placed here
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-MARGIN, wide - MARGIN)
    axes.set_ylim(high - MARGIN, -MARGIN)
    axes.axis("off")
    _rectangles(axes, drawn)
    for wire in drawn.wires:
        _wire(axes, wire, drawn.sideways)
    y = drawn.height + 0.25
    x = 0.0
    for caption in captions:
        drawn.texts.append(caption._replace(x=x, y=y, align="left"))
        x += caption.width + 0.12
    for note in notes:
        y += note.height
        drawn.texts.append(note._replace(x=0.0, y=y, align="left"))
    for text in drawn.texts:
        axes.text(
            text.x, text.y, text.text, fontsize=text.size, color=text.color, weight=text.weight, style=text.style,
            ha=text.align, va="center_baseline", parse_math=False,
        )  # fmt: skip
    return figure


def save(graph: Graph, path: Any) -> None:
    """Write the picture of a graph to a file, whose name's end says how."""
    path = Path(path)
    if path.suffix not in (".svg", ".png", ".pdf"):
        raise ValueError(f"graph: cannot write {path.name}; give a name that ends in .svg, .png or .pdf.")
    figure = draw(graph)
    wide, high = figure.get_size_inches()
    figure.savefig(path, dpi=min(150, LONGEST / max(wide, high), (LARGEST / (wide * high)) ** 0.5))


def svg(graph: Graph) -> str:
    """Return the picture of a graph as SVG."""
    text = io.StringIO()
    draw(graph).savefig(text, format="svg")
    return text.getvalue()


def _rectangles(axes: Any, drawn: Scene) -> None:
    from matplotlib.patches import Circle, FancyBboxPatch

    for box in (*drawn.frames, *drawn.boxes):
        if box.kind == "copy":
            middle = (box.x + box.width / 2, box.y + box.height / 2)
            axes.add_patch(Circle(middle, box.width / 2, facecolor=WIRE, edgecolor=WIRE, zorder=3))
        elif box.kind in ("rule", "step", "frame"):
            face, edge = COLOURS.get(box.kind, ("#fdf6e3", "#d6b656"))
            rounding = min(0.08, box.height / 3)
            patch = FancyBboxPatch(
                (box.x, box.y), box.width, box.height, boxstyle=f"round,pad=0,rounding_size={rounding}",
                facecolor=face, edgecolor=edge, linewidth=0.9, zorder=0 if box.kind == "frame" else 3,
            )  # fmt: skip
            axes.add_patch(patch)


def _wire(axes: Any, wire: Curve, sideways: bool) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path as Line

    points, codes = [wire.parts[0][0]], [Line.MOVETO]
    for begin, end in wire.parts:
        if not _same(begin, points[-1]):
            (x, y), (next_x, next_y) = points[-1], begin
            middle = (x + next_x) / 2 if sideways else (y + next_y) / 2
            points += [(middle, y), (middle, next_y)] if sideways else [(x, middle), (next_x, middle)]
            points.append(begin)
            codes += [Line.CURVE4] * 3
        if not _same(begin, end):
            points.append(end)
            codes.append(Line.LINETO)
    arrow = FancyArrowPatch(
        path=Line(points, codes), arrowstyle="-|>" if wire.arrow else "-", mutation_scale=5, color=WIRE, linewidth=0.8,
        zorder=2, shrinkA=0, shrinkB=0,
    )  # fmt: skip
    axes.add_patch(arrow)


def _same(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return abs(a[0] - b[0]) < 1e-6 and abs(a[1] - b[1]) < 1e-6
