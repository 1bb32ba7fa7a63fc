"""Dropout: one mask for both passes, the right mean, the key alone kept."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import rules

SIZE = 1 << 16


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9, 1e-6, 1 - 1e-6])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_the_backward_draws_the_mask_of_the_forward(rate, dtype):
    x = jax.random.normal(jax.random.key(1), (37, 11), dtype) + 3
    y, pull = jax.vjp(lambda x: rules.dropout(x, jax.random.key(2), rate=rate), x)
    dx = pull(jnp.ones_like(y))[0]
    np.testing.assert_array_equal(y == 0, dx == 0)
    kept = np.asarray(y != 0)
    eps = 4 * float(jnp.finfo(dtype).eps)
    np.testing.assert_allclose(np.asarray(y, float)[kept], np.asarray(x * dx, float)[kept], rtol=eps)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_mean_is_kept_and_the_rate_is_that_of_dropping(rate):
    """The share dropped is binomial; 5 standard deviations are the bound, which a fair draw breaks once in 2e6."""
    y = np.asarray(rules.dropout(jnp.ones(SIZE), jax.random.key(5), rate=rate), float)
    deviation = (rate * (1 - rate) / SIZE) ** 0.5
    assert abs((y == 0).mean() - rate) < 5 * deviation
    assert abs(y.mean() - 1) < 5 * deviation / (1 - rate)
    np.testing.assert_allclose(y[y > 0], 1 / (1 - rate), rtol=1e-4)


def test_neighbours_are_independent():
    """The correlation of n pairs of independent signs has the deviation 1/sqrt(n)."""
    y = np.sign(np.asarray(rules.dropout(jnp.ones((256, 256)), jax.random.key(6), rate=0.5))) * 2 - 1
    for left, right in ((y[:, 1:], y[:, :-1]), (y[1:], y[:-1]), (y[:, 2:], y[:, :-2]), (y[:128], y[128:])):
        assert abs((left * right).mean()) < 5 / left.size**0.5


def test_the_key_alone_is_kept():
    x, key = jnp.ones((64, 64)), jax.random.key(0)
    assert [leaf.shape for leaf in jax.tree.leaves(rules.dropout.residuals(x, key, rate=0.5))] == [()]
    assert jax.tree.leaves(rules.dropout.residuals(x, key, rate=0.0)) == []


def test_rate_zero_is_the_identity():
    x = jnp.array([1.0, -jnp.inf, jnp.nan])
    y, pull = jax.vjp(lambda x: rules.dropout(x, jax.random.key(0), rate=0.0), x)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(pull(x)[0], x)


def test_a_dropped_entry_is_zero_even_where_x_is_not_finite():
    y = rules.dropout(jnp.full(1000, jnp.nan), jax.random.key(0), rate=0.5)
    assert set(np.unique(np.nan_to_num(np.asarray(y), nan=7.0))) == {0.0, 7.0}


@pytest.mark.parametrize("shape", [(), (1,), (3,), (0,), (5, 7), (2, 3, 5)])
def test_every_shape(shape):
    y = rules.dropout(jnp.ones(shape), jax.random.key(0), rate=0.5)
    assert y.shape == shape and set(np.unique(y)) <= {0.0, 2.0}


def test_keys_decide_and_nothing_else():
    x = jnp.ones(256)

    def draw(seed):
        return rules.dropout(x, jax.random.key(seed), rate=0.5)

    np.testing.assert_array_equal(draw(1), draw(1))
    np.testing.assert_array_equal(draw(1), jax.jit(draw, static_argnums=0)(1))
    assert (draw(1) != draw(2)).any()


@pytest.mark.parametrize("shared", [(0,), (1, -1), (0, 1, 2)])
def test_one_entry_of_the_mask_serves_all_along_shared_axes(shared):
    y = np.asarray(rules.dropout(jnp.ones((4, 5, 6)), jax.random.key(3), rate=0.5, shared=shared))
    np.testing.assert_array_equal(y, np.broadcast_to(y.max(shared, keepdims=True), y.shape))


@pytest.mark.parametrize("shared", [(2,), (-3,), (0, -2)])
def test_shared_axes_are_distinct_axes_of_the_array(shared):
    with pytest.raises(ValueError, match=r"dropout: shared = .* for an array of 2 axes, wanted distinct axes"):
        rules.dropout(jnp.ones((4, 5)), jax.random.key(3), rate=0.5, shared=shared)
