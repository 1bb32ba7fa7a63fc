"""Rotary positions: numbers by hand, the two pairings, distances alone count, lengths are kept, wrong arguments."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import rules

X = jax.random.normal(jax.random.key(0), (2, 5, 3, 4))


def test_numbers_by_hand():
    x = jnp.array([1.0, 0.0, 0.0, 0.0]).reshape(1, 1, 1, 4)
    position = jnp.array([2])
    cos, sin = np.cos(2.0), np.sin(2.0)
    np.testing.assert_allclose(rules.rotary(x, position).ravel(), [cos, 0, sin, 0], atol=1e-6)
    np.testing.assert_allclose(rules.rotary(x, position, interleaved=True).ravel(), [cos, sin, 0, 0], atol=1e-6)
    slow = rules.rotary(x[..., ::-1], position, base=16.0, interleaved=True).ravel()  # 2 · 16^(-1/2) = 0.5
    np.testing.assert_allclose(slow, [0, 0, -np.sin(0.5), np.cos(0.5)], atol=1e-6)


def test_interleaved_is_halves_with_the_features_in_another_order():
    order = jnp.array([0, 2, 1, 3])
    np.testing.assert_allclose(
        rules.rotary(X, interleaved=True), rules.rotary(X[..., order])[..., order], rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("interleaved", [False, True])
def test_lengths_are_kept_and_only_distances_count(interleaved):
    y = rules.rotary(X, interleaved=interleaved)
    np.testing.assert_allclose(jnp.square(y).sum(-1), jnp.square(X).sum(-1), rtol=1e-5)
    later = rules.rotary(X, jnp.arange(5) + 100, interleaved=interleaved)
    products = [jnp.einsum("bihd,bjhd->bhij", z, z) for z in (y, later)]
    np.testing.assert_allclose(*products, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("interleaved", [False, True])
def test_the_backward_turns_back(interleaved):
    positions = jnp.array([[0, 1, 2, 3, 4], [7, 7, 3, 100, 1]])
    y, pull = jax.vjp(lambda x: rules.rotary(x, positions, interleaved=interleaved), X)
    np.testing.assert_allclose(pull(y)[0], X, rtol=1e-5, atol=1e-5)


def test_nothing_is_kept_but_positions():
    assert rules.rotary.residuals(X) is None
    assert rules.rotary.residuals(X, jnp.arange(5)).shape == (5,)


def test_half_precision_has_angles_in_float32():
    positions = jnp.arange(5) + 1000
    y = rules.rotary(X.astype(jnp.bfloat16), positions)
    want = rules.rotary(X.astype(jnp.bfloat16).astype(jnp.float32), positions)
    assert y.dtype == jnp.bfloat16
    np.testing.assert_allclose(y.astype(jnp.float32), want, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(
    ("sentence", "x", "words"),
    [
        ("x has shape \\(2, 5, 4\\)", X[:, :, 0], {}),
        ("even number of features", X[..., :3], {}),
        ("positions have shape \\(2,\\)", X, {"positions": jnp.arange(2)}),
        ("base = 0.0, wanted a positive", X, {"base": 0.0}),
    ],
)
def test_what_is_wrong_is_a_sentence(sentence, x, words, without_run_time_checks):
    with pytest.raises(ValueError, match=sentence):
        rules.rotary(x, **words)
