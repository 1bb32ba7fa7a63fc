"""A layered drawing's geometry: boxes in layers, wires between them that bend around boxes, nothing overlapping.

igraph's Sugiyama layout says in which order the boxes of each layer stand, so that few wires cross. Where they stand
is a linear program: straight wires, under the boxes' sizes.
"Along" is the direction of the forward pass, "across" the direction of a layer; lengths are inches.
Source: Sugiyama, Tagawa and Toda (1981), "Methods for visual understanding of hierarchical system structures".
"""

import bisect
import itertools
from typing import NamedTuple

import numpy as np

BETWEEN = 0.14  # inches between two boxes of a layer


class Box(NamedTuple):
    """The size of what stands at one place: a step, the label of a wire, or a wire that passes by."""

    along: float
    before: float
    """Across, from the place to the box's end that comes first."""
    after: float


class Link(NamedTuple):
    """A wire from a box to another through its label, which is a box too."""

    source: int
    label: int
    target: int
    leaves: float = 0.0
    """Across, from the source's place to where the wire begins."""
    enters: float = 0.0
    output: int = 0
    """Which output of the source; the wires of a box stand in that order where none must cross for it."""
    position: int = 0
    """Which input of the target."""


class Edge(NamedTuple):
    """A part of a wire, between two layers that follow each other."""

    source: int
    target: int
    leaves: float
    enters: float
    output: int
    position: int


class Station(NamedTuple):
    """A straight part of a wire; between two of them it curves."""

    begin: float
    end: float
    across: float


class Places(NamedTuple):
    """Where everything stands; all coordinates begin at 0."""

    along: list[float]
    """The middle of each box."""
    across: list[float]
    wires: list[list[Station]]
    length: float
    width: float


def layered(boxes: list[Box], layers: list[int], links: list[Link]) -> Places:
    """Return the places of the boxes, whose layers are given: a link goes from a layer to a later one."""
    boxes, layers = list(boxes), list(layers)
    edges: list[Edge] = []
    chains = []
    for link in links:
        chain = [link.source, link.label]
        for layer in range(layers[link.label] + 1, layers[link.target]):
            boxes.append(Box(0.0, 0.02, 0.02))
            layers.append(layer)
            chain.append(len(boxes) - 1)
        chain.append(link.target)
        chains.append(chain)
        for u, v in itertools.pairwise(chain):
            leaves, output = (link.leaves, link.output) if u == link.source else (0.0, 0)
            enters, position = (link.enters, link.position) if v == link.target else (0.0, 0)
            edges.append(Edge(u, v, leaves, enters, output, position))
    order = _uncross(_order(layers, edges), edges)
    across = _across(boxes, order, edges).tolist()
    begins, ends = _bands(boxes, order, across, edges)
    along = [(begins[layer] + ends[layer]) / 2 for layer in layers]
    wires = []
    for link, chain in zip(links, chains, strict=True):
        stations = [Station(begins[layers[v]], ends[layers[v]], across[v]) for v in chain[1:-1]]
        u, v = link.source, link.target
        first = Station(along[u] + boxes[u].along / 2, ends[layers[u]], across[u] + link.leaves)
        last = Station(begins[layers[v]], along[v] - boxes[v].along / 2, across[v] + link.enters)
        wires.append([first, *stations, last])
    width = max(x + box.after for x, box in zip(across, boxes, strict=True))
    return Places(along, across, wires, max(ends), width)


def _order(layers: list[int], edges: list[Edge]) -> list[list[int]]:
    """Return the vertices of each layer in the order in which they stand."""
    try:
        import igraph
    except ImportError as error:
        raise ImportError('the picture of a graph needs igraph; pip install "fnn[experiments]".') from error
    graph = igraph.Graph(n=len(layers), edges=[edge[:2] for edge in edges], directed=True)
    placed = graph.layout_sugiyama(layers=layers, maxiter=200)
    order: list[list[int]] = [[] for _ in range(max(layers) + 1)]
    for vertex in sorted(range(len(layers)), key=lambda vertex: placed[vertex][0]):
        order[layers[vertex]].append(vertex)
    return order


def _uncross(order: list[list[int]], edges: list[Edge]) -> list[list[int]]:
    """Return the order after exchanges of neighbours, where fewer wires cross and the inputs of a step stand in order.

    igraph knows neither of that order nor where on a box a wire ends. An exchange may only move a crossing to the
    next layer, where a second one ends it: so first those that make it no worse are made, then those that better it.
    """
    above: dict[int, list[tuple[int, float, int]]] = {}
    below: dict[int, list[tuple[int, float, int]]] = {}
    for u, v, leaves, enters, output, position in edges:
        above.setdefault(v, []).append((u, leaves, output))
        below.setdefault(u, []).append((v, enters, position))
    best, fewest = order, float("inf")
    for trial in range(5):
        layers = [list(layer) for layer in best]
        at = {vertex: place for layer in layers for place, vertex in enumerate(layer)}
        for layer in (reversed(layers) if trial % 2 else layers) if trial else ():
            _exchange(layer, at, (above, below), same_end=1.0, patient=True)
        for sweep in range(12):
            changes = [
                _exchange(layer, at, (above, below), same_end=0.1, patient=False)
                for layer in (layers if sweep % 2 else reversed(layers))
            ]
            if not any(changes):
                break
        total = _all_crossings(layers, at, edges)
        if total < fewest:
            best, fewest = layers, total
        if total == 0:
            break
    return best


Ends = tuple[dict[int, list[tuple[int, float, int]]], ...]
"""For each box what its wires lead to: a box, where on it, and which of its outputs or inputs that is."""


