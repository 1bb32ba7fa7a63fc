"""Normalising rules on numbers worked out by hand, at their edges, and what they refuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import rules
from fnn.kernels.column_sums import column_sums

RANDOM = np.random.default_rng(5)
IMAGES = RANDOM.normal(size=(2, 3, 3, 4)).astype(np.float32)
OFFSET = np.array([1.0, -2.0, 0.5, 3.0], np.float32)

# Each normalisation of channels-last data as a function of (x, scale, offset).
NORMS = {
    "batch": lambda x, s, o: rules.batch_norm(x, s, o)[0],
    "group": lambda x, s, o: rules.group_norm(x, s, o, groups=2),
    "instance": rules.instance_norm,
    "layer": rules.layer_norm,
}
every_norm = pytest.mark.parametrize("norm", NORMS.values(), ids=NORMS.keys())


def test_numbers_by_hand():
    """Of 1, 2, 3, 6 the mean is 3, the variance 14/4; eps = 1/2 makes the root of 4."""
    x, eps = jnp.array([1.0, 2.0, 3.0, 6.0]), 0.5
    want = np.array([-1.0, -0.5, 0.0, 1.5])
    np.testing.assert_allclose(rules.layer_norm(x, eps=eps), want)
    np.testing.assert_allclose(rules.group_norm(x[None], groups=1, eps=eps)[0], want)
    np.testing.assert_allclose(rules.instance_norm(x[None, :, None], eps=eps)[0, :, 0], want)
    y, mean, variance = rules.batch_norm(x[:, None], jnp.array([2.0]), jnp.array([1.0]), eps=eps)
    np.testing.assert_allclose(y[:, 0], 2 * want + 1)
    assert (float(mean[0]), float(variance[0])) == (3.0, 3.5)
    np.testing.assert_allclose(rules.batch_norm_inference(x[:, None], mean, variance, eps=eps)[:, 0], want)
    np.testing.assert_allclose(rules.rms_norm(jnp.array([1.0, 7.0, -2.0, 5.0]), eps=5.25), np.array([1, 7, -2, 5]) / 5)
    # Only the neighbours within the window count: 1 + (1² + 2²)/2, and so on.
    got = rules.local_response_norm(jnp.array([1.0, 2.0, 3.0]), size=2, alpha=1.0, beta=1.0)
    np.testing.assert_allclose(got, [1 / 1.5, 2 / 3.5, 3 / 7.5], rtol=1e-6)


@every_norm
def test_a_constant_input_is_the_offset_and_has_a_finite_gradient(norm):
    x, scale = jnp.full((2, 3, 3, 4), 7.0), jnp.arange(1.0, 5.0)
    y, pull = jax.vjp(norm, x, scale, jnp.asarray(OFFSET))
    np.testing.assert_array_equal(y, np.broadcast_to(OFFSET, x.shape))
    dx, dscale, doffset = pull(jnp.asarray(IMAGES))
    assert np.isfinite(dx).all()
    np.testing.assert_array_equal(dscale, np.zeros(4))
    np.testing.assert_allclose(doffset, IMAGES.sum((0, 1, 2)), rtol=1e-5, atol=1e-5)


@every_norm
def test_float16_whose_squares_and_sums_overflow(norm):
    """Entries of 2e4 have squares and sums far beyond float16's 65504; statistics are in float32."""
    x = (2e4 + 1e4 * RANDOM.uniform(-1, 1, size=(8, 3, 3, 4))).astype(np.float16)
    want, pull = jax.vjp(norm, jnp.asarray(x, jnp.float32), jnp.ones(4), jnp.zeros(4))
    got, pull16 = jax.vjp(norm, jnp.asarray(x), jnp.ones(4, jnp.float16), jnp.zeros(4, jnp.float16))
    assert got.dtype == jnp.float16
    np.testing.assert_allclose(got, want, atol=4 * 2**-10)
    dy = RANDOM.normal(size=x.shape).astype(np.float16)
    for ours, wanted in zip(pull16(jnp.asarray(dy)), pull(jnp.asarray(dy, jnp.float32)), strict=True):
        assert ours.dtype == jnp.float16
        np.testing.assert_allclose(ours, wanted, atol=4 * 2**-10 * (1 + np.abs(wanted).max()))


@every_norm
def test_a_large_mean_with_a_small_variance_keeps_its_digits(norm):
    """With quarters about 4096 all sums are exact in float32; E[x²] - E[x]² would have lost the variance."""
    quarters = RANDOM.integers(-8, 9, size=(2, 4, 4, 4)) / 4
    x = jnp.asarray(4096 + quarters, jnp.float32)
    np.testing.assert_allclose(
        norm(x, jnp.ones(4), jnp.zeros(4)), norm(x - 4096, jnp.ones(4), jnp.zeros(4)), rtol=1e-5, atol=1e-5
    )


def test_long_columns_lose_no_digits_by_their_length():
    """A million ones and a bit: adding one after the other in float32 would be off by thousands of units."""
    for shape in ((1, 1 << 18, 2), (2, 1 << 17, 2), (2, 131071, 1)):
        x = RANDOM.uniform(1, 2, size=shape).astype(np.float32)
        np.testing.assert_allclose(column_sums(jnp.asarray(x)), x.sum(1, dtype=np.float64), rtol=2e-6)


def test_statistics_of_half_precision_are_float32():
    x = jnp.asarray(IMAGES, jnp.bfloat16)
    y, mean, variance = rules.batch_norm(x)
    assert (y.dtype, mean.dtype, variance.dtype) == (jnp.bfloat16, jnp.float32, jnp.float32)
    kept = rules.batch_norm.residuals(x)
    assert [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(kept)] == [
        (x.shape, jnp.bfloat16),
        ((4,), jnp.float32),
        ((4,), jnp.float32),
    ]


