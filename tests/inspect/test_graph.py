"""The computational graph: every number against an independent one, what is folded, named and refused."""

import functools
import re
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fnn
from fnn import inspect, layers, rules
from fnn.inspect.graphs.program import layer_path

KEY = jax.random.key(0)
ONE: Any = 1.0
HALF: Any = 0.5  # numbers as a user writes them, where a rule takes arrays


def named(graph, name) -> list[Any]:
    """The nodes of that name."""
    return [node for node in graph.nodes if node.name == name]


def leaving(graph, node) -> list[Any]:
    return [wire for wire in graph.wires if wire.source == node.number]


def entering(graph, node) -> list[Any]:
    return sorted((w for w in graph.wires if w.target == node.number), key=lambda w: w.position)


def pair(wire):
    return wire.value.value, wire.gradient.value


def of_input(graph, name) -> Any:
    """Value and gradient of an argument."""
    (node,) = named(graph, name)
    (wire,) = leaving(graph, node)
    return wire


def near(got, want, digits=1e-12):
    np.testing.assert_allclose(np.asarray(got, np.float64), want, rtol=digits, atol=digits)


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


# Networks and programs of all kinds, against jax.grad


class Block(NamedTuple):
    scale: jax.Array
    q: jax.Array
    k: jax.Array
    v: jax.Array
    w: jax.Array
    b: jax.Array


def attend(x, p):
    """A transformer's block, small."""
    h = rules.multiply(x, p.scale)
    q, k, v = (rules.matmul(h, w) for w in (p.q, p.k, p.v))
    a = rules.softmax(rules.multiply(rules.matmul(q, jnp.swapaxes(k, -1, -2)), HALF))
    x = rules.add(x, rules.matmul(a, v))
    return rules.add(x, rules.gelu(rules.linear(x, p.w, p.b)))


def blocks(times, features=4):
    keys = jax.random.split(KEY, 6)
    square = (times, features, features)
    shapes = (square[:2], square, square, square, square, square[:2])
    return Block(*(0.5 * jax.random.normal(key, shape) for key, shape in zip(keys, shapes, strict=True)))


def transformer(params, tokens, mask):
    x = params["embedding"][tokens] * mask[..., None].astype(jnp.float32)
    x, _ = jax.lax.scan(lambda x, p: (attend(x, p), None), x, params["blocks"])
    return rules.softmax_cross_entropy(rules.matmul(x, params["head"]), tokens)


def recurrent(w, u, b, xs, h):
    def step(h, x):
        h = rules.tanh(rules.add(rules.add(rules.multiply(w, x), rules.multiply(u, h)), b))
        return h, h * h

    h, squares = jax.lax.scan(step, h, xs)
    return jnp.sum(squares) + h


def nested(x, w):
    def outer(x, w):
        return jax.lax.scan(lambda x, w: (rules.tanh(rules.multiply(x, w)), None), x, w)[0], None

    return jax.lax.scan(outer, x, w)[0]


def own(w, x):
    h = jax.nn.gelu(x @ w)
    h = jnp.where(h > 0.1, h, jnp.clip(h, 0, 1)) ** 3
    return jnp.mean(h) + jnp.linalg.norm(h) + jax.nn.relu(h).sum() + jax.nn.silu(h)[0, 0]


NET = layers.serial(
    layers.dense(4),
    layers.relu(),
    layers.dropout(0.3),
    layers.repeat(layers.residual(layers.serial(layers.dense(4), layers.tanh())), 3),
    layers.dense(2),
)
PARAMS, STATE = NET.init(KEY, jnp.ones((1, 3)))
X, Y = jax.random.normal(KEY, (5, 3)), jnp.array([0, 1, 1, 0, 1])


def loss(params, state, x, y, key):
    logits, state = NET.apply(params, state, x, key=key, train=True)
    return rules.softmax_cross_entropy(logits, y), state


def scalar_loss(params, state, x, y, key):
    return loss(params, state, x, y, key)[0]


