"""Every schedule against its formula in float64, on Python, numpy and traced steps."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import optim


def half_cosine(a, b, fraction):
    return b + (a - b) * (1 + math.cos(math.pi * fraction)) / 2


def one_cycle(step):
    """0.3 * 50 - 1 = 14 steps up, then 35 down."""
    if step <= 14:
        return half_cosine(0.5 / 25, 0.5, step / 14)
    return half_cosine(0.5, 0.5 / 25 / 1e4, min(1, (step - 14) / 35))


TABLE = {
    "constant": (optim.constant(0.3), lambda step: 0.3),
    "step_decay": (optim.step_decay(0.1, 0.5, 7), lambda step: 0.1 * 0.5 ** (step // 7)),
    "exponential": (optim.exponential(0.1, 0.5, 7), lambda step: 0.1 * 0.5 ** (step / 7)),
    "polynomial": (optim.polynomial(0.1, 0.01, 20, 2.0), lambda step: 0.01 + 0.09 * (1 - min(step / 20, 1)) ** 2),
    "cosine": (optim.cosine(0.1, 20, 0.01), lambda step: half_cosine(0.1, 0.01, min(step / 20, 1))),
    "warmup": (
        optim.warmup(optim.cosine(0.1, 50), 10),
        lambda step: min(1, (step + 1) / 10) * half_cosine(0.1, 0, min(step / 50, 1)),
    ),
    "one_cycle": (optim.one_cycle(0.5, 50), one_cycle),
    "piecewise": (optim.piecewise((3, 9), (1.0, 0.1, 5.0)), lambda step: 1.0 if step < 3 else 0.1 if step < 9 else 5.0),
    "momentum_switch": (optim.momentum_switch(20), lambda step: 0.5 if step < 20 else 0.9),
}


def test_the_table_is_complete():
    module = optim.constant.__module__
    public = {name for name, value in vars(optim).items() if getattr(value, "__module__", None) == module}
    assert public == set(TABLE)


@pytest.mark.parametrize(("schedule", "formula"), TABLE.values(), ids=TABLE.keys())
def test_it_is_its_formula(schedule, formula):
    steps = np.arange(70, dtype=np.int32)
    want = np.array([formula(int(step)) for step in steps])
    got = jax.jit(jax.vmap(schedule))(steps)
    assert got.dtype == jnp.float32
    # a power or a cosine of a rounded fraction: a few roundings of the largest value
    tolerance = 16 * float(np.finfo(np.float32).eps)
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * np.max(np.abs(want)))
    for step in (0, np.int64(13), np.int32(69), jnp.int32(20)):
        value = schedule(step)
        assert value.shape == () and value.dtype == jnp.float32
        np.testing.assert_allclose(value, want[step], rtol=tolerance, atol=tolerance * np.max(np.abs(want)))
    with jax.enable_x64(True):
        assert schedule(jnp.int32(3)).dtype == jnp.float64


def test_warmup_of_a_number():
    rate = optim.warmup(0.4, 4)
    np.testing.assert_allclose([rate(step) for step in range(6)], [0.1, 0.2, 0.3, 0.4, 0.4, 0.4], rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.constant(float("nan")), "value is nan"),
        (lambda: optim.step_decay(0.1, 0.5, 0), "every is 0; wanted one step or more"),
        (lambda: optim.exponential(0.1, 0.0), "factor is 0.0; wanted a positive number"),
        (lambda: optim.polynomial(0.1, 0.0, 10, 0.0), "power is 0.0"),
        (lambda: optim.cosine(0.1, -5), "steps is -5"),
        (lambda: optim.cosine(float("inf"), 5), "start is inf"),
        (lambda: optim.warmup(0.1, 0), "steps is 0"),
        (lambda: optim.one_cycle(0.1, 100, rise=1.5), "rise is 1.5 of 100 steps"),
        (lambda: optim.one_cycle(0.1, 3), "rise is 0.3 of 3 steps"),
        (lambda: optim.one_cycle(0.1, 100, end_divisor=0), "divisors"),
        (lambda: optim.piecewise((3,), (1.0,)), "1 boundaries and 1 values"),
        (lambda: optim.piecewise((3, 3), (1.0, 2.0, 3.0)), r"boundaries are \(3, 3\)"),
        (lambda: optim.piecewise((3,), (1.0, float("nan"))), r"values\[1\] is nan"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
