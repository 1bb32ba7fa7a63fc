"""What the docstrings of the pools promise: ties, padding, infinities, NaN, sizes at the limits, numbers by hand."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fnn
from fnn import rules

INF, NAN = math.inf, math.nan


def line(*numbers: float, dtype=jnp.float32):
    return jnp.array(numbers, dtype).reshape(1, -1, 1)


def pulled(rule, x, **static):
    """Return value and gradient of the sum, as lists."""

    def program(x):
        y, pull = jax.vjp(lambda x: rule(x, **static), x)
        return y, pull(jnp.ones_like(y))[0]

    return tuple(z.ravel().tolist() for z in jax.jit(program)(x))


# x, configuration of max_pool, value, gradient of the sum
LINES = {
    "a tie gives all to the first": ((2, 2, 1, 1), {"window": 2}, [2, 1], [1, 0, 1, 0]),
    "windows that overlap add up": ((0, 3, 1, 2), {"window": 3, "stride": 1}, [3, 3], [0, 2, 0, 0]),
    "a rest is in no window": ((1, 2, 9), {"window": 2}, [2], [0, 1, 0]),
    "padding loses": ((-5, -6, -7), {"window": 2, "stride": 2, "padding": ((1, 0),)}, [-5, -6], [1, 1, 0]),
    "padding loses against -inf": ((-INF, -INF, 1), {"window": 2, "padding": ((1, 0),)}, [-INF, 1], [1, 0, 1]),
    "the first of a window of -inf": ((-INF, -INF), {"window": 2}, [-INF], [1, 0]),
    "padding alone": ((1, 2), {"window": 1, "padding": 1, "stride": 1}, [-INF, 1, 2, -INF], [1, 1]),
    "a NaN wins": ((1, NAN, 3, 2), {"window": 2}, [NAN, 3], [0, 1, 1, 0]),
    "the first NaN": ((NAN, NAN, -INF, NAN), {"window": 2}, [NAN, NAN], [1, 0, 0, 1]),
    "+inf": ((INF, 1, 2, INF), {"window": 2}, [INF, INF], [1, 0, 0, 1]),
    "dilation": ((1, 5, 2, 4), {"window": 2, "stride": 1, "dilation": 2}, [2, 5], [0, 1, 1, 0]),
}


@pytest.mark.parametrize("name", LINES)
def test_max_pool_on_a_line(name):
    x, static, value, gradient = LINES[name]
    got, slope = pulled(rules.max_pool, line(*x), **static)
    np.testing.assert_array_equal(got, value)
    np.testing.assert_array_equal(slope, gradient)


def test_ties_go_to_the_first_in_row_major_order_in_every_pool_and_under_autodiff():
    x = jnp.ones((1, 4, 6, 1))
    want = np.zeros((4, 6))
    want[::2, ::3] = 1
    for rule, static in ((rules.max_pool, {"window": (2, 3)}), (rules.adaptive_max_pool, {"size": 2})):
        np.testing.assert_array_equal(np.reshape(pulled(rule, x, **static)[1], (4, 6)), want)
    with fnn.autodiff():
        np.testing.assert_array_equal(np.reshape(pulled(rules.max_pool, x, window=(2, 3))[1], (4, 6)), want)
    np.testing.assert_array_equal(pulled(rules.global_max_pool, x)[1], [1, *[0] * 23])
    _, uneven = pulled(rules.adaptive_max_pool, x, size=(4, 4))
    # Windows 0-1, 1-2, 3-4, 4-5 of the six columns.
    np.testing.assert_array_equal(uneven, [1, 1, 0, 1, 1, 0] * 4)


def test_global_max_pool_of_infinities_and_nan():
    for x, value, gradient in (
        ((-INF, -INF), -INF, [1, 0]),
        ((1, NAN, 2), NAN, [0, 1, 0]),
        ((1, INF, INF), INF, [0, 1, 0]),
    ):
        got, slope = pulled(rules.global_max_pool, line(*x))
        np.testing.assert_array_equal(got, [value])
        np.testing.assert_array_equal(slope, gradient)


def test_average_pool_counts_the_padding_where_it_is_told_to():
    x, static = line(2, 4, 6), {"window": 2, "stride": 2, "padding": 1}
    assert pulled(rules.average_pool, x, **static) == ([2, 5], [1, 0.5, 0.5])
    assert pulled(rules.average_pool, x, **static, count_padding=True) == ([1, 5], [0.5, 0.5, 0.5])
    # A window of padding alone.
    assert pulled(rules.average_pool, line(3), window=1, stride=1, padding=1) == ([0, 3, 0], [1])


def test_l2_pool_has_no_gradient_at_zero():
    assert pulled(rules.l2_pool, line(0, 0, 3, -4), window=2)[0] == [0, 5]
    np.testing.assert_allclose(pulled(rules.l2_pool, line(0, 0, 3, -4), window=2)[1], [0, 0, 0.6, -0.8], rtol=1e-6)
    with fnn.autodiff():
        assert pulled(rules.l2_pool, line(0, 0), window=2)[1] == [0, 0]


def test_half_precision_sums_in_float32():
    def program(x):
        yield rules.average_pool(x, window=8)
        yield rules.global_average_pool(x)
        yield rules.adaptive_average_pool(x, size=1)
        yield rules.adaptive_average_pool(x, size=3)

    x = jnp.full((1, 8, 8, 1), 60000.0, jnp.float16)
    for y in jax.jit(lambda x: list(program(x)))(x):
        assert y.dtype == jnp.float16
        np.testing.assert_array_equal(y, jnp.full_like(y, 60000.0))
    assert rules.l2_pool(line(300, 400, dtype=jnp.float16), window=2).item() == 500  # 400² is no float16


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 11])
@pytest.mark.parametrize("n", [1, 2, 5, 6])
def test_adaptive_pools_of_every_size(n, size):
    x = jnp.arange(n, dtype=jnp.float32).reshape(1, n, 1) ** 2
    boxes = [(math.floor(o * n / size), math.ceil((o + 1) * n / size)) for o in range(size)]
    row = np.asarray(x).ravel()
    y, gradient = pulled(rules.adaptive_max_pool, x, size=size)
    assert y == [row[a:b].max() for a, b in boxes]
    assert gradient == [sum(b - 1 == i for _, b in boxes) for i in range(n)]
    y, gradient = pulled(rules.adaptive_average_pool, x, size=size)
    np.testing.assert_allclose(y, [row[a:b].mean() for a, b in boxes], rtol=1e-6)
    shares = [sum((a <= i < b) / (b - a) for a, b in boxes) for i in range(n)]
    np.testing.assert_allclose(gradient, shares, rtol=1e-6)


def test_max_pool_keeps_a_byte_an_output_and_not_the_input():
    def kept(rule, *shape, **static):
        return [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(rule.residuals(jnp.ones(shape), **static))]

    assert kept(rules.max_pool, 2, 6, 6, 3, window=2) == [((2, 3, 3, 3), jnp.uint8)]
    assert kept(rules.max_pool, 2, 20, 20, 3, window=17) == [((2, 1, 1, 3), jnp.uint16)]
    assert kept(rules.global_max_pool, 2, 16, 16, 3) == [((2, 3), jnp.uint8)]
    assert kept(rules.global_max_pool, 1, 256, 257, 1) == [((1, 1), jnp.int32)]
    assert kept(rules.average_pool, 2, 6, 6, 3, window=2) == []


@pytest.mark.parametrize("shape", [(0, 4, 4, 2), (2, 4, 4, 0)])
def test_no_example_or_no_channel_is_no_error(shape):
    calls: list[tuple[Any, dict[str, Any]]] = [
        (rules.max_pool, {"window": 2}),
        (rules.average_pool, {"window": 3, "padding": "SAME"}),
        (rules.l2_pool, {"window": 2}),
        (rules.global_max_pool, {}),
        (rules.global_average_pool, {}),
        (rules.adaptive_max_pool, {"size": 3}),
        (rules.adaptive_average_pool, {"size": 3}),
    ]
    for rule, static in calls:
        y, pull = jax.vjp(lambda x, rule=rule, static=static: rule(x, **static), jnp.ones(shape))
        assert y.size == 0 and pull(y)[0].shape == shape


SLIDING = (rules.max_pool, rules.average_pool, rules.l2_pool)
ADAPTIVE = (rules.adaptive_max_pool, rules.adaptive_average_pool)
GLOBAL = (rules.global_max_pool, rules.global_average_pool)
WRONG = [
    *(
        (rule, (2, 3, 3, 1), {"window": 4}, ["window (4, 4)", "larger than the padded input (3, 3)"])
        for rule in SLIDING
    ),
    *((rule, (2, 3, 3, 1), {"window": 2, "dilation": 3}, ["dilation (3, 3)", "spans (4, 4)"]) for rule in SLIDING),
    *((rule, (2, 3, 3, 1), {"window": (2, 0)}, ["window = (2, 0)", "positive"]) for rule in SLIDING),
    *((rule, (2, 3, 3, 1), {"window": 2, "stride": 0}, ["stride = 0", "positive"]) for rule in SLIDING),
    *((rule, (2, 3, 3, 1), {"window": 2, "padding": "FULL"}, ["padding = 'FULL'", "'SAME'"]) for rule in SLIDING),
    *((rule, (2, 3, 3, 1), {"window": 2, "padding": -1}, ["padding = -1"]) for rule in SLIDING),
    *((rule, (2, 3, 3, 1), {"size": 0}, ["size = 0", "positive"]) for rule in ADAPTIVE),
    *((rule, (2, 3, 3, 1), {"size": (2, 2, 2)}, ["size = (2, 2, 2)", "a tuple of 2"]) for rule in ADAPTIVE),
    *(
        (rule, shape, static, words)
        for rules_, static in ((SLIDING, {"window": 1}), (ADAPTIVE, {"size": 1}), (GLOBAL, {}))
        for rule in rules_
        for shape, words in (
            ((2, 0, 3, 1), ["(0, 3)", "no empty axis"]),
            ((3, 1), ["(3, 1)", "(batch, *spatial, channels)"]),
            ((1,) * 6, ["one to three spatial axes"]),
        )
    ),
]


@pytest.mark.parametrize("number", range(len(WRONG)), ids=lambda k: f"{WRONG[k][0].name}-{k}")
def test_wrong_arguments_are_refused_in_a_sentence(number):
    rule, shape, static, words = WRONG[number]
    with pytest.raises(ValueError) as caught:
        jax.eval_shape(lambda x: rule(x, **static), jnp.ones(shape))
    message = str(caught.value)
    assert message.startswith(f"{rule.name}: ") and all(word in message for word in words), message


@pytest.mark.parametrize("rule", ADAPTIVE, ids=lambda rule: rule.name)
def test_adaptive_pools_have_no_dilation(rule):
    with pytest.raises(TypeError, match=rf"rule {rule.name}: .*'dilation'.*called as {rule.name}\(x.*size"):
        rule(jnp.ones((1, 4, 1)), size=2, dilation=2)
