"""What stands where in the picture of a graph: frames, boxes, texts and wires, in inches from the top left corner.

Small graphs of numbers run from left to right, as the lectures draw them; all others from top to bottom. What repeats
is laid out by itself and then placed as one box with a frame.
"""

import functools
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from fnn.inspect.graphs.computational_graph import Graph
from fnn.inspect.graphs.layout import Box, Link, Places, layered
from fnn.inspect.graphs.parts import Node, Repeat, Wire
from fnn.inspect.graphs.text import amount, shape

GREEN, RED, GREY, INK = "#15803d", "#c62828", "#6b7280", "#111827"
SYMBOLS = {"add": "+", "multiply": "×", "mul": "×", "maximum": "max", "max": "max", "sigmoid": "σ", "logistic": "σ"}
"""How the lectures draw the gates."""
PAD, FRAME, DOT = 0.07, 0.16, 0.045  # inches inside a box, inside a frame, of the radius of a copy's dot
LINE = 1.3  # from line to line, in font sizes


class Text(NamedTuple):
    """One line of text; y is its middle."""

    text: str
    size: float
    color: str
    weight: str = "normal"
    style: Literal["normal", "italic"] = "normal"
    x: float = 0.0
    y: float = 0.0
    align: str = "center"
    """What x is of the line: its "center", or its "left" end."""

    @property
    def width(self) -> float:
        """Return the width in inches."""
        return width(self.text, self.size, self.weight, self.style)

    @property
    def height(self) -> float:
        """Return the height of the line in inches."""
        return LINE * self.size / 72


class Rectangle(NamedTuple):
    """A box or a frame, by its top left corner."""

    kind: str
    """The kind of the node; "frame" for a repeat."""
    x: float
    y: float
    width: float
    height: float


class Curve(NamedTuple):
    """A wire as its straight parts, from point to point; between two of them it curves."""

    parts: list[tuple[tuple[float, float], tuple[float, float]]]
    arrow: bool


@dataclass
class Scene:
    """All that is drawn."""

    frames: list[Rectangle] = field(default_factory=list)
    boxes: list[Rectangle] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    wires: list[Curve] = field(default_factory=list)
    sideways: bool = False
    width: float = 0.0
    height: float = 0.0


@functools.cache
def width(text: str, size: float, weight: str, style: Literal["normal", "italic"]) -> float:
    """Return the width of a text in inches."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size, weight=weight, style=style)
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] / 72


def scene(graph: Graph) -> Scene:
    """Lay a graph out."""
    sideways = len(graph.wires) <= 80 and all(wire.value.shape == () and wire.value.times == 1 for wire in graph.wires)
    arrangement = _Arrangement(graph, sideways)
    whole = arrangement.part(None)
    drawn = Scene(sideways=sideways)
    drawn.width, drawn.height = (whole.length, whole.width) if sideways else (whole.width, whole.length)
    arrangement.emit(whole, 0.0, 0.0, drawn)
    return drawn


class _Part(NamedTuple):
    """One level of the graph, laid out: the whole, or what is inside a frame."""

    items: list[Node | Repeat]
    wires: list[Wire]
    inner: dict[int, "_Part"]
    places: Places
    title: list[Text]
    strip: float
    """Across, the room for the frame's title."""
    length: float
    width: float
    ports: dict[int, float]
    """Across, where the wires of a port cross the frame, by the node's number."""


