"""What the docstrings promise at kinks, infinities and NaN, and for empty arrays."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import rules

INF, NAN = math.inf, math.nan


def value_and_slope(rule, point, /, **static):
    y, pull = jax.vjp(lambda x: rule(x, **static), jnp.float32(point))
    return float(y), float(pull(jnp.float32(1.0))[0])


# rule, configuration, x, value, derivative
POINTS = [
    (rules.relu, {}, 0.0, 0.0, 0.0),
    (rules.relu, {}, -0.0, 0.0, 0.0),
    (rules.relu, {}, INF, INF, 1.0),
    (rules.relu, {}, -INF, 0.0, 0.0),
    (rules.leaky_relu, {"negative_slope": 0.2}, 0.0, 0.0, 0.2),
    (rules.leaky_relu, {"negative_slope": 0.25}, -INF, -INF, 0.25),
    (rules.relu6, {}, 0.0, 0.0, 0.0),
    (rules.relu6, {}, 6.0, 6.0, 0.0),
    (rules.relu6, {}, INF, 6.0, 0.0),
    (rules.squared_relu, {}, 0.0, 0.0, 0.0),
    (rules.elu, {}, 0.0, 0.0, 1.0),
    (rules.elu, {"alpha": 0.5}, 0.0, 0.0, 0.5),
    (rules.elu, {"alpha": 0.5}, -INF, -0.5, 0.0),
    (rules.elu, {}, INF, INF, 1.0),
    (rules.celu, {"alpha": 0.5}, 0.0, 0.0, 1.0),
    (rules.celu, {"alpha": 0.5}, -INF, -0.5, 0.0),
    (rules.selu, {}, 0.0, 0.0, 1.0507009873554805 * 1.6732632423543772),
    (rules.selu, {}, -INF, -1.0507009873554805 * 1.6732632423543772, 0.0),
    (rules.softplus, {}, -INF, 0.0, 0.0),
    (rules.softplus, {}, INF, INF, 1.0),
    (rules.softplus, {}, 1e4, 1e4, 1.0),
    (rules.threshold, {"threshold": 1.0, "value": -2.0}, 1.0, -2.0, 0.0),
    (rules.sigmoid, {}, INF, 1.0, 0.0),
    (rules.sigmoid, {}, -INF, 0.0, 0.0),
    (rules.general_sigmoid, {"x": 2.0, "z": 0.5}, INF, 1.5, 0.0),
    (rules.general_sigmoid, {"x": 2.0, "z": 0.5}, -INF, 0.5, 0.0),
    (rules.tanh, {}, INF, 1.0, 0.0),
    (rules.tanh, {}, -INF, -1.0, 0.0),
    (rules.softsign, {}, 0.0, 0.0, 1.0),
    (rules.softsign, {}, INF, 1.0, 0.0),
    (rules.softsign, {}, -INF, -1.0, 0.0),
    (rules.log_sigmoid, {}, -INF, -INF, 1.0),
    (rules.log_sigmoid, {}, -1e4, -1e4, 1.0),
    (rules.log_sigmoid, {}, INF, 0.0, 0.0),
    (rules.hard_sigmoid, {}, -3.0, 0.0, 0.0),
    (rules.hard_sigmoid, {}, 3.0, 1.0, 0.0),
    (rules.hard_sigmoid, {}, INF, 1.0, 0.0),
    (rules.hard_tanh, {}, -1.0, -1.0, 0.0),
    (rules.hard_tanh, {}, 1.0, 1.0, 0.0),
    (rules.hard_tanh, {}, -INF, -1.0, 0.0),
    (rules.hard_swish, {}, -3.0, 0.0, 0.0),
    (rules.hard_swish, {}, 3.0, 3.0, 1.0),
    (rules.soft_shrink, {}, 0.5, 0.0, 0.0),
    (rules.soft_shrink, {}, -0.5, 0.0, 0.0),
    (rules.soft_shrink, {}, -INF, -INF, 1.0),
    (rules.hard_shrink, {}, 0.5, 0.0, 0.0),
    (rules.hard_shrink, {}, -0.5, 0.0, 0.0),
    (rules.hard_shrink, {}, INF, INF, 1.0),
    (rules.step, {}, 0.0, 1.0, 0.0),
    (rules.step, {"low": -1.0}, -INF, -1.0, 0.0),
    (rules.step_straight_through, {}, 0.0, 1.0, 1.0),
    (rules.ramp, {}, 0.0, 0.0, 0.0),
    (rules.ramp, {}, 1.0, 1.0, 0.0),
    (rules.ramp, {"a": 2.0, "b": 5.0}, -INF, 2.0, 0.0),
    (rules.ramp, {"a": 2.0, "b": 5.0}, INF, 5.0, 0.0),
    (rules.exp, {}, -INF, 0.0, 0.0),
    (rules.log, {}, 0.0, -INF, INF),
    (rules.sqrt, {}, 0.0, 0.0, INF),
    (rules.tanh_shrink, {}, -INF, -INF, 1.0),
]
GAUSSIAN_TAILS = [INF, -INF]
SMOOTH_GATES = [rules.gelu, rules.gelu_tanh, rules.silu, rules.swish, rules.mish]
EVERY_ELEMENTWISE = [
    (rule, static) for rule, static in {point[0].name: (point[0], point[1]) for point in reversed(POINTS)}.values()
] + [(rule, {}) for rule in (rules.gaussian, *SMOOTH_GATES)]


@pytest.mark.parametrize(("rule", "static", "x", "value", "slope"), POINTS)
def test_points(rule, static, x, value, slope):
    got = value_and_slope(rule, x, **static)
    np.testing.assert_allclose(got, (value, slope), rtol=4e-7, atol=0)


@pytest.mark.parametrize(("rule", "static"), EVERY_ELEMENTWISE)
def test_nan_stays_nan(rule, static):
    assert math.isnan(value_and_slope(rule, NAN, **static)[0])


@pytest.mark.parametrize("x", GAUSSIAN_TAILS)
def test_gaussian_vanishes_at_infinity(x):
    assert value_and_slope(rules.gaussian, x)[0] == 0.0


@pytest.mark.parametrize("rule", [*SMOOTH_GATES, rules.hard_swish])
def test_gates_at_infinity(rule):
    assert math.isnan(value_and_slope(rule, -INF)[0])
    assert value_and_slope(rule, INF)[0] == INF


@pytest.mark.parametrize("rule", [rules.log, rules.sqrt])
def test_below_the_domain_is_nan(rule):
    assert math.isnan(value_and_slope(rule, -1.0)[0])


@pytest.mark.parametrize("rule", [rules.relu, rules.relu6, rules.hard_tanh, rules.soft_shrink, rules.hard_shrink])
def test_an_infinite_cotangent_at_a_closed_gate_is_zero(rule):
    x = jnp.array([-0.0, 0.0]) if rule is not rules.hard_tanh else jnp.array([-1.0, 1.0])
    assert jax.vjp(rule, x)[1](jnp.array([INF, -INF]))[0].tolist() == [0.0, 0.0]


def pull(rule, *arguments, dy=1.0):
    y, backward = jax.vjp(rule, *(jnp.float32(a) for a in arguments))
    return float(y), [float(g) for g in backward(jnp.float32(dy))]


@pytest.mark.parametrize("rule", [rules.maximum, rules.minimum])
def test_ties_share_the_cotangent(rule):
    assert pull(rule, 2.0, 2.0) == (2.0, [0.5, 0.5])
    value, cotangents = pull(rule, NAN, 2.0)
    assert math.isnan(value) and cotangents == [0.0, 0.0]
    assert pull(rule, INF, -INF)[1] == ([1.0, 0.0] if rule is rules.maximum else [0.0, 1.0])


def test_maxout_takes_the_first_winner():
    y, backward = jax.vjp(lambda x: rules.maxout(x, pieces=3), jnp.array([1.0, 3.0, 3.0, NAN, 5.0, NAN]))
    assert float(y[0]) == 3.0 and math.isnan(float(y[1]))
    assert backward(jnp.array([7.0, 9.0]))[0].tolist() == [0.0, 7.0, 0.0, 9.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("x", "y", "value", "dx", "dy"),
    [
        (0.0, 0.0, 1.0, 0.0, 0.0),
        (0.0, 2.0, 0.0, 0.0, 0.0),
        (0.0, 1.0, 0.0, 1.0, 0.0),
        (-2.0, 3.0, -8.0, 12.0, NAN),
        (-2.0, 0.5, NAN, NAN, NAN),
        (-2.0, 0.0, 1.0, 0.0, NAN),
    ],
)
def test_power(x, y, value, dx, dy):
    got_value, got = pull(rules.power, x, y)
    if (x, y) == (0.0, 0.0):  # the derivative by y has no limit there
        got[1] = dy
    np.testing.assert_allclose([got_value, *got], [value, dx, dy], rtol=1e-6)


def test_prelu_kink_is_the_slope():
    assert pull(rules.prelu, 0.0, -0.5) == (0.0, [-0.5, 0.0])


def test_penalties_at_zero():
    assert jax.grad(rules.l1_penalty)(jnp.array([0.0, -2.0, 3.0])).tolist() == [0.0, -1.0, 1.0]
    assert float(rules.l1_penalty({})) == float(rules.l2_penalty(())) == 0.0


def test_softmax_family_at_infinity():
    x = jnp.array([[1.0, -INF, 1.0], [INF, 0.0, 0.0], [-INF, -INF, -INF], [0.0, NAN, 0.0], [1e4, -1e4, 1e4]])
    p = np.asarray(rules.softmax(x))
    assert p[0].tolist() == p[4].tolist() == [0.5, 0.0, 0.5] and np.isnan(p[1:4]).all()
    assert np.asarray(rules.softmin(-x))[0].tolist() == [0.5, 0.0, 0.5]
    log_p = np.asarray(rules.log_softmax(x))
    np.testing.assert_allclose(log_p[0], [-math.log(2), -INF, -math.log(2)], rtol=1e-6)
    for rule in (rules.softmax, rules.log_softmax):
        dx = jax.vjp(rule, x[0])[1](jnp.array([1.0, 0.0, 2.0]))[0]
        assert np.isfinite(dx).all() and float(dx[1]) == 0.0


EMPTY = [
    (rules.relu, (np.zeros((0, 3)),)),
    (rules.softmax, (np.zeros((0, 3)),)),
    (rules.log_softmax, (np.zeros((0, 3)),)),
    (rules.softmax, (np.zeros((2, 0)),)),
    (rules.log_softmax, (np.zeros((2, 0)),)),
    (rules.glu, (np.zeros((0, 4)),)),
    (rules.maxout, (np.zeros((0, 4)),)),
    (rules.prelu, (np.zeros((0, 3)), np.ones(3))),
    (rules.linear, (np.zeros((0, 3)), np.ones((3, 2)), np.ones(2))),
    (rules.matmul, (np.zeros((0, 2, 3)), np.ones((3, 2)))),
    (rules.bilinear, (np.zeros((0, 3)), np.zeros((0, 2)), np.ones((3, 2, 4)))),
    (rules.add, (np.zeros((0, 3)), np.ones(3))),
    (rules.multiply, (np.zeros((0, 3)), np.ones((1, 3)))),
    (rules.sum, (np.zeros((0, 3)),)),
    (rules.dot, (np.zeros((2, 0)), np.zeros((2, 0)))),
    (rules.squared_error, (np.zeros((0, 3)), np.zeros((0, 3)))),
    (rules.squared_error, (np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0))),
    (rules.softmax_cross_entropy, (np.zeros((0, 3)), np.zeros(0, int))),
    (rules.softmax_cross_entropy, (np.zeros((0, 3)), np.zeros(0, int), None, np.ones(3))),
    (rules.cosine_distance, (np.zeros((0, 3)), np.zeros((0, 3)))),
    (rules.multiclass_hinge, (np.zeros((0, 3)), np.zeros(0, int))),
]


@pytest.mark.parametrize(("rule", "arguments"), EMPTY)
def test_an_empty_batch_gives_zeros(rule, arguments):
    arguments = [None if a is None else jnp.asarray(a, jnp.int32 if a.dtype == int else jnp.float32) for a in arguments]
    y, backward = jax.vjp(rule, *arguments)
    assert np.isfinite(y).all()
    for argument, cotangent in zip(arguments, backward(jnp.ones_like(y)), strict=True):
        if argument is not None and jnp.issubdtype(argument.dtype, jnp.floating):
            assert cotangent.shape == argument.shape
            np.testing.assert_array_equal(cotangent, 0)


def test_the_mean_of_nothing_is_nan():
    assert math.isnan(float(rules.mean(jnp.zeros((0,)))))
    assert jax.grad(rules.mean)(jnp.zeros((0,))).shape == (0,)


def grown(argument):
    """Stretch an empty axis to one, with numbers in it."""
    if argument is None:
        return None
    shape = tuple(max(axis, 1) for axis in argument.shape)
    if argument.dtype == int:
        return jnp.ones(shape, jnp.int32)
    return jnp.asarray(np.random.default_rng(7).normal(size=shape) + 2, jnp.float32)


@pytest.mark.parametrize(("rule", "arguments"), EMPTY)
def test_a_batch_of_one(rule, arguments):
    arguments = [grown(argument) for argument in arguments]

    def all_of(function):
        y, backward = jax.vjp(function, *arguments)
        return [leaf for leaf in jax.tree.leaves((y, backward(jnp.ones_like(y)))) if leaf.dtype == jnp.float32]

    for got, want in zip(*jax.jit(lambda: (all_of(rule), all_of(rule.plain)))(), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
