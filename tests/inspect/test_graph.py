"""The computational graph: every number against an independent one."""

import inspect as python
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from graph_programs import (
    KEY,
    ONE,
    PROGRAMS,
    Block,
    attend,
    blocks,
    entering,
    graph_of,
    leaving,
    named,
    near,
    of_input,
    pair,
    recurrent,
    unfolded,
)

from fnn import inspect, rules

# The lectures' graphs


def test_the_lecture_s_first_graph():
    """Slide "Computational Graph": (x + y) z at (-2, 5, -4) has the gradients -4, -4, 3."""
    graph = inspect.graph(lambda x, y, z: rules.multiply(rules.add(x, y), z), -2.0, 5.0, -4.0)
    assert [(node.kind, node.name) for node in graph.nodes] == [
        *(("input", name) for name in "xyz"),
        ("rule", "add"),
        ("rule", "multiply"),
        ("output", "output"),
    ]
    ends = {(graph.nodes[w.source].name, graph.nodes[w.target].name): pair(w) for w in graph.wires}
    assert ends == {
        ("x", "add"): (-2, -4),
        ("y", "add"): (5, -4),
        ("add", "multiply"): (3, -4),
        ("z", "multiply"): (-4, 3),
        ("multiply", "output"): (-12, 1),
    }
    assert graph.repeats == () and graph.unused == ()


def by_rules(w, x):
    s = rules.add(rules.add(rules.multiply(w[0], x[0]), rules.multiply(w[1], x[1])), w[2])
    return rules.divide(ONE, rules.add(rules.exp(rules.multiply(s, -ONE)), ONE))


def by_jax(w, x):
    return 1 / (jnp.exp(-1.0 * (w[0] * x[0] + w[1] * x[1] + w[2])) + 1)


@pytest.mark.parametrize("f", (by_rules, jax.jit(by_jax), by_jax))
def test_each_number_of_the_sigmoid_graph(f):
    """Slide "Computational Graph", the second example, by hand in float64."""
    w, x = [2.0, -3.0, -3.0], [-1.0, -2.0]
    s0, s1 = w[0] * x[0], w[1] * x[1]
    s = s0 + s1 + w[2]
    e = np.exp(-s)
    ds = e / (1 + e) ** 2
    want = {
        "w[0]": (w[0], ds * x[0]),
        "w[1]": (w[1], ds * x[1]),
        "w[2]": (w[2], ds),
        "x[0]": (x[0], ds * w[0]),
        "x[1]": (x[1], ds * w[1]),
    }
    steps = [(s0, ds), (s1, ds), (s0 + s1, ds), (s, ds), (-s, -ds), (e, -1 / (1 + e) ** 2)]
    steps += [(1 + e, -1 / (1 + e) ** 2), (1 / (1 + e), 1.0)]
    with jax.enable_x64(True):
        graph = inspect.graph(f, w, x)
    for name, numbers in want.items():
        near(pair(of_input(graph, name)), numbers)
    found = [pair(wire) for node in graph.nodes if node.kind in ("rule", "step") for wire in leaving(graph, node)]
    near(found, steps)
    assert {node.name for node in graph.nodes if node.kind == "number"} == {"1", "-1"}


def test_the_gates_read_as_the_lectures_teach_them():
    graph = inspect.graph(lambda x, y: rules.multiply(rules.maximum(x, y), rules.add(x, ONE)), 3.0, 2.0)
    (add,), (maximum,), (multiply,), (copy,) = (named(graph, name) for name in ("add", "maximum", "multiply", "copy"))
    assert [w.gradient.value for w in entering(graph, multiply)] == [4, 3]  # swaps 3 and 4
    assert [w.gradient.value for w in entering(graph, maximum)] == [4, 0]  # routes
    assert [w.gradient.value for w in entering(graph, add)] == [3, 3]  # distributes, to the number too
    assert [w.gradient.value for w in leaving(graph, copy)] == [4, 3]
    assert pair(of_input(graph, "x")) == (3, 7)  # adds
    for gate in ("add distributes", "multiply swaps", "max routes", "copy adds"):
        assert gate in str(graph)
    assert "swaps" not in str(inspect.graph(rules.add, 1.0, 2.0))


def test_each_number_of_a_network_by_hand():
    rng = np.random.default_rng(0)
    x, w, v = rng.normal(size=(5, 3)), rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
    h = x @ w
    a = np.tanh(h)
    da = np.ones((5, 2)) @ v.T
    dh = da * (1 - a**2)
    with jax.enable_x64(True):
        graph = inspect.graph(
            lambda x, w, v: rules.matmul(rules.tanh(rules.matmul(x, w)), v), *map(jnp.asarray, (x, w, v))
        )
    want = [(x, dh @ w.T), (w, x.T @ dh), (h, dh), (a, da), (v, a.T @ np.ones((5, 2))), (a @ v, np.ones((5, 2)))]
    for wire, numbers in zip(graph.wires, want, strict=True):
        seen: Any
        for seen, array in zip((wire.value, wire.gradient), numbers, strict=True):
            near((seen.mean, seen.norm), (array.mean(), np.linalg.norm(array)))
            assert seen.shape == array.shape and seen.value is None and seen.times == 1 and seen.dtype == "float64"


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_gradients_of_the_arguments_are_jax_s(name):
    f, args = PROGRAMS[name]
    graph = graph_of(name)
    total = jax.jit(lambda *args: jnp.sum(f(*args)))
    found = dict(zip_names(args, jax.grad(total, range(len(args)), allow_int=True)(*args)))
    near(leaving_to(graph, "output").value.mean, jnp.mean(f(*args)), 1e-6)
    checked = 0
    for node in graph.nodes:
        path = re.sub(r"^\w+|\[[ijk]\]", "", node.name)
        if node.kind != "input" or leaving(graph, node)[0].gradient is None:
            continue
        number = list(python.signature(f).parameters).index(re.split(r"[.\[]", node.name)[0])
        want = np.asarray(found[number, path], np.float64)
        seen = leaving(graph, node)[0].gradient
        assert seen.times * int(np.prod(seen.shape)) == want.size
        near(seen.mean, want.mean(), 1e-5)
        near(seen.norm, np.linalg.norm(want), 1e-5)
        checked += 1
    assert checked == sum(jnp.issubdtype(jnp.result_type(leaf), jnp.floating) for leaf in jax.tree.leaves(args))


