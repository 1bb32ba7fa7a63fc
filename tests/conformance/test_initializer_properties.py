"""Every initializer: its distribution, its shapes and dtypes, what its key does, and what it refuses."""

import inspect
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from initializers_table import FIXED, INITIALIZERS, MATRICES, RANDOM, SHAPE

from fnn import initializers

every_initializer = pytest.mark.parametrize("name", INITIALIZERS)


def test_the_table_holds_every_public_initializer():
    functions = {name for name, value in vars(initializers).items() if inspect.isfunction(value)}
    here = {name for name in functions if getattr(initializers, name).__module__ == initializers.__name__}
    assert {name for name in here if not name.startswith("_")} == set(INITIALIZERS) | {"fans"}


@pytest.mark.parametrize("name", RANDOM)
def test_distribution(name):
    row = RANDOM[name]
    bound, fourth, cdf = row.distribution
    w = np.asarray(row.initialize(jax.random.key(2026), SHAPE), np.float64).ravel() / row.deviation
    # Five standard errors: of the mean, 1/sqrt(n); of the mean square, sqrt((E[z⁴] - 1)/n).
    assert abs(w.mean()) < 5 / math.sqrt(w.size)
    assert abs((w**2).mean() - 1) < 5 * math.sqrt((fourth - 1) / w.size)
    assert abs(w).max() <= bound * (1 + 2 * np.finfo(np.float32).eps)
    if bound < math.inf:  # and the bound is reached: 36000 draws all miss its last hundredth with P < exp(-80)
        assert abs(w).max() > 0.99 * bound
    # Kolmogorov and Smirnov: P(sup |F_n - F| > 2.7 / sqrt(n)) < 1e-6.
    expected = cdf(np.sort(w))
    steps = np.arange(w.size + 1) / w.size
    assert max(abs(expected - steps[1:]).max(), abs(expected - steps[:-1]).max()) < 2.7 / math.sqrt(w.size)


@pytest.mark.parametrize("name", RANDOM)
def test_entries_and_keys_are_independent(name):
    """No correlation between neighbours along an axis, nor between two keys: each is N(0, 1/n) when there is none."""
    w, other = (np.asarray(RANDOM[name].initialize(jax.random.key(seed), SHAPE), np.float64) for seed in (1, 2))
    w, other = w / w.std(), other / other.std()
    pairs = [(w, other), *((np.roll(w, 1, axis), w) for axis in range(w.ndim))]
    for a, b in pairs:
        assert abs((a * b).mean()) < 5 / math.sqrt(w.size)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32, jnp.float64], ids=lambda d: d.__name__)
@every_initializer
def test_shapes_and_dtypes(name, dtype):
    shapes = [(5, 3)] if name == "identity" else [(5, 3), (2, 5, 3), (3, 3, 4, 8)]
    shapes += [] if name in MATRICES else [(), (7,), (0,), (3, 0)]
    key = jax.eval_shape(lambda: jax.random.key(0))
    with jax.enable_x64(dtype == jnp.float64):
        for shape in shapes:
            w = jax.eval_shape(lambda key, shape=shape: INITIALIZERS[name](key, shape, dtype), key)
            assert (w.shape, w.dtype) == (shape, jnp.dtype(dtype))
            listed = jax.eval_shape(lambda key, shape=shape: INITIALIZERS[name](key, list(shape)), key)
            assert (listed.shape, listed.dtype) == (shape, jnp.dtype(jnp.float32))


@every_initializer
def test_the_key_decides_all_and_dtypes_agree(name):
    initialize, shape = INITIALIZERS[name], (6, 4)
    w = initialize(jax.random.key(1), shape)
    assert np.array_equal(w, initialize(jax.random.key(1), shape))
    differs = not np.array_equal(w, initialize(jax.random.key(2), shape))
    assert differs == (name not in FIXED)
    assert np.array_equal(initialize(jax.random.key(1), shape, jnp.bfloat16), w.astype(jnp.bfloat16))  # rounded once
    with jax.enable_x64(True):
        wide = initialize(jax.random.key(1), shape, jnp.float64)
        if differs:  # not float32 numbers in wider clothes
            assert not np.array_equal(wide, wide.astype(jnp.float32).astype(jnp.float64))


@every_initializer
def test_jit_and_vmap_over_keys_are_the_same(name):
    keys = jax.random.split(jax.random.key(1), 2)
    stacked = jax.jit(jax.vmap(lambda key: INITIALIZERS[name](key, (6, 4))))(keys)
    # Compiled and batched arithmetic may round differently: entries of a Q of 6 rows are off by a few eps.
    tolerance = 15 * math.sqrt(6) * float(np.finfo(np.float32).eps)
    np.testing.assert_allclose(stacked[1], INITIALIZERS[name](keys[1], (6, 4)), rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", sorted(MATRICES))
@pytest.mark.parametrize("shape", [(), (7,)])
def test_a_weight_without_two_axes_is_refused(name, shape):
    with pytest.raises(ValueError, match=rf"shape \({'7,' if shape else ''}\)"):
        INITIALIZERS[name](jax.random.key(0), shape)


@pytest.mark.parametrize("name", sorted(INITIALIZERS.keys() - FIXED.keys()))
def test_integers_are_no_dtype_to_draw(name):
    with pytest.raises(TypeError, match="draws real numbers and wants a floating dtype, and got int32"):
        INITIALIZERS[name](jax.random.key(0), (3, 2), jnp.int32)


@pytest.mark.parametrize(
    ("family", "argument"),
    [
        (initializers.gaussian, "standard_deviation"),
        (initializers.uniform, "scale"),
        (initializers.truncated_normal, "standard_deviation"),
        (initializers.orthogonal, "gain"),
    ],
)
def test_a_scale_that_is_none_is_refused(family, argument):
    for wrong in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match=f"{family.__name__} wants a {argument} .* and got {wrong}"):
            family(wrong)
