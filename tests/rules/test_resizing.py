"""Up-sampling and pixel shuffle: numbers by hand, sizes at the limits, what infinities reach."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import rules

UPSAMPLINGS = {
    "nearest": (rules.upsample_nearest, {}),
    "half-pixel centres": (rules.upsample_linear, {}),
    "corners aligned": (rules.upsample_linear, {"align_corners": True}),
}


def curve(*numbers: float):
    return jnp.array(numbers, jnp.float32).reshape(1, -1, 1)


def ramp(*shape: int):
    return jnp.arange(np.prod(shape), dtype=jnp.float32).reshape(shape)


def test_numbers_by_hand():
    x = curve(0, 4, 8)
    assert rules.upsample_nearest(x, factor=2).ravel().tolist() == [0, 0, 4, 4, 8, 8]
    assert rules.upsample_linear(x, factor=2).ravel().tolist() == [0, 1, 3, 5, 7, 8]
    assert rules.upsample_linear(x, factor=4).ravel().tolist() == [0, 0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8, 8]
    aligned = rules.upsample_linear(curve(0, 5, 10), factor=2, align_corners=True).ravel()
    np.testing.assert_allclose(aligned, [0, 2, 4, 6, 8, 10], rtol=1e-6)


def test_the_bilinear_block_of_four_entries():
    y = rules.upsample_linear(jnp.array([[0.0, 4.0], [8.0, 12.0]]).reshape(1, 2, 2, 1), factor=2)[0, :, :, 0]
    assert y.tolist() == [[0, 1, 3, 4], [2, 3, 5, 6], [6, 7, 9, 10], [8, 9, 11, 12]]


@pytest.mark.parametrize("name", UPSAMPLINGS)
@pytest.mark.parametrize("factor", [1, 2, 3, 5])
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_every_size_and_factor_keeps_a_constant_and_its_mass(name, size, factor):
    rule, static = UPSAMPLINGS[name]
    x = jnp.full((2, size, 1, 3), 2.0)
    y, pull = jax.vjp(lambda x: rule(x, factor=(factor, 2), **static), x)
    assert y.shape == (2, size * factor, 2, 3)
    np.testing.assert_allclose(y, 2.0, rtol=1e-6)
    # The weights of an output sum to one, so a cotangent of ones sums to the number of outputs.
    np.testing.assert_allclose(pull(jnp.ones_like(y))[0].sum((1, 2)), 2 * size * factor, rtol=1e-5)


@pytest.mark.parametrize("name", UPSAMPLINGS)
def test_the_factor_one_changes_nothing(name):
    rule, static = UPSAMPLINGS[name]
    x = ramp(2, 3, 4, 1)
    np.testing.assert_array_equal(rule(x, factor=1, **static), x)


@pytest.mark.parametrize("size", [2, 5])
def test_a_straight_line_stays_straight(size):
    half = rules.upsample_linear(curve(*range(size)), factor=3).ravel()
    np.testing.assert_allclose(half, np.clip((np.arange(3 * size) + 0.5) / 3 - 0.5, 0, size - 1), rtol=1e-6, atol=1e-6)
    aligned = rules.upsample_linear(curve(*range(size)), factor=3, align_corners=True).ravel()
    np.testing.assert_allclose(aligned, np.linspace(0, size - 1, 3 * size), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("special", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("name", UPSAMPLINGS)
def test_what_is_not_finite_reaches_the_outputs_in_which_it_has_a_weight(name, special):
    rule, static = UPSAMPLINGS[name]
    for size, at in itertools.product((2, 4), (0, 1)):
        impulse = np.zeros(size, np.float32)
        impulse[at] = 1
        weight = rule(curve(*impulse.tolist()), factor=3, **static)
        x = np.where(impulse == 1, np.float32(special), 0)
        np.testing.assert_array_equal(rule(curve(*x.tolist()), factor=3, **static), np.where(weight != 0, special, 0))


def test_half_precision_is_rounded_once():
    x = jax.random.normal(jax.random.key(0), (1, 6, 5, 2)).astype(jnp.bfloat16)
    for align_corners in (False, True):
        y, pull = jax.vjp(lambda x, c=align_corners: rules.upsample_linear(x, factor=3, align_corners=c), x)
        wide = rules.upsample_linear(x.astype(jnp.float32), factor=3, align_corners=align_corners)
        np.testing.assert_array_equal(y, wide.astype(jnp.bfloat16))
        assert y.dtype == pull(y)[0].dtype == jnp.bfloat16
    # A sum of 1024 ones, which bfloat16 would stop counting at 256.
    blocks = jax.vjp(lambda x: rules.upsample_nearest(x, factor=32), jnp.ones((1, 1, 1, 1), jnp.bfloat16))[1]
    assert blocks(jnp.ones((1, 32, 32, 1), jnp.bfloat16))[0].item() == 1024


def test_integers_are_repeated_and_shuffled_as_they_are():
    labels = jnp.array([[1], [7]], jnp.int32).reshape(1, 2, 1)
    assert rules.upsample_nearest(labels, factor=2).dtype == jnp.int32
    assert rules.pixel_shuffle(jnp.arange(4).reshape(1, 1, 4), factor=2)[0].tolist() == [[0, 2], [1, 3]]


def test_the_order_of_the_channels():
    y = rules.pixel_shuffle(jnp.arange(8.0).reshape(1, 1, 1, 8), factor=2)
    assert y[0, :, :, 0].tolist() == [[0, 1], [2, 3]] and y[0, :, :, 1].tolist() == [[4, 5], [6, 7]]
    assert rules.pixel_shuffle(ramp(1, 1, 1, 6), factor=(3, 2))[0, :, :, 0].tolist() == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize("shape, factor", [((2, 6, 3), 3), ((1, 4, 6, 2), (2, 3)), ((1, 2, 4, 2, 1), (2, 4, 1))])
def test_shuffle_and_unshuffle_are_each_others_inverse_and_backward(shape, factor):
    x = ramp(*shape)
    packed, pull = jax.vjp(lambda x: rules.pixel_unshuffle(x, factor=factor), x)
    np.testing.assert_array_equal(rules.pixel_shuffle(packed, factor=factor), x)
    np.testing.assert_array_equal(pull(packed)[0], x)
    back = jax.vjp(lambda y: rules.pixel_shuffle(y, factor=factor), packed)[1]
    np.testing.assert_array_equal(back(x)[0], packed)


def test_an_empty_batch_has_an_empty_gradient():
    for rule, static in UPSAMPLINGS.values():
        y, pull = jax.vjp(lambda x, rule=rule, static=static: rule(x, factor=2, **static), jnp.ones((0, 2, 3, 1)))
        assert y.shape == (0, 4, 6, 1) and pull(y)[0].shape == (0, 2, 3, 1)
