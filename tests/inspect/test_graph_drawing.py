"""The picture of a graph: nothing overlaps or is cut off, whatever the graph; files are written by their name's end."""

import itertools
import sys
import xml.etree.ElementTree

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import inspect, layers, rules
from fnn.inspect.graphs.layout import BETWEEN, Box, Link, layered
from fnn.inspect.graphs.scene import scene

KEY = jax.random.key(0)
NET = layers.serial(
    layers.dense(4),
    layers.dropout(0.3),
    layers.repeat(layers.residual(layers.serial(layers.dense(4), layers.tanh())), 3),
)
PARAMS, STATE = NET.init(KEY, jnp.ones((1, 3)))


def network(params, x, key):
    return NET.apply(params, STATE, x, key=key, train=True)[0]


def attention(x, w):
    q, k, v = (rules.matmul(x, each) for each in w)
    return rules.add(x, rules.matmul(rules.softmax(rules.matmul(q, jnp.swapaxes(k, -1, -2))), v))


def nested(x, w, b):
    def outer(x, w):
        def inner(x, w):
            return rules.tanh(rules.add(rules.multiply(x, w), b)), x

        x, xs = jax.lax.scan(inner, x, w)
        return x, jnp.sum(xs)

    x, sums = jax.lax.scan(outer, x, w)
    return x + jnp.sum(sums)


def tangled(a, b, c):
    """Wires that must cross, and values that are used far away."""
    return (a * b + b * c + a * c) * jnp.sin(a * b * c) / (a + b + c)


GRAPHS = {
    "first": (lambda x, y, z: rules.multiply(rules.add(x, y), z), (-2.0, 5.0, -4.0)),
    "tangled": (tangled, (1.0, 2.0, 3.0)),
    "network": (network, (PARAMS, jnp.ones((5, 3)), KEY)),
    "attention": (attention, (jnp.ones((3, 4)), jax.random.normal(KEY, (3, 4, 4)))),
    "nested": (nested, (0.5, jax.random.normal(KEY, (2, 3)), 0.1)),
    "same": (lambda x: (x, x), (1.0,)),
}


@pytest.fixture(scope="module", params=GRAPHS)
def graph(request):
    f, args = GRAPHS[request.param]
    return inspect.graph(f, *args)


def touch(a, b, slack=0.0):
    """Whether two rectangles (left, top, right, bottom) have a point in common."""
    return min(a[2], b[2]) - max(a[0], b[0]) > slack and min(a[3], b[3]) - max(a[1], b[1]) > slack


def test_no_text_overlaps_another_or_is_cut_off(graph):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = graph.figure()
    renderer = FigureCanvasAgg(figure).get_renderer()
    (axes,) = figure.axes
    boxes = [(text.get_text(), text.get_window_extent(renderer).extents) for text in axes.texts]
    wide, high = figure.get_size_inches() * figure.dpi
    for text, (left, bottom, right, top) in boxes:
        assert left >= 0 and bottom >= 0 and right <= wide and top <= high, f"{text} is cut off"
    for (one, a), (two, b) in itertools.combinations(boxes, 2):
        assert not touch(a, b, slack=1.0), f"{one} overlaps {two}"
    for node in graph.nodes:
        if node.kind in ("rule", "input", "output"):
            assert any(node.name in text for text, _ in boxes), node.name


def extents(box):
    return box.x, box.y, box.x + box.width, box.y + box.height


def test_no_box_overlaps_another_and_frames_hold_what_is_inside(graph):
    drawn = scene(graph)
    for a, b in itertools.combinations(map(extents, drawn.boxes), 2):
        assert not touch(a, b)
    assert len(drawn.frames) == len(graph.repeats)
    inside = sum(1 for node in graph.nodes if node.repeat == 0 and node.kind != "number")
    for frame in map(extents, drawn.frames):
        for box in map(extents, drawn.boxes):
            within = frame[0] <= box[0] and frame[1] <= box[1] and box[2] <= frame[2] and box[3] <= frame[3]
            assert within or not touch(frame, box)
    if len(drawn.frames) == 1:
        frame = extents(drawn.frames[0])
        assert sum(touch(frame, extents(box)) for box in drawn.boxes) == inside