@dataclass
class _Arrangement:
    graph: Graph
    sideways: bool

    @functools.cached_property
    def folded(self) -> set[int]:
        """The numbers that are written into the box of the step that uses them."""
        targets = {wire.source: self.graph.nodes[wire.target].kind for wire in self.graph.wires}
        return {n.number for n in self.graph.nodes if n.kind == "number" and targets[n.number] in ("rule", "step")}

    @functools.cached_property
    def entering(self) -> dict[int, list[Wire]]:
        """The wires that enter each node."""
        found: dict[int, list[Wire]] = {}
        for wire in sorted(self.graph.wires, key=lambda wire: wire.position):
            found.setdefault(wire.target, []).append(wire)
        return found

    def box(self, node: Node) -> Box:
        """Return the size of what stands for a node."""
        if node.kind == "copy":
            return Box(2 * DOT, DOT, DOT)
        lines, pad = self.lines(node), PAD if node.kind in ("rule", "step") else 0.04
        w, h = max(line.width for line in lines) + 2 * pad, sum(line.height for line in lines) + pad
        return Box(w, h / 2, h / 2) if self.sideways else Box(h, w / 2, w / 2)

    def lines(self, node: Node) -> list[Text]:
        """Return what is written in or for a node."""
        if node.kind == "copy":
            return []
        if node.kind in ("begin", "end"):
            return [Text(node.name, 6.5, GREY)]
        if node.kind == "constant":
            return [Text(node.name, 7.5, GREY, style="italic")]
        if node.kind in ("input", "number", "output"):
            return [Text(node.name, 9.0, INK)]
        sources = [self.graph.nodes[wire.source] for wire in self.entering.get(node.number, [])]
        name = node.name
        if any(source.number in self.folded for source in sources):
            name += f"({', '.join(source.name if source.number in self.folded else '·' for source in sources)})"
        symbol = SYMBOLS.get(node.name, "")
        lines = [Text(symbol, 12.0, INK, "bold")] if symbol else []
        if name != symbol:
            lines.append(Text(name, 7.5 if symbol else 9.0, INK, "normal" if symbol else "bold"))
        if path := self.path(node):
            lines.append(Text(path, 6.5, GREY))
        return lines

    def path(self, node: Node) -> str:
        """Return the end of a layer's path that is news inside its frame and not too long."""
        text = node.path
        if node.repeat is not None and text.startswith(self.graph.repeats[node.repeat].path):
            text = text.removeprefix(self.graph.repeats[node.repeat].path)
            text = text.partition("]")[2].lstrip(".") if text.startswith(("[:", "[i]")) else text.lstrip(".")
        parts = text.split(".")
        while len(parts) > 1 and len(".".join(parts)) > 26:
            parts = ["…", *parts[2:]] if parts[0] == "…" else ["…", *parts[1:]]
        return ".".join(parts).replace("….", "…")

    def label(self, wire: Wire) -> list[Text]:
        """Return the value above, or first, and the gradient beneath."""
        lines = [Text(amount(wire.value), 7.5, GREEN)] if wire.value.mean is not None else []
        if wire.gradient is not None:
            lines.append(Text(amount(wire.gradient), 7.5, RED))
        if not self.sideways and (wire.value.shape or wire.value.times > 1 or not lines):
            lines.insert(0, Text(shape(wire.value), 6.5, GREY))
        return lines

    def label_box(self, lines: list[Text]) -> Box:
        w = max(line.width for line in lines)
        if self.sideways:
            return Box(w + 0.12, lines[0].height + 0.02, lines[-1].height + 0.02)
        return Box(sum(line.height for line in lines) + 0.04, 0.03, w + 0.08)

    def part(self, repeat: int | None) -> _Part:
        """Lay out one level: the whole graph, or the inside of a frame."""
        items: list[Node | Repeat] = [
            node for node in self.graph.nodes if node.repeat == repeat and node.number not in self.folded
        ]
        items += [inner for inner in self.graph.repeats if inner.outer == repeat]
        inner = {item.number: self.part(item.number) for item in items if isinstance(item, Repeat)}
        places = {(type(item), item.number): place for place, item in enumerate(items)}

        def end(node: Node, port: str) -> tuple[int | None, float]:
            """Return the item that a wire's end is at, None for another level's, and where it is on that item."""
            if node.kind != port:
                return places.get((Node, node.number)), 0.0
            place = places.get((Repeat, node.repeat or 0))
            return place, 0.0 if place is None else inner[node.repeat or 0].ports[node.number]

        wires, links = [], []
        for wire in self.graph.wires:
            source, leaves = end(self.graph.nodes[wire.source], "end")
            target, enters = end(self.graph.nodes[wire.target], "begin")
            if source is not None and target is not None:
                wires.append(wire)
                label = len(items) + len(links)
                links.append(Link(source, label, target, leaves, enters, wire.output, wire.position))
        layers = _layers(items, [(link.source, link.target) for link in links])
        layers += [layers[link.source] + 1 for link in links]
        boxes = [
            self.box(item) if isinstance(item, Node) else Box(inner[item.number].length, 0.0, inner[item.number].width)
            for item in items
        ]
        boxes += [self.label_box(self.label(wire)) for wire in wires]
        placed = layered(boxes, layers, links)
        part = _Part(items, wires, inner, placed, [], 0.0, placed.length, placed.width, {})
        return part if repeat is None else self.framed(repeat, part)

    def framed(self, repeat: int, part: _Part) -> _Part:
        """Add the frame of a repeat and its title, beside which no wire passes."""
        times = f"{self.graph.repeats[repeat].times} times"
        if self.sideways:
            title = [Text(f"repeat {times}", 9.0, INK, "bold")]
        else:
            title = [Text("repeat", 9.0, INK), Text(times, 9.0, INK, "bold")]
        w, h = max(line.width for line in title), sum(line.height for line in title)
        strip, least = (h, w) if self.sideways else (w + 0.1, h)
        ports = {
            item.number: FRAME + strip + part.places.across[place]
            for place, item in enumerate(part.items)
            if isinstance(item, Node) and item.kind in ("begin", "end")
        }
        length, width = max(part.length, least) + 2 * FRAME, part.width + strip + 2 * FRAME
        return part._replace(title=title, strip=strip, length=length, width=width, ports=ports)

    def emit(self, part: _Part, along: float, across: float, drawn: Scene) -> None:
        """Add a part whose inside begins at that place."""

        def point(a: float, c: float) -> tuple[float, float]:
            return (along + a, across + c) if self.sideways else (across + c, along + a)

        for place, item in enumerate(part.items):
            a, c = part.places.along[place], part.places.across[place]
            if isinstance(item, Repeat):
                self.frame(part.inner[item.number], along + a, across + c, drawn)
                continue
            lines, (x, y) = self.lines(item), point(a, c)
            if item.kind == "copy":
                drawn.boxes.append(Rectangle("copy", x - DOT, y - DOT, 2 * DOT, 2 * DOT))
                continue
            box = self.box(item)
            w, h = (box.along, 2 * box.before) if self.sideways else (2 * box.before, box.along)
            drawn.boxes.append(Rectangle(item.kind, x - w / 2, y - h / 2, w, h))
            self.write(lines, x, y - sum(line.height for line in lines) / 2, drawn)
        for number, (wire, stations) in enumerate(zip(part.wires, part.places.wires, strict=True)):
            place = len(part.items) + number
            parts = [(point(s.begin, s.across), point(s.end, s.across)) for s in stations]
            drawn.wires.append(Curve(parts, arrow=self.graph.nodes[wire.target].kind != "begin"))
            lines, (x, y) = self.label(wire), point(part.places.along[place], part.places.across[place])
            if self.sideways:
                self.write(lines[:1], x, y - lines[0].height - 0.01, drawn)
                self.write(lines[1:], x, y + 0.02, drawn)
                continue
            top = y - sum(line.height for line in lines) / 2
            for line in lines:
                drawn.texts.append(line._replace(x=x + 0.06, y=top + line.height / 2, align="left"))
                top += line.height

    def write(self, lines: list[Text], x: float, top: float, drawn: Scene) -> None:
        for line in lines:
            drawn.texts.append(line._replace(x=x, y=top + line.height / 2))
            top += line.height

    def frame(self, part: _Part, along: float, across: float, drawn: Scene) -> None:
        begin = along - part.length / 2
        x, y = (begin, across) if self.sideways else (across, begin)
        w, h = (part.length, part.width) if self.sideways else (part.width, part.length)
        drawn.frames.append(Rectangle("frame", x, y, w, h))
        for number, line in enumerate(part.title):
            top = y + FRAME / 2 + sum(line.height for line in part.title[:number])
            drawn.texts.append(line._replace(x=x + FRAME, y=top + line.height / 2, align="left"))
        inside = begin + FRAME
        for place, item in enumerate(part.items):
            if isinstance(item, Node) and item.kind in ("begin", "end"):
                box = self.box(item)
                c = across + part.ports[item.number]
                a = inside + part.places.along[place]
                ends = (begin, a - box.along / 2) if item.kind == "begin" else (a + box.along / 2, begin + part.length)
                line = [(e, c) if self.sideways else (c, e) for e in ends]
                drawn.wires.append(Curve([(line[0], line[1])], arrow=item.kind == "begin"))
        self.emit(part, inside, across + FRAME + part.strip, drawn)