def zip_names(args, grads):
    for number, grad in enumerate(grads):
        for path, leaf in jax.tree.leaves_with_path(grad):
            if getattr(leaf, "dtype", None) != jax.dtypes.float0:
                yield (number, jax.tree_util.keystr(path)), leaf


def leaving_to(graph, name):
    (node,) = named(graph, name)
    (wire,) = entering(graph, node)
    return wire


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_graph_is_well_formed(name):
    graph = graph_of(name)
    for number, node in enumerate(graph.nodes):
        assert node.number == number
        into, out = entering(graph, node), leaving(graph, node)
        assert [wire.position for wire in into] == list(range(len(into)))
        assert bool(into) == (node.kind not in ("input", "number", "constant"))
        assert bool(out) or node.kind in ("output", "end")
        if node.kind == "copy":  # the gradient adder; means add up, and so do numbers
            assert len(out) > 1
            near(into[0].gradient.mean, sum(wire.gradient.mean for wire in out), 1e-5)
            assert {wire.value for wire in out} == {into[0].value}
        elif node.kind != "number":  # a floating value that is used twice passes a copy
            used = [wire.output for wire in out if wire.gradient is not None]
            assert len(used) == len(set(used))
    for wire in graph.wires:
        assert wire.source < wire.target
        assert (wire.gradient is not None) == (wire.value.dtype == "float32")
        if wire.gradient is not None:
            assert wire.gradient.shape == wire.value.shape and wire.gradient.times == wire.value.times
        assert type(wire.value.mean) in (float, type(None))  # no array is kept


def test_a_scan_is_the_unrolled_program_folded():
    times = 3
    params, x = blocks(times), jax.random.normal(KEY, (4, 4))
    folded = inspect.graph(lambda x, p: jax.lax.scan(lambda x, p: (attend(x, p), None), x, p)[0], x, params)

    def unrolled(x, each):
        for p in each:
            x = attend(x, p)
        return x

    each = [Block(*(leaf[number] for leaf in params)) for number in range(times)]
    whole = unfolded(unrolled, x, each)
    assert [repeat.times for repeat in folded.repeats] == [times]
    assert {node.repeat for node in folded.nodes} == {None, 0}
    names = [node.name for node in folded.nodes if node.kind in ("rule", "step", "copy")]
    assert names * times == [node.name for node in whole.nodes if node.kind in ("rule", "step", "copy")]
    steps = [[node for node in graph.nodes if node.kind in ("rule", "step")] for graph in (folded, whole)]
    for place, node in enumerate(steps[0]):
        rounds = steps[1][place :: len(steps[0])]
        for position, wire in enumerate(entering(folded, node)):
            each = [entering(whole, one)[position] for one in rounds]
            assert wire.value.times == (times if wire.value.shape else wire.value.times)
            for seen, parts in ((wire.value, [w.value for w in each]), (wire.gradient, [w.gradient for w in each])):
                near(seen.mean, np.mean([part.mean for part in parts]), 1e-5)
                near(seen.norm, np.linalg.norm([part.norm for part in parts]), 1e-5)


def test_a_loop_shows_the_numbers_of_each_round():
    """H = tanh(w x + u h + b) by hand in float64; what is used in each round has the sum of the rounds' gradients."""
    w, u, b, xs, h = 0.5, 0.2, 0.1, [1.0, -2.0, 3.0], 0.3
    hs = [h]
    for x in xs:
        hs.append(np.tanh(w * x + u * hs[-1] + b))
    dh, rounds = 1.0, []
    for after in hs[:0:-1]:
        ds = (dh + 2 * after) * (1 - after**2)
        rounds.insert(0, ds)
        dh = ds * u
    rounds = np.array(rounds)
    with jax.enable_x64(True):
        graph = inspect.graph(recurrent, w, u, b, jnp.asarray(xs), h)
    (tanh,) = named(graph, "tanh")
    near(entering(graph, tanh)[0].gradient.value, rounds)
    near(leaving(graph, tanh)[0].value.value, hs[1:])
    (carry,) = named(graph, "carry")
    near(leaving(graph, carry)[0].value.value, hs[:-1])
    near(pair(entering(graph, carry)[0]), (h, dh))
    for name, want in (("b", 1.0), ("w", np.array(xs)), ("u", np.array(hs[:-1]))):
        outside, port = named(graph, name)
        near(leaving(graph, port)[0].gradient.value, rounds * want)
        near(leaving(graph, outside)[0].gradient.value, np.sum(rounds * want))
    assert {node.kind for node in graph.nodes if node.repeat == 0} >= {"begin", "end"}
