"""Tolerances: what they scale with, what they never scale with, and the reading of programs that they rest on."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn.check import programs, tolerance


def test_the_bound_grows_with_eps_length_and_the_leaf_but_not_with_the_array():
    one = tolerance.allowed(1e-3, 1, np.ones(3))
    assert np.allclose(one, 16 * 1e-3 * 2)
    assert np.allclose(tolerance.allowed(1e-3, 100, np.ones(3)), 10 * one)
    assert np.array_equal(tolerance.allowed(1e-3, 1, np.ones(1000))[:3], one)
    assert tolerance.allowed(1e-3, 1, np.asarray([1.0, np.inf, np.nan]))[0] == one[0]


def test_differences_know_nan_and_infinity():
    got, want = np.asarray([1.0, np.nan, np.inf, -np.inf]), np.asarray([1.0, np.nan, np.inf, np.inf])
    found = tolerance.difference(got, want, 1e-6)
    assert found.wrong.tolist() == [False, False, False, True] and found.at == (3,)
    assert tolerance.difference(np.asarray([np.nan]), np.asarray([1.0]), 1e9).wrong.all()
    assert tolerance.difference(np.zeros((0, 2)), np.zeros((0, 2)), 1e-6).ratio == 0


SUMS = {
    "product": (lambda x: x @ x.T, 7),
    "sum": (lambda x: x.sum(0), 5),
    "both axes": (lambda x: x.sum(), 35),
    "mean": (lambda x: x.mean(1), 7),
    "running": (lambda x: jnp.cumsum(x, 1), 7),
    "none": (jnp.tanh, 1),
    "jit": (jax.jit(lambda x: x.sum(1)), 7),
    "scan": (lambda x: jax.lax.scan(lambda c, row: (c + row.sum(), None), x[0, 0], x)[0], 35),
    "cond": (lambda x: jax.lax.cond(x[0, 0] > 0, lambda: x.sum(1), lambda: x[:, 0]), 7),
}


@pytest.mark.parametrize("name", SUMS)
def test_the_longest_sum(name):
    function, length = SUMS[name]
    assert tolerance.longest_sum(programs.trace(function, jnp.ones((5, 7)))[0]) == length


def test_the_narrowest_live_dtype():
    def through(x, dtype):
        return (x.astype(dtype) * 2).astype(x.dtype)

    def narrowest(function):
        with jax.enable_x64(True):
            return tolerance.narrowest(programs.trace(function, jnp.ones(3, jnp.float64))[0])

    assert narrowest(jnp.sin) == jnp.float64
    assert narrowest(lambda x: through(x, jnp.float32)) == jnp.float32
    assert narrowest(jax.jit(lambda x: through(x, jnp.bfloat16))) == jnp.bfloat16
    assert narrowest(lambda x: (through(x, jnp.bfloat16), x + 1)[1]) == jnp.float64, "what is dead does not count"
