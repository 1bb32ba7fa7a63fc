"""A graph as a table: one line a wire, its value and its gradient, each step under the layer it stands in."""

import textwrap

from fnn.inspect.graphs.computational_graph import Graph
from fnn.inspect.graphs.parts import Seen, Wire

GATES = {
    ("add", "subtract", "sub"): "add distributes: each input gets the gradient of the output",
    ("multiply", "mul"): "multiply swaps: each input gets the gradient times the other input",
    ("maximum", "max"): "max routes: the larger input gets the gradient",
    ("copy",): "copy adds: the gradients of all uses are summed",
}
"""What the gates of the lectures do with the gradient, by the names of the rule and of JAX's primitive."""
WIDTH = 120
_TIED = "\u00a0"  # a space at which no line is broken


def number(x: float | complex) -> str:
    """Return a number with four digits: 0.1966, -12, 3.2e-05, nan."""
    return f"{x + 0:.4g}"  # no -0


def shape(seen: Seen) -> str:
    """Return the shape, with the number of rounds before it, and the dtype where it is not the usual one."""
    text = str(seen.shape).replace(",)", ")")
    text = text if seen.times == 1 else f"{seen.times} x {text}"
    return text if seen.dtype in ("float32", "float64") else f"{text} {seen.dtype}"


def amount(seen: Seen | None) -> str:
    """Return the number of a scalar, mean and norm of an array, "-" for what has neither."""
    if seen is None or seen.mean is None or seen.norm is None:
        return "-"
    if isinstance(seen.value, tuple) and len(seen.value) <= 3:
        return ", ".join(map(number, seen.value))
    if seen.value is not None and not isinstance(seen.value, tuple):
        return number(seen.value)
    return f"mean {number(seen.mean)}, norm {number(seen.norm)}"


def gates(graph: Graph) -> list[str]:
    """Return what the graph's gates do with the gradient, a sentence for each that it has."""
    present = {node.name for node in graph.nodes if node.kind in ("rule", "step", "copy")}
    return [sentence for names, sentence in GATES.items() if present.intersection(names)]


def table(graph: Graph) -> str:
    """Return the table."""
    lines: list[tuple[str, ...] | str] = [("#", "step", "inputs", "shape", "value", "gradient")]
    entering, leaving = _by_node(graph)
    rows = _rows(graph)
    repeat, path = None, ""
    for node in graph.nodes:
        if node.number not in rows:
            continue
        indent = "  " * _depth(graph, node.repeat)
        if node.repeat is not None and (repeat is None or node.repeat > repeat):
            inside = graph.repeats[node.repeat]
            lines.append(f"{indent[2:]}repeat {inside.times} times" + (f" ({inside.path})" if inside.path else ""))
        repeat = node.repeat
        if node.path and node.path != path:
            lines.append(f"{indent}{node.path}")
            path = node.path
        inputs = ", ".join(_source(graph, wire, leaving, rows) for wire in entering[node.number])
        first = (rows[node.number], indent + node.name, inputs)
        if not leaving[node.number]:
            lines.append((*first, "", "", ""))
        for place, wire in enumerate(leaving[node.number]):
            if len(leaving[node.number]) > 1:
                target = f"→ #{rows[wire.target]}"
                first = (*first[:2], f"{inputs} {target}".strip()) if place == 0 else ("", "", target)
            lines.append((*first, shape(wire.value), amount(wire.value), amount(wire.gradient)))
    if graph.unused:
        lines.append(f"the output does not depend on {', '.join(graph.unused)}")
    return "\n".join([*_columns(lines), *gates(graph)])


def _columns(lines: list[tuple[str, ...] | str]) -> list[str]:
    """Return the lines with their cells below each other; inputs go on in the next line where they are too many."""
    rows = [line for line in lines if isinstance(line, tuple)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths[2] = min(widths[2], max(20, WIDTH - sum(widths) + widths[2] - 2 * (len(widths) - 1)))
    texts = []
    for line in lines:
        if isinstance(line, str):
            texts.append(" " * (widths[0] + 2) + line)
            continue
        inputs = textwrap.wrap(line[2], widths[2], break_long_words=False, break_on_hyphens=False) or [""]
        for place, part in enumerate(inputs):
            cells = (*line[:2], part, *line[3:]) if place == 0 else ("", "", part, "", "", "")
            padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
            texts.append("  ".join((cells[0].rjust(widths[0]), *padded[1:])).rstrip().replace(_TIED, " "))
    return texts


def _by_node(graph: Graph) -> tuple[dict[int, list[Wire]], dict[int, list[Wire]]]:
    """Return the wires that enter each node, in the order of its inputs, and those that leave it."""
    entering: dict[int, list[Wire]] = {node.number: [] for node in graph.nodes}
    leaving: dict[int, list[Wire]] = {node.number: [] for node in graph.nodes}
    for wire in sorted(graph.wires, key=lambda wire: wire.position):
        entering[wire.target].append(wire)
    for wire in sorted(graph.wires, key=lambda wire: wire.output):
        leaving[wire.source].append(wire)
    return entering, leaving


def _rows(graph: Graph) -> dict[int, str]:
    """Return the number in the table of each node that has a line there: a number has none, an argument has one."""
    told: set[str] = set()
    rows: dict[int, str] = {}
    for node in graph.nodes:
        if node.kind != "number" and not (node.kind == "input" and node.name in told):
            rows[node.number] = str(len(rows) + 1)
            told.add(node.name)
    return rows


def _source(graph: Graph, wire: Wire, leaving: dict[int, list[Wire]], rows: dict[int, str]) -> str:
    """Return how a step calls one of its inputs: by name an argument or a constant, by its number a step."""
    node = graph.nodes[wire.source]
    if node.kind in ("input", "number", "constant"):
        return node.name.replace(" ", _TIED)
    several = node.kind in ("rule", "step") and len({other.output for other in leaving[wire.source]}) > 1
    return f"#{rows[node.number]}[{wire.output}]" if several else f"#{rows[node.number]}"


def _depth(graph: Graph, repeat: int | None) -> int:
    return 0 if repeat is None else 1 + _depth(graph, graph.repeats[repeat].outer)