TOKENS = jnp.array([[1, 2, 0, 1], [2, 2, 1, 0]])
TRANSFORMER = {"embedding": jax.random.normal(KEY, (3, 4)), "blocks": blocks(3), "head": jax.random.normal(KEY, (4, 3))}
PROGRAMS = {
    "transformer": (transformer, (TRANSFORMER, TOKENS, TOKENS > 0)),
    "network": (scalar_loss, (PARAMS, STATE, X, Y, KEY)),
    "recurrent": (recurrent, (0.5, 0.2, 0.1, jnp.array([1.0, -2.0, 3.0]), 0.3)),
    "recurrent from zero": (lambda w, xs: recurrent(w, 0.2, 0.1, xs, jnp.float32(0)), (0.5, jnp.array([1.0, -2.0]))),
    "nested": (nested, (0.7, jax.random.normal(KEY, (2, 3)))),
    "own": (own, (jax.random.normal(KEY, (3, 4)), X)),
    "remat": (jax.checkpoint(lambda x: rules.tanh(x) * jnp.sum(x)), (jnp.array([1.0, 2.0]),)),
    "vmap": (jax.jit(jax.vmap(lambda x, y: rules.maximum(x, y) * x)), (X, X[::-1])),
    "branches": (lambda x: jax.lax.cond(x > 0, jnp.sin, jnp.cos, x) * x, (0.5,)),
    "counted": (lambda x: jax.lax.fori_loop(0, 3, lambda i, c: c * c + i.astype(jnp.float32), x), (0.5,)),
    "stopped": (lambda x: x * jax.lax.stop_gradient(jax.lax.while_loop(lambda c: c < 9, lambda c: c * 2, x)), (1.0,)),
}


@functools.cache
def graph_of(name):
    f, args = PROGRAMS[name]
    return inspect.graph(f, *args)


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
        number = list(inspect_parameters(f)).index(re.split(r"[.\[]", node.name)[0])
        want = np.asarray(found[number, path], np.float64)
        seen = leaving(graph, node)[0].gradient
        assert seen.times * int(np.prod(seen.shape)) == want.size
        near(seen.mean, want.mean(), 1e-5)
        near(seen.norm, np.linalg.norm(want), 1e-5)
        checked += 1
    assert checked == sum(jnp.issubdtype(jnp.result_type(leaf), jnp.floating) for leaf in jax.tree.leaves(args))


def inspect_parameters(f):
    import inspect as python

    return python.signature(f).parameters


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
    whole = inspect.graph(unrolled, x, each)
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


# What is one step, what is a leaf, and what they are called


def test_names_are_those_of_the_arguments_and_layers():
    graph = inspect.graph(loss, PARAMS, STATE, X, Y, KEY, has_aux=True)
    inputs = [node.name for node in graph.nodes if node.kind == "input"]
    assert set(inputs) == {
        "params[0].w", "params[0].b", "params[3][0].w[i]", "params[3][0].b[i]", "params[4].w", "params[4].b", "x", "y",
    }  # fmt: skip
    assert [node.name for node in graph.nodes if node.kind == "constant"] == ["from key"]
    paths = {node.name: node.path for node in graph.nodes if node.kind == "rule"}
    assert paths["dropout"] == "serial[2].dropout" and paths["softmax_cross_entropy"] == ""
    assert paths["tanh"] == "serial[3].repeat[:3].residual.serial[1].tanh"
    assert graph.repeats[0].path == "serial[3].repeat" and graph.repeats[0].times == 3
    (y,) = named(graph, "y")
    assert leaving(graph, y)[0].gradient is None and leaving(graph, y)[0].value.dtype == "int32"


def test_layer_paths_lose_what_jax_adds():
    assert layer_path("jvp(serial)/[1]/transpose(jvp(dense))") == "serial[1].dense"
    assert layer_path("") == "" and layer_path("/transpose(jvp())/a") == "a"


def test_steps_of_jax_s_functions_are_one_and_a_user_s_are_entered():
    @jax.jit
    def norm(x):
        return jnp.sqrt(jnp.sum(x * x))

    graph = inspect.graph(lambda x: jax.nn.silu(x).sum() + jnp.linalg.norm(x) + norm(x), X)
    names = [node.name for node in graph.nodes if node.kind == "step"]
    assert names.count("silu") == names.count("norm") == names.count("sqrt") == 1 and "logistic" not in names
    graph = inspect.graph(jax.jit(jax.vmap(lambda x: x * 2.0 + 1.0)), X)
    assert [node.name for node in graph.nodes if node.kind == "step"] == ["mul", "add"]


