"""The first value that is not finite is found, whichever pass it arises in, and named with its repetition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import inspect, layers, rules

X = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)


def times(factor):
    """Return a layer y = factor x, in float32."""
    return layers.stateless("times", lambda x: x * np.float32(factor))


def search(net, loss, x=X):
    """Return what is found in `net` at its start."""
    params, state = net.init(jax.random.key(0), x)
    apply = lambda params, x: loss(net.apply(params, state, x, key=jax.random.key(1), train=True)[0])  # noqa: E731
    return inspect.find_non_finite(jax.jit(inspect.taps(apply))(params, x)[2])


ZERO = layers.stateless("zero", lambda x: 0 * x)
TINY = layers.dense(2, weight=lambda key, shape, dtype: jnp.full(shape, 1e-20, dtype))
BURST = layers.serial(times(1e30), times(1e30), layers.tanh())
ROOT = layers.stateless("root", rules.sqrt)
GROW = layers.serial(layers.stateless("positive", lambda x: 1 + 0 * x), layers.repeat(layers.repeat(times(1e10), 2), 3))
CASES = {
    "all finite": (layers.serial(layers.dense(2), layers.dropout(0.5), layers.tanh()), rules.mean, None),
    "forward": (layers.serial(layers.dense(2), BURST), rules.mean, ("serial[1].serial[1].times", "output")),
    "branch": (
        layers.serial(layers.parallel(layers.relu(), BURST), layers.add()),
        rules.mean,
        ("serial[0].parallel[1].serial[1].times", "output"),
    ),
    "repeat": (
        layers.serial(layers.dense(3), layers.repeat(layers.residual(times(1e15)), 4), layers.tanh()),
        rules.mean,
        ("serial[1].repeat[2].residual.times", "output"),
    ),
    "nested repeat": (GROW, lambda y: rules.mean(jnp.tanh(y)), ("serial[1].repeat[1].repeat[1].times", "output")),
    "loss": (layers.dense(2), lambda y: rules.mean(y) * 1e30 * 1e30, ("loss", "output")),
    "cotangent": (
        layers.serial(layers.dense(2), ZERO, ROOT, layers.dense(2)),
        rules.mean,
        ("serial[1].zero", "cotangent"),
    ),
    "cotangent of the output": (
        layers.serial(layers.dense(2), layers.serial(ZERO)),
        lambda y: rules.mean(rules.sqrt(y)),
        ("serial[1].serial[0].zero", "cotangent"),
    ),
    "cotangent in a repeat": (  # going back it grows tenth power by tenth power, and breaks behind the second one
        layers.serial(layers.dense(3), layers.stateless("small", lambda x: x * 1e-30), layers.repeat(times(1e10), 3)),
        lambda y: rules.mean(y) * 1e22,
        ("serial[2].repeat[0].times", "cotangent"),
    ),
    "gradient": (layers.serial(times(1e30), TINY), lambda y: rules.mean(y) * 1e20, ("params[1].w", "gradient")),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_first_value_that_is_not_finite_is_found(case):
    net, loss, wanted = case
    assert search(net, loss) == wanted


def test_it_is_told_in_words():
    assert str(search(*CASES["forward"][:2])) == "the output of serial[1].serial[1].times"
    assert str(search(*CASES["cotangent in a repeat"][:2])) == "the cotangent of serial[2].repeat[0].times"
    assert str(search(*CASES["loss"][:2])) == "the loss itself"
    assert str(inspect.NonFinite("params[0].w", "gradient")) == "the gradient of params[0].w"


def test_a_named_point_of_a_users_own_function_is_found():
    def f(w, x):
        h = inspect.tap("h", x @ w)
        return inspect.tap("exp", jnp.exp(h)).mean()

    _, _, taps = inspect.taps(f)(np.full((3, 2), 1e4, np.float32), X)
    assert str(inspect.find_non_finite(taps)) == "the output of exp"
    assert "NOT FINITE" in str(taps)


def test_nothing_is_left_behind_when_an_error_passes():
    def fail(params):
        layers.relu().apply((), (), params)
        raise RuntimeError("in the loss")

    with pytest.raises(RuntimeError, match="in the loss"):
        inspect.taps(fail)(X)
    assert "measured" not in str(jax.make_jaxpr(lambda x: layers.relu().apply((), (), x)[0])(X))
