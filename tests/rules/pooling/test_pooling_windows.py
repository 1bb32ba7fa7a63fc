"""Pools against each other and against XLA's own windows, over many geometries."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from fnn import rules

GEOMETRIES = [
    (sizes, window, stride, padding, dilation)
    for (sizes, window), (stride, padding, dilation) in itertools.product(
        [((7,), (3,)), ((5, 6), (2, 3)), ((4, 3, 5), (2, 1, 3))],
        [(1, "VALID", 1), (2, "SAME", 1), (3, 1, 1), (1, 2, 2), (2, "SAME", 2)],
    )
]


def reduce_window(x, start, combine, sizes, window, stride, padding, dilation):
    one = (1, *(stride for _ in sizes), 1)
    pairs = padding if isinstance(padding, str) else ((0, 0), *((padding, padding) for _ in sizes), (0, 0))
    return lax.reduce_window(x, start, combine, (1, *window, 1), one, pairs, None, (1, *(dilation for _ in sizes), 1))


@pytest.mark.parametrize("number", range(len(GEOMETRIES)))
def test_windows_are_those_of_xla(number):
    sizes, window, stride, padding, dilation = GEOMETRIES[number]
    static = {"window": window, "stride": stride, "padding": padding, "dilation": dilation}

    def sums(x, start, combine):
        return reduce_window(x, start, combine, sizes, *static.values())

    def program(x):
        total, count, squares = (sums(z, 0.0, lax.add) for z in (x, jnp.ones_like(x), jnp.square(x)))
        return (
            (rules.max_pool(x, **static), sums(x, -jnp.inf, lax.max)),
            (rules.average_pool(x, **static, count_padding=True), total / float(np.prod(window))),
            (rules.average_pool(x, **static), total / jnp.maximum(count, 1.0)),
            (rules.l2_pool(x, **static), jnp.sqrt(squares)),
        )

    x = jnp.asarray(np.random.default_rng(number).normal(size=(2, *sizes, 2)), jnp.float32)
    for got, want in jax.jit(program)(x):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("number", range(len(GEOMETRIES)))
def test_max_pool_hands_on_all_of_dy(number):
    sizes, window, stride, padding, dilation = GEOMETRIES[number]

    def program(x):
        y, pull = jax.vjp(
            lambda x: rules.max_pool(x, window=window, stride=stride, padding=padding, dilation=dilation), x
        )
        dy = jnp.where(jnp.isfinite(y), jnp.arange(y.size, dtype=jnp.float32).reshape(y.shape), 0.0)
        return y, dy, pull(dy)[0]

    x = np.random.default_rng(number).integers(-2, 3, size=(2, *sizes, 2)).astype(np.float32)
    y, dy, dx = map(np.asarray, jax.jit(program)(x))
    assert dx.sum() == dy.sum()  # whole numbers, so exactly
    assert (np.where(dy != 0, y, 0) * dy).sum() == (x * dx).sum()


def test_global_adaptive_and_windowed_pools_agree():
    def program(x):
        for whole, adaptive, windowed in (
            (rules.global_max_pool, rules.adaptive_max_pool, rules.max_pool),
            (rules.global_average_pool, rules.adaptive_average_pool, rules.average_pool),
        ):
            yield whole(x)[:, None, None], adaptive(x, size=1)
            yield whole(x)[:, None, None], windowed(x, window=(6, 4))
            yield adaptive(x, size=(3, 2)), windowed(x, window=2)
            yield adaptive(x, size=(6, 4)), x

    x = jnp.asarray(np.random.default_rng(5).normal(size=(2, 6, 4, 3)), jnp.float32)
    for got, want in jax.jit(lambda x: list(program(x)))(x):
        np.testing.assert_allclose(got, want, rtol=1e-6)