def test_a_row_of_one_entry_is_the_offset():
    y, pull = jax.vjp(rules.layer_norm, jnp.array([[3.0], [5.0]]), jnp.array([2.0]), jnp.array([7.0]))
    np.testing.assert_array_equal(y, [[7.0], [7.0]])
    np.testing.assert_array_equal(pull(jnp.ones((2, 1)))[0], [[0.0], [0.0]])


def test_batch_norm_of_one_example_is_instance_norm():
    x, dy = jnp.asarray(IMAGES[:1]), jnp.asarray(IMAGES[1:])
    batch, instance = (jax.vjp(f, x) for f in (lambda x: rules.batch_norm(x)[0], rules.instance_norm))
    np.testing.assert_allclose(batch[0], instance[0], rtol=1e-6)
    np.testing.assert_allclose(batch[1](dy)[0], instance[1](dy)[0], rtol=1e-5, atol=1e-6)


def test_non_finite_entries_stay_in_their_group():
    x = jnp.asarray(IMAGES).at[0, 0, 0, 0].set(jnp.inf)
    assert np.isnan(rules.group_norm(x, groups=2)).sum() == 18
    assert np.isnan(rules.batch_norm(x)[0]).sum() == 18
    assert np.isnan(rules.layer_norm(x)).sum() == 4


def test_a_weight_without_direction_is_nan_and_its_neighbour_is_not():
    w = rules.weight_norm(jnp.array([[0.0, 3.0], [0.0, 4.0]]), jnp.ones(2))
    np.testing.assert_allclose(w, [[np.nan, 0.6], [np.nan, 0.8]], rtol=1e-6)


X = jnp.asarray(IMAGES)
WRONG = {
    "channels": (lambda: rules.batch_norm(X, jnp.ones(3)), "batch_norm: scale has shape (3,), wanted (4,), one for"),
    "offset": (lambda: rules.instance_norm(X, None, jnp.ones(1)), "instance_norm: offset has shape (1,), wanted (4,)"),
    "statistics": (
        lambda: rules.batch_norm_inference(X, jnp.ones(4), jnp.ones(3)),
        "batch_norm_inference: variance has shape (3,), wanted (4,)",
    ),
    "one value": (
        lambda: rules.batch_norm(jnp.ones((1, 1, 1, 4))),
        "batch_norm: a channel of the batch of shape (1, 1, 1, 4) holds one entry, whose variance is 0; wanted",
    ),
    "no value": (
        lambda: rules.batch_norm(jnp.ones((0, 4))),
        "batch_norm: a channel of the batch of shape (0, 4) holds no",
    ),
    "one position": (
        lambda: rules.instance_norm(jnp.ones((2, 1, 1, 4))),
        "instance_norm: a group of an example, of 1 pos",
    ),
    "groups": (lambda: rules.group_norm(X, groups=3), "group_norm: groups = 3 for 4 channels, wanted a divisor"),
    "groups 0": (lambda: rules.group_norm(X, groups=0), "group_norm: groups = 0 for 4 channels, wanted a divisor"),
    "vector": (lambda: rules.group_norm(X[0, 0, 0], groups=2), "group_norm: x has shape (4,), wanted (batch, *spatial"),
    "eps": (lambda: rules.layer_norm(X, eps=0.0), "layer_norm: eps = 0.0, wanted a positive number"),
    "eps nan": (lambda: rules.rms_norm(X, eps=float("nan")), "rms_norm: eps = nan, wanted a positive number"),
    "axis": (lambda: rules.layer_norm(X, axis=1), "layer_norm: axis = 1 for x of shape (2, 3, 3, 4), wanted the last"),
    "axes": (lambda: rules.rms_norm(X, axis=(-1, 0)), "rms_norm: axis = (-1, 0) for x of shape (2, 3, 3, 4), wanted"),
    "no axes": (lambda: rules.layer_norm(X, axis=()), "layer_norm: axis = () for x of shape (2, 3, 3, 4), wanted"),
    "scalar": (lambda: rules.layer_norm(jnp.ones(())), "layer_norm: axis = -1 for x of shape (), wanted the last axis"),
    "empty": (
        lambda: rules.layer_norm(jnp.ones((2, 0))),
        "layer_norm: x has shape (2, 0), so axis = -1 has no entries",
    ),
    "scale": (
        lambda: rules.layer_norm(X, jnp.ones((3, 3))),
        "layer_norm: scale has shape (3, 3), wanted (4,), that of",
    ),
    "response": (
        lambda: rules.local_response_norm(X, size=0),
        "local_response_norm: size = 0, alpha = 0.0001, k = 1.0,",
    ),
    "response k": (
        lambda: rules.local_response_norm(X, k=0.0),
        "local_response_norm: size = 5, alpha = 0.0001, k = 0.0",
    ),
    "response x": (
        lambda: rules.local_response_norm(jnp.ones(())),
        "local_response_norm: x has shape (), wanted (..., c",
    ),
    "weight": (lambda: rules.weight_norm(jnp.ones((2, 3)), jnp.ones(2)), "weight_norm: g has shape (2,), wanted (3,)"),
    "weight v": (lambda: rules.weight_norm(jnp.ones(()), jnp.ones(2)), "weight_norm: v has shape (), wanted (..., out"),
}


@pytest.mark.usefixtures("without_run_time_checks")
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_wrong_arguments_are_told_in_a_sentence(wrong):
    call, message = wrong
    with pytest.raises(ValueError) as raised:
        call()
    assert str(raised.value).startswith(message), str(raised.value)
