"""The computational graph: what is folded, how nodes are called, the table, what is refused."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from graph_programs import (
    KEY,
    PARAMS,
    PROGRAMS,
    STATE,
    X,
    Y,
    graph_of,
    leaving,
    loss,
    named,
    near,
    of_input,
    pair,
)

import fnn
from fnn import inspect, rules
from fnn.inspect.graphs.program import layer_path

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
        (lambda: inspect.graph(lambda x: (x, "y"), 1.0), TypeError, "returned a str, wanted arrays or numbers"),
        (lambda: inspect.graph(lambda x: (x, x), 1.0, cotangent=1.0), TypeError, "the cotangent has the tree"),
        (lambda: inspect.graph(lambda x: x, jnp.ones(3), cotangent=1.0), ValueError, r"shape \(\), wanted the output"),
        (
            lambda: inspect.graph(lambda x: jax.lax.while_loop(lambda c: c < 9, lambda c: c * 2, x), 1.0),
            ValueError,
            r"while loop at .*test_graph_names.py:\d+.*use jax.lax.scan",
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
