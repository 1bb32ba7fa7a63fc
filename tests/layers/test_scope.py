"""Paths and observers: who is being traced, and who looks on."""

import jax
import numpy as np
import pytest

from fnn import layers
from fnn.layers import LayerError
from fnn.layers.scope import contains, in_repetition, observing, path, scope

X = np.ones((2, 3), np.float32)


def test_paths_nest_and_are_left_again():
    with scope("serial"), scope("[1]"), scope("dense"):
        assert path() == "serial[1].dense"
    assert path() == ""


def test_a_path_is_left_when_an_error_passes():
    for _ in range(2):
        with pytest.raises(LayerError, match=r"^a\.b: one$"), scope("a"), scope("b"):
            raise ValueError("one")
        assert path() == ""


def test_only_sentences_of_rules_and_layers_get_a_path():
    for error in (KeyError("x"), KeyboardInterrupt(), LayerError("told already"), UnicodeError("a ValueError")):
        with pytest.raises(type(error)) as raised, scope("a"):
            raise error
        assert raised.value is error


def test_a_tracer_error_of_a_users_layer_stays_what_it_is():
    def apply(params, state, x, *, key=None, train=False):
        return (x if x.sum() > 0 else -x), state

    branch = layers.layer("branch", lambda key, x: ((), ()), apply)
    with pytest.raises(jax.errors.TracerBoolConversionError):
        jax.jit(lambda x: branch.apply((), (), x))(X)


def test_an_observer_sees_each_call_inner_before_outer_and_may_replace_the_output():
    net = layers.serial(layers.dense(2), layers.repeat(layers.residual(layers.relu()), 3))
    params, state = net.init(jax.random.key(0), X)
    apply = jax.jit(lambda params, x: net.apply(params, state, x)[0])
    plain = apply(params, X)
    seen = []

    def observer(call):
        seen.append((call.path, call.times))
        return call.y + 1 if call.path == "serial" else call.y

    with observing(observer):
        watched = apply(params, X)
    inside = "serial[1].repeat[:3].residual"
    assert list(dict.fromkeys(seen)) == [
        ("serial[0].dense", 1),
        (f"{inside}.relu", 3),
        (inside, 3),
        ("serial[1].repeat", 1),
        ("serial", 1),
    ]
    np.testing.assert_allclose(watched, plain + 1)
    seen.clear()
    np.testing.assert_array_equal(apply(params, X), plain)  # the program without the observer is still there
    assert seen == []


def test_a_call_in_nested_repeats_knows_which_repetition_runs():
    net = layers.repeat(layers.serial(layers.tanh(), layers.repeat(layers.relu(), 2)), 3)
    params, state = net.init(jax.random.key(0), X)
    seen = {}

    def observer(call):
        seen[call.path] = (call.repeats, call.times)
        if not call.path.endswith("relu"):
            return call.y
        outer, inner = call.position
        return call.y + (outer + 10 + inner).astype(call.y.dtype)

    with observing(observer):
        y, _ = net.apply(params, state, X)
    assert seen["repeat[:3].serial[1].repeat[:2].relu"] == ((3, 2), 6)
    assert seen["repeat[:3].serial[0].tanh"] == ((3,), 3) and seen["repeat"] == ((), 1)
    want = np.tanh(X)
    for i in range(3):
        want = np.tanh(want) if i else want
        for j in range(2):
            want = want + i + 10 + j
    np.testing.assert_allclose(y, want, rtol=1e-6)


def test_what_a_layer_jits_within_itself_is_shown_at_each_place():
    inner = jax.jit(lambda x: layers.tanh().apply((), (), x)[0])
    net = layers.repeat(layers.serial(*2 * [layers.stateless("own", inner)]), 2)
    params, state = net.init(jax.random.key(0), X)
    seen = []

    def observer(call):
        seen.append(call.path)
        return call.y * call.position[0].astype(call.y.dtype) if call.path.endswith("tanh") else call.y

    with observing(observer):
        jax.jit(lambda x: net.apply(params, state, x)[0])(X)
    places = [f"repeat[:2].serial[{i}].own.tanh" for i in range(2)]
    assert [path for path in seen if path.endswith("tanh")] == places


def test_a_path_takes_the_numbers_of_its_repetitions():
    nested = "repeat[:3].serial[1].repeat[:2].relu"
    assert in_repetition(nested, (2, 0)) == "repeat[2].serial[1].repeat[0].relu"
    assert in_repetition("serial[1].relu", ()) == "serial[1].relu"


def test_contains():
    assert contains("serial", "serial[0].dense") and contains("serial[0]", "serial[0].dense")
    assert not contains("serial[1]", "serial[10].dense") and not contains("a", "a") and not contains("a", "ab.c")


def test_paths_are_in_the_compiled_program():
    net = layers.serial(layers.dense(2), layers.tanh())
    params, state = net.init(jax.random.key(0), X)
    text = jax.jit(lambda params, x: net.apply(params, state, x)[0]).lower(params, X).as_text(debug_info=True)
    assert "serial/[0]/dense" in text and "serial/[1]/tanh" in text