def test_what_depends_on_no_floating_argument_is_a_leaf():
    def f(x, key, tokens, n):
        noise = jax.random.normal(key, (3,)) * jnp.float32(2)
        return x * noise + jnp.arange(3.0) + x[tokens + 1].sum() * jnp.sqrt(16.0) + jnp.take(x, tokens)[n]

    graph = inspect.graph(f, jnp.ones(3), KEY, jnp.array([0, 1]), 1)
    leaves = {node.name for node in graph.nodes if node.kind == "constant"}
    assert {"from key", "from tokens", "constant"} <= leaves
    assert "4" in [node.name for node in graph.nodes if node.kind == "number"]
    (noise,) = named(graph, "from key")
    assert leaving(graph, noise)[0].gradient is not None  # it is floating, so it has one
    assert not {"random_bits", "iota", "erf_inv"} & {node.name for node in graph.nodes}


def test_dead_code_and_unused_arguments():
    def f(x, y, z):
        jax.debug.print("{}", x)
        jnp.sin(y)
        return rules.exp(x), {"aux": z}

    graph = inspect.graph(f, 1.0, 2.0, 3.0, has_aux=True)
    assert [node.name for node in graph.nodes] == ["x", "exp", "output"] and graph.unused == ("y", "z")
    assert "the output does not depend on y, z" in str(graph)


def test_an_explicit_copy_stays_and_several_outputs_are_told_apart():
    graph = inspect.graph(lambda x: rules.multiply(*rules.copy(x)), 3.0)
    (copy,) = named(graph, "copy")
    assert copy.kind == "rule" and [w.output for w in leaving(graph, copy)] == [0, 1]
    assert pair(of_input(graph, "x")) == (3, 6) and "#2[0], #2[1]" in str(graph)


def test_outputs_and_their_cotangents():
    def f(x):
        return {"double": x * 2.0, "same": (x, jnp.argmax(x))}

    x = jnp.array([1.0, 4.0])
    cotangent = {"double": jnp.array([1.0, 2.0]), "same": (jnp.array([10.0, 0.0]), jnp.int32(0))}
    graph = inspect.graph(f, x, cotangent=cotangent)
    outputs = [node.name for node in graph.nodes if node.kind == "output"]
    assert outputs == ["output['double']", "output['same'][0]", "output['same'][1]"]
    near(of_input(graph, "x").gradient.mean, np.mean([12.0, 4.0]))
    near(of_input(inspect.graph(f, x), "x").gradient.mean, 3.0)
    same = inspect.graph(lambda x: x, 2.0)
    assert [node.kind for node in same.nodes] == ["input", "output"] and pair(same.wires[0]) == (2, 1)


def test_dtypes_and_empty_containers():
    x, w = jnp.ones((2, 3), jnp.bfloat16), jnp.ones((3, 2), jnp.bfloat16)
    graph = inspect.graph(lambda x, w, a, b: rules.matmul(x, w["w"]), x, {"w": w, "e": ()}, None, [])
    assert {wire.value.dtype for wire in graph.wires} == {"bfloat16"} and "(2, 3) bfloat16" in str(graph)
    near(of_input(graph, "w['w']").gradient.norm, np.sqrt(6 * 4), 1e-6)
    graph = inspect.graph(lambda x: x * 2.0, np.ones(3))  # NumPy's float64, which JAX takes as float32
    assert graph.wires[0].value.dtype == "float32"
    graph = inspect.graph(lambda z: jnp.abs(z), jnp.complex64(3 + 4j))
    assert pair(graph.wires[0])[0] == 3 + 4j and "3+4j" in str(graph)


def test_without_rules_it_is_the_primitives():
    with fnn.autodiff():
        graph = inspect.graph(rules.tanh, 0.5)
    assert [(node.kind, node.name) for node in graph.nodes][1] == ("step", "tanh")
    near(of_input(graph, "x").gradient.value, 1 - np.tanh(0.5) ** 2, 1e-6)


