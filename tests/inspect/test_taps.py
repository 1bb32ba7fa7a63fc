"""Taps change nothing and see everything; the first value that is not finite is found."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import inspect, layers, rules
from fnn.inspect import find_non_finite, tap
from fnn.layers.scope import observing

X = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
SEEN: list[tuple[str, np.ndarray]] = []


def show(kind, x):
    jax.debug.callback(lambda x: SEEN.append((kind, np.asarray(x))), x)


def look(function, *arguments):
    """Return the result and what was seen on the way."""
    SEEN.clear()
    result = jax.block_until_ready(function(*arguments))
    jax.effects_barrier()
    return result, list(SEEN)


def tapped(x):
    return (jnp.sin(tap(jnp.square(x), look=show)) * jnp.arange(1.0, 4.0)).sum()


def plain(x):
    return (jnp.sin(jnp.square(x)) * jnp.arange(1.0, 4.0)).sum()


@pytest.mark.parametrize("way", (lambda f: f, jax.jit, jax.checkpoint), ids=("eager", "jit", "checkpoint"))
def test_a_tap_is_the_identity_in_both_passes_and_shows_both_values(way):
    x = X[0]
    (value, gradient), seen = look(jax.value_and_grad(way(tapped)), x)
    wanted = jax.value_and_grad(way(plain))(x)
    np.testing.assert_array_equal(value, wanted[0])
    np.testing.assert_array_equal(gradient, wanted[1])
    shown = {kind: value for kind, value in seen}
    np.testing.assert_allclose(shown["output"], x * x, rtol=1e-6)
    np.testing.assert_allclose(shown["cotangent"], np.cos(x * x) * np.arange(1, 4), rtol=1e-5)


@pytest.mark.parametrize("way", (jax.vmap, lambda f: lambda xs: jax.lax.map(f, xs)), ids=("vmap", "scan"))
def test_a_tap_shows_every_row_under_vmap_and_scan(way):
    gradients, seen = look(jax.jit(way(jax.grad(tapped))), X)
    np.testing.assert_allclose(gradients, jax.vmap(jax.grad(plain))(X), rtol=1e-5, atol=1e-6)
    for kind, wanted in (("output", X * X), ("cotangent", np.cos(X * X) * np.arange(1, 4))):
        rows = sorted(value.tolist() for name, value in seen if name == kind)
        np.testing.assert_allclose(rows, sorted(wanted.tolist()), rtol=1e-5)


def test_a_tap_keeps_nothing():
    assert jax.tree.leaves(tap.residuals(X, look=show)) == []


def times(factor):
    """Return a layer y = factor x in two factors, so that a large one can be written."""
    return layers.stateless("times", lambda x: x * np.float32(factor))


def search(net, x=X, loss=rules.mean):
    """Return what is found in `net` at its start."""
    params, state = net.init(jax.random.key(0), x)
    compute = jax.value_and_grad(lambda params: loss(net.apply(params, state, x, key=jax.random.key(1), train=True)[0]))
    return find_non_finite(compute, params)


ZERO = layers.stateless("zero", lambda x: 0 * x)
TINY = layers.dense(2, weight=lambda key, shape, dtype: jnp.full(shape, 1e-20, dtype))
BURST = layers.serial(times(1e30), times(1e30), layers.tanh())
CASES = {
    "all finite": (layers.serial(layers.dense(2), layers.dropout(0.5), layers.tanh()), rules.mean, None),
    "forward": (layers.serial(layers.dense(2), BURST), rules.mean, ("serial[1].serial[1].times", "output")),
    "branch": (
        layers.serial(layers.parallel(layers.relu(), BURST), layers.add()),
        rules.mean,
        ("serial[0].parallel[1].serial[1].times", "output"),
    ),
    "repeat": (
        layers.serial(layers.dense(3), layers.repeat(layers.residual(times(1e20)), 3), layers.tanh()),
        rules.mean,
        ("serial[1].repeat[:3].residual.times", "output"),
    ),
    "loss": (layers.dense(2), lambda y: rules.mean(y) * 1e30 * 1e30, ("loss", "output")),
    "cotangent": (
        layers.serial(layers.dense(2), ZERO, layers.stateless("root", rules.sqrt), layers.dense(2)),
        rules.mean,
        ("serial[1].zero", "cotangent"),
    ),
    "cotangent of the output": (
        layers.serial(layers.dense(2), layers.serial(ZERO)),
        lambda y: rules.mean(rules.sqrt(y)),
        ("serial[1].serial[0].zero", "cotangent"),
    ),
    "gradient": (
        layers.serial(times(1e30), TINY),
        lambda y: rules.mean(y) * 1e20,
        ("params[1].w", "gradient"),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_first_value_that_is_not_finite_is_found(case):
    net, loss, wanted = case
    assert search(net, loss=loss) == wanted


def test_it_is_told_in_words():
    assert str(search(CASES["forward"][0])) == "the output of serial[1].serial[1].times"
    assert str(search(layers.dense(2), loss=CASES["loss"][1])) == "the loss itself"
    assert str(inspect.NonFinite("params[0].w", "gradient")) == "the gradient of params[0].w"


def test_no_observer_is_left_behind_when_an_error_passes():
    def fail(params):
        layers.relu().apply((), (), params)
        raise RuntimeError("in the loss")

    with pytest.raises(RuntimeError, match="in the loss"):
        find_non_finite(fail, X)
    calls = []
    text = str(jax.make_jaxpr(lambda x: layers.relu().apply((), (), x)[0])(X))
    assert "callback" not in text
    with observing(lambda call: calls.append(call.path) or call.y):
        layers.relu().apply((), (), X)
    layers.relu().apply((), (), X)
    assert calls == ["relu"]