def _exchange(layer: list[int], at: dict[int, int], ends: Ends, same_end: float, patient: bool) -> bool:
    """Exchange neighbours of a layer if wires cross less then, or if patient no more; return whether any were."""
    changed = False
    for place in range(len(layer) - 1):
        u, v = layer[place : place + 2]
        now = _crossings(u, v, at, ends, same_end)
        if now and _crossings(v, u, at, ends, same_end) < now + 1e-6 * (1 if patient else -1):
            layer[place : place + 2] = v, u
            at[u], at[v] = place + 1, place
            changed = True
    return changed


def _crossings(first: int, second: int, at: dict[int, int], ends: Ends, same_end: float) -> float:
    """Count how often the wires of a box cross those of one behind it; less if they only end in the wrong order."""
    count = 0.0
    for there in ends:
        others = there.get(second, ())
        for v, *place in there.get(first, ()):
            for w, *other in others:
                if at[v] > at[w] or (v == w and place[0] > other[0]):
                    count += 1.0
                elif v == w and place[0] == other[0] and place[1] > other[1]:
                    count += same_end
    return count


def _all_crossings(layers: list[list[int]], at: dict[int, int], edges: list[Edge]) -> float:
    """Count the crossings of the whole drawing by insertion into sorted lists, as `_crossings` does for two boxes."""
    numbers = {vertex: number for number, layer in enumerate(layers) for vertex in layer}
    count = 0.0
    seen: dict[int, list[tuple[int, float]]] = {}
    inputs: dict[tuple[int, float], list[int]] = {}
    for u, v, _, enters, _, position in sorted(edges, key=lambda edge: (at[edge.source], edge.leaves, at[edge.target])):
        ends = seen.setdefault(numbers[u], [])
        count += len(ends) - bisect.bisect_right(ends, (at[v], enters))
        bisect.insort(ends, (at[v], enters))
        before = inputs.setdefault((v, enters), [])
        count += 0.1 * sum(other > position for other in before)
        before.append(position)
    return count


def _across(boxes: list[Box], order: list[list[int]], edges: list[Edge]) -> np.ndarray:
    """Return the places across with the least total bend: Σ weight |shift of a wire|, the boxes of a layer apart.

    A linear program, as in Gansner, Koutsofios, North and Vo (1993), "A technique for drawing directed graphs",
    section 4; besides, a box strives for the middle of the wires that enter it, and of those that leave it.
    """
    try:
        from scipy.optimize import linprog
        from scipy.sparse import csr_array
    except ImportError as error:
        raise ImportError('the picture of a graph needs scipy; pip install "fnn[experiments]".') from error

    terms: list[tuple[float, float, dict[int, float]]] = []  # weight |constant + Σ factor place|
    meeting: dict[tuple[int, bool], list[tuple[int, float]]] = {}
    for u, v, leaves, enters, *_ in edges:
        meeting.setdefault((v, True), []).append((u, enters - leaves))
        meeting.setdefault((u, False), []).append((v, leaves - enters))
    for (vertex, _), others in meeting.items():
        if len(others) > 1:
            factors = {vertex: 1.0}
            for other, _ in others:
                factors[other] = factors.get(other, 0.0) - 1 / len(others)
            terms.append((1.0, sum(shift for _, shift in others) / len(others), factors))
    for u, v, leaves, enters, *_ in edges:
        # A wire that passes several layers is best straight.
        weight = 4.0 if boxes[u].along == boxes[v].along == 0 else 2.0 if 0 in (boxes[u].along, boxes[v].along) else 0.5
        terms.append((weight, leaves - enters, {u: 1.0, v: -1.0}))
    count, rows = len(boxes), []  # unknowns: the places, then the size of each term
    for number, (_, constant, factors) in enumerate(terms):
        for sign in (1.0, -1.0):
            rows.append((-sign * constant, {count + number: -1.0, **{v: sign * f for v, f in factors.items()}}))
    for layer in order:
        for u, v in itertools.pairwise(layer):
            rows.append((-boxes[u].after - BETWEEN - boxes[v].before, {u: 1.0, v: -1.0}))
    entries = [(factor, row, unknown) for row, (_, factors) in enumerate(rows) for unknown, factor in factors.items()]
    factors, where, unknowns = zip(*entries, strict=True) if entries else ((), (), ())
    matrix = csr_array((factors, (where, unknowns)), shape=(len(rows), count + len(terms)))
    costs = [0.0] * count + [weight for weight, _, _ in terms]
    bounds = [(box.before, None) for box in boxes] + [(0.0, None)] * len(terms)
    solved = linprog(costs, A_ub=matrix, b_ub=[bound for bound, _ in rows], bounds=bounds, method="highs")
    across = np.asarray(solved.x[:count])
    return across - min(x - box.before for x, box in zip(across, boxes, strict=True))


def _bands(
    boxes: list[Box], order: list[list[int]], across: list[float], edges: list[Edge]
) -> tuple[list[float], list[float]]:
    """Return where each layer begins and ends: the further a wire shifts across, the more room it has for it."""
    numbers = {vertex: number for number, layer in enumerate(order) for vertex in layer}
    shifts = [0.0] * len(order)
    for u, v, leaves, enters, *_ in edges:
        shift = abs(across[v] + enters - across[u] - leaves)
        shifts[numbers[v]] = max(shifts[numbers[v]], shift)
    begins, ends, at = [], [], 0.0
    for number, layer in enumerate(order):
        at += min(0.12 + 0.12 * shifts[number], 0.6) if number else 0.0
        begins.append(at)
        at += max(boxes[vertex].along for vertex in layer)
        ends.append(at)
    return begins, ends