def _layers(items: list[Node | Repeat], links: list[tuple[int, int]]) -> list[int]:
    """Return the layer of each item: as early as its inputs allow, arguments as late as their first use allows."""
    before: list[list[int]] = [[] for _ in items]
    after: list[list[int]] = [[] for _ in items]
    for u, v in links:
        before[v].append(u)
        after[u].append(v)
    waiting = [len(inputs) for inputs in before]
    order = [place for place, count in enumerate(waiting) if count == 0]
    for place in order:
        for v in after[place]:
            waiting[v] -= 1
            if waiting[v] == 0:
                order.append(v)
    layers = [0] * len(items)
    for place in order:
        # Behind a frame there is a layer for the arguments of what follows, which else would stand beside it.
        layers[place] = max((layers[u] + (4 if isinstance(items[u], Repeat) else 2) for u in before[place]), default=0)
    leaves = set()
    for place in order:
        item = items[place]
        if isinstance(item, Node) and item.kind in ("input", "constant", "copy") and leaves.issuperset(before[place]):
            leaves.add(place)
    for place in reversed(order):
        if place in leaves and after[place]:
            layers[place] = min(layers[v] for v in after[place]) - 2
    last = max(layers, default=0)
    for place, item in enumerate(items):
        if isinstance(item, Node) and item.kind == "end":
            layers[place] = last
    return layers