def test_no_wire_runs_through_a_box_or_another_s_label(graph):
    drawn = scene(graph)
    for wire in drawn.wires:
        for (x0, y0), (x1, y1) in wire.parts:
            # A thin rectangle that is a little shorter than the line, which may begin and end at boxes.
            x, y = (-1e-3, 1e-4) if drawn.sideways else (1e-4, -1e-3)
            line = (min(x0, x1) - x, min(y0, y1) - y, max(x0, x1) + x, max(y0, y1) + y)
            for box in drawn.boxes:
                assert not touch(line, extents(box)), box
            for text in drawn.texts:
                left = text.x - (text.width / 2 if text.align == "center" else 0)
                box = (left, text.y - text.size / 144, left + text.width, text.y + text.size / 144)
                assert not touch(line, box), text


def test_every_wire_has_its_numbers_beside_it(graph):
    drawn = scene(graph)
    colours = [text.color for text in drawn.texts]
    folded = {node.number for node in graph.nodes if node.kind == "number"}
    shown = [wire for wire in graph.wires if wire.source not in folded]
    assert sum(colour == "#c62828" for colour in colours) == sum(wire.gradient is not None for wire in shown)
    assert sum(colour == "#15803d" for colour in colours) == sum(wire.value.mean is not None for wire in shown)


def test_small_graphs_of_numbers_run_from_left_to_right():
    f, args = GRAPHS["first"]
    drawn = scene(inspect.graph(f, *args))
    assert drawn.sideways and drawn.width > drawn.height
    value, gradient = (next(t for t in drawn.texts if t.color == colour) for colour in ("#15803d", "#c62828"))
    assert value.x == gradient.x and value.y < gradient.y  # above the wire, and beneath it
    assert not scene(inspect.graph(lambda x: rules.tanh(x), jnp.ones(3))).sideways


def test_numbers_are_written_into_the_step_that_uses_them():
    drawn = scene(inspect.graph(lambda x: jnp.maximum(1 / (x + 2.0), 0.25), 1.0))
    texts = {text.text for text in drawn.texts}
    assert {"add(·, 2)", "div(1, ·)", "max(·, 0.25)", "+"} <= texts


def test_files_are_written_by_their_name_s_end(tmp_path):
    f, args = GRAPHS["network"]
    graph = inspect.graph(f, *args)
    for name, begins in (("g.png", b"\x89PNG"), ("g.svg", b"<?xml"), ("g.pdf", b"%PDF")):
        graph.save(tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(begins)
    root = xml.etree.ElementTree.fromstring(graph._repr_svg_().encode())
    assert root.tag.endswith("svg")
    with pytest.raises(ValueError, match=r"cannot write g.gif; give a name that ends in .svg, .png or .pdf"):
        graph.save(str(tmp_path / "g.gif"))


@pytest.mark.parametrize("module", ("igraph", "scipy.optimize", "matplotlib.figure"))
def test_what_is_missing_is_named_with_the_extra_that_has_it(monkeypatch, module):
    graph = inspect.graph(lambda x: x * 2.0, 1.0)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r'pip install "fnn\[experiments\]"'):
        graph.figure()


@pytest.mark.parametrize("seed", range(4))
def test_boxes_of_a_layer_stand_apart_and_wires_stop_at_boxes(seed):
    rng = np.random.default_rng(seed)
    layers_of = np.repeat(np.arange(0, 12, 2), 3)
    boxes = [Box(*rng.uniform(0.1, 0.6, 3)) for _ in layers_of]
    links = []
    for target in range(3, len(boxes)):
        for source in rng.choice(3 * (target // 3), size=min(3, target // 3), replace=False):
            links.append(Link(int(source), 0, target, rng.uniform(-0.1, 0.1), rng.uniform(-0.1, 0.1)))
    links = [link._replace(label=len(boxes) + number) for number, link in enumerate(links)]
    numbers = [*layers_of.tolist(), *(int(layers_of[link.source]) + 1 for link in links)]
    boxes += [Box(*rng.uniform(0.1, 0.5, 3)) for _ in links]
    places = layered(boxes, numbers, links)
    for u, v in itertools.combinations(range(len(boxes)), 2):
        if numbers[u] == numbers[v]:
            first, second = sorted((u, v), key=lambda vertex: places.across[vertex])
            gap = places.across[second] - boxes[second].before - places.across[first] - boxes[first].after
            assert gap >= BETWEEN - 1e-6
    for link, stations in zip(links, places.wires, strict=True):
        u, v = link.source, link.target
        assert stations[0].begin == pytest.approx(places.along[u] + boxes[u].along / 2)
        assert stations[0].across == pytest.approx(places.across[u] + link.leaves)
        assert stations[-1].end == pytest.approx(places.along[v] - boxes[v].along / 2)
        assert stations[-1].across == pytest.approx(places.across[v] + link.enters)
        assert all(a.end < b.begin for a, b in itertools.pairwise(stations))