def test_a_user_s_rule_runs_its_own_backward():
    @fnn.rule
    def wrong(x):
        return 3.0 * x, ()

    @wrong.backward
    def wrong_backward(saved, dy):
        return 7.0 * dy

    assert pair(of_input(inspect.graph(wrong, 2.0), "x")) == (2, 7)


# Numbers that are hard to hold, and the table


def test_norms_do_not_overflow_or_underflow():
    wire = of_input(inspect.graph(lambda x: x * 1e-30, jnp.full(4, 1e30)), "x")
    near(wire.value.norm / 2e30, 1, 1e-6)
    near(wire.gradient.norm / 2e-30, 1, 1e-6)


def test_nan_inf_and_nothing_are_shown_plainly():
    text = str(inspect.graph(lambda x: jnp.log(x) / 0.0, jnp.array([-1.0, 0.0])))
    assert "mean nan, norm nan" in text and "inf" in text
    assert "(0, 3)" in str(inspect.graph(lambda x: x.sum(), jnp.ones((0, 3))))


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_table_has_a_line_for_each_wire(name):
    graph = graph_of(name)
    lines = str(graph).splitlines()
    assert max(map(len, lines)) <= 130 and lines[0].split() == ["#", "step", "inputs", "shape", "value", "gradient"]
    numbered = [line.split()[0] for line in lines if re.match(r" *\d+  ", line)]
    assert numbered == [str(number + 1) for number in range(len(numbered))]
    shown = [line for line in lines if re.search(r"\(\d*(, \d+)*\)( \w+| key<fry>)?  ", line)]
    numbers = {node.number for node in graph.nodes if node.kind == "number"}
    doubled = len([n for n in graph.nodes if n.kind == "input"]) - len(
        {n.name for n in graph.nodes if n.kind == "input"}
    )
    assert len(shown) == len([wire for wire in graph.wires if wire.source not in numbers]) - doubled
    for repeat in graph.repeats:
        assert f"repeat {repeat.times} times" in str(graph)


def test_the_table_of_a_network():
    text = str(inspect.graph(loss, PARAMS, STATE, X, Y, KEY, has_aux=True))
    for part in (
        "serial[0].dense",
        "repeat 3 times (serial[3].repeat)",
        "3 x (5, 4)",
        "(5) int32",
        "params[3][0].w[i]",
    ):
        assert part in text
    assert max(map(len, text.splitlines())) <= 120


# Refusals


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: inspect.graph(3, 1.0), TypeError, "3 is no function"),  # pyright: ignore[reportArgumentType]
        (lambda: inspect.graph(lambda x, s: x, 1.0, "a"), TypeError, "graph: s is a str, wanted an array"),
        (lambda: inspect.graph(lambda x: x, jax.ShapeDtypeStruct((), jnp.float32)), TypeError, "ShapeDtypeStruct"),
        (lambda: inspect.graph(lambda n: n, 3), ValueError, r"no argument is floating point \(n is int32\)"),
        (lambda: inspect.graph(lambda: 1.0), ValueError, "no argument is floating point"),
        (lambda: inspect.graph(jnp.argmax, jnp.ones(3)), ValueError, "no output is floating point"),
        (lambda: inspect.graph(lambda x: x, 1.0, has_aux=True), TypeError, r"\(output, auxiliary\), it returned one"),
        (lambda: inspect.graph(lambda x: (x,) * 3, 1.0, has_aux=True), TypeError, "a tuple of 3"),
        (lambda: inspect.graph(lambda x: (x, x), 1.0, cotangent=1.0), TypeError, "the cotangent has the tree"),
        (lambda: inspect.graph(lambda x: x, jnp.ones(3), cotangent=1.0), ValueError, r"shape \(\), wanted the output"),
        (
            lambda: inspect.graph(lambda x: jax.lax.while_loop(lambda c: c < 9, lambda c: c * 2, x), 1.0),
            ValueError,
            r"while loop at .*test_graph.py:\d+.*use jax.lax.scan",
        ),
    ],
)  # fmt: skip
def test_refusals_are_sentences(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_mutable_array_is_refused():
    def f(x):
        array = jax.new_ref(jnp.float32(0))
        array[...] = x
        return array[...]

    with pytest.raises(ValueError, match="mutable array"):
        inspect.graph(f, 1.0)
