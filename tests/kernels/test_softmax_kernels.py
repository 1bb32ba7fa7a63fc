"""Softmax and cross-entropy kernels under a shift of all logits, which changes nothing in exact arithmetic."""

import jax.numpy as jnp
import numpy as np
import pytest

from fnn.kernels import cross_entropy, softmax

# Quarters: exact in float32 together with any of the shifts.
X = jnp.asarray(np.random.default_rng(3).integers(-20, 20, size=(5, 7)) / 4, jnp.float32)


@pytest.mark.parametrize("shift", [2.0**13, -(2.0**13), 2.0**20])
def test_a_shift_changes_no_bit(shift):
    u = cross_entropy.distribution(jnp.array([0, 6, 3, 3, 1]), 7, 0.1, jnp.float32)
    d = jnp.arange(1.0, 6.0)

    def everything(x):
        values, norm = cross_entropy.forward(x, u)
        dx = cross_entropy.backward(x, norm, u, None, d)
        return softmax.softmax(x, -1), softmax.log_softmax(x, -1), values, dx

    for shifted, want in zip(everything(X + shift), everything(X), strict=True):
        np.testing.assert_array_equal(shifted, want)


def test_normaliser_is_the_log_sum_exp_in_two_parts():
    maximum, log_total = softmax.normaliser(X, -1)
    x = np.asarray(X, np.float64)
    np.testing.assert_allclose(maximum + log_total, np.log(np.exp(x).sum(-1)), rtol=1e-6)
    maximum, log_total = softmax.normaliser(jnp.full((1, 3), -jnp.inf), -1)
    assert maximum.tolist() == [0.0] and log_total.tolist() == [-jnp.inf]


def test_labels_become_distributions():
    got = cross_entropy.distribution(jnp.array([2, 0]), 3, 0.3, jnp.float32)
    np.testing.assert_allclose(got, [[0.1, 0.1, 0.8], [0.8, 0.1, 0.1]], rtol=1e-6)
    soft = jnp.array([[0.5, 0.5, 0.0]])
    np.testing.assert_array_equal(cross_entropy.distribution(soft, 3, 0.0, jnp.float32), soft)
