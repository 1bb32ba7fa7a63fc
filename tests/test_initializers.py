"""Every initializer: its distribution, its dtype, its scale, its errors."""

import inspect
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import initializers
from fnn.initializers import Fans, fans

SHAPE = (3, 5, 40, 60)  # fan_in 600, fan_out 900, 36000 entries
FAN_IN, FAN_OUT = 600, 900


def normal_cdf(z):
    return np.array([0.5 * (1 + math.erf(v / math.sqrt(2))) for v in np.ravel(z)])


def uniform_cdf(z):  # of variance 1: on [-sqrt(3), sqrt(3)]
    return np.clip((z / math.sqrt(3) + 1) / 2, 0, 1)


PHI, INSIDE = math.exp(-2) / math.sqrt(2 * math.pi), math.erf(math.sqrt(2))
CUT_VARIANCE = 1 - 4 * PHI / INSIDE  # E[z²] of a normal z given |z| <= 2
CUT_FOURTH = 3 * CUT_VARIANCE - 16 * PHI / INSIDE  # E[z⁴], by parts


def cut_normal_cdf(z):  # of variance 1
    inside = (normal_cdf(z * math.sqrt(CUT_VARIANCE)) - (1 - INSIDE) / 2) / INSIDE
    return np.clip(inside, 0, 1)


# initializer, standard deviation, bound in standard deviations, fourth moment, distribution function
RANDOM = {
    "gaussian": (initializers.gaussian(), 0.01, math.inf, 3.0, normal_cdf),
    "uniform": (initializers.uniform(0.5), 0.5 / math.sqrt(3), math.sqrt(3), 1.8, uniform_cdf),
    "truncated_normal": (
        initializers.truncated_normal(0.3),
        0.3,
        2 / math.sqrt(CUT_VARIANCE),
        CUT_FOURTH / CUT_VARIANCE**2,
        cut_normal_cdf,
    ),
    "lecun_normal": (initializers.lecun_normal, FAN_IN**-0.5, math.inf, 3.0, normal_cdf),
    "lecun_uniform": (initializers.lecun_uniform, FAN_IN**-0.5, math.sqrt(3), 1.8, uniform_cdf),
    "xavier_normal": (initializers.xavier_normal, (2 / 1500) ** 0.5, math.inf, 3.0, normal_cdf),
    "xavier_uniform": (initializers.xavier_uniform, (2 / 1500) ** 0.5, math.sqrt(3), 1.8, uniform_cdf),
    "he_normal": (initializers.he_normal, (2 / FAN_IN) ** 0.5, math.inf, 3.0, normal_cdf),
    "he_uniform": (initializers.he_uniform, (2 / FAN_IN) ** 0.5, math.sqrt(3), 1.8, uniform_cdf),
}
FIXED = {"zeros": initializers.zeros, "ones": initializers.ones, "constant": initializers.constant(0.25)}
MATRIX = {"orthogonal": initializers.orthogonal(1.5), "identity": initializers.identity}
ALL = {name: row[0] for name, row in RANDOM.items()} | FIXED | MATRIX


def test_the_tables_hold_every_public_initializer():
    functions = {name: value for name, value in vars(initializers).items() if inspect.isfunction(value)}
    here = {name for name, value in functions.items() if value.__module__ == initializers.__name__}
    assert {name for name in here if not name.startswith("_")} == set(ALL) | {"fans"}


@pytest.mark.parametrize("name", RANDOM)
def test_distribution(name, getkey):
    initialize, deviation, bound, fourth, distribution = RANDOM[name]
    w = np.asarray(initialize(getkey(), SHAPE), np.float64).ravel() / deviation
    # Five standard errors: of the mean, 1/sqrt(n); of the mean square, sqrt((E[z⁴] - 1)/n).
    assert abs(w.mean()) < 5 / math.sqrt(w.size)
    assert abs((w**2).mean() - 1) < 5 * math.sqrt((fourth - 1) / w.size)
    assert abs(w).max() <= bound * (1 + 2 * np.finfo(np.float32).eps)
    if bound < math.inf:  # and the bound is reached: 36000 draws all miss its last hundredth with P < exp(-80)
        assert abs(w).max() > 0.99 * bound
    # Kolmogorov and Smirnov: P(sup |F_n - F| > 2.7 / sqrt(n)) < 1e-6.
    expected = distribution(np.sort(w))
    steps = np.arange(w.size + 1) / w.size
    assert max(abs(expected - steps[1:]).max(), abs(expected - steps[:-1]).max()) < 2.7 / math.sqrt(w.size)


def test_xavier_uniform_has_the_papers_bound(getkey):
    bound = np.float32(math.sqrt(6 / (784 + 128)))
    w = initializers.xavier_uniform(getkey(), (784, 128))
    assert -bound <= float(w.min()) < -0.999 * bound
    assert 0.999 * bound < float(w.max()) <= bound


@pytest.mark.parametrize("name", ALL)
def test_key_shape_and_dtype(name):
    initialize, shape = ALL[name], (6, 4)
    w = initialize(jax.random.key(1), shape)
    assert w.shape == shape and w.dtype == jnp.float32
    assert np.array_equal(w, initialize(jax.random.key(1), shape))
    differs = not np.array_equal(w, initialize(jax.random.key(2), shape))
    assert differs == (name in RANDOM or name == "orthogonal")
    narrow = initialize(jax.random.key(1), shape, jnp.bfloat16)
    assert narrow.dtype == jnp.bfloat16
    assert np.array_equal(narrow, w.astype(jnp.bfloat16))  # drawn in float32, rounded once
    with jax.enable_x64(True):
        wide = initialize(jax.random.key(1), shape, jnp.float64)
        assert wide.dtype == jnp.float64
        if differs:  # not float32 numbers in wider clothes
            assert not np.array_equal(wide, wide.astype(jnp.float32).astype(jnp.float64))
    stacked = jax.jit(jax.vmap(lambda key: initialize(key, shape)))(jax.random.split(jax.random.key(1), 2))
    one = initialize(jax.random.split(jax.random.key(1), 2)[1], shape)
    # Compiled and batched arithmetic may round differently: entries of a Q of 6 rows are off by a few eps.
    np.testing.assert_allclose(stacked[1], one, rtol=0, atol=15 * math.sqrt(6) * float(np.finfo(np.float32).eps))


def test_fixed_values():
    key = jax.random.key(0)
    assert np.array_equal(initializers.zeros(key, (2, 3)), np.zeros((2, 3)))
    assert np.array_equal(initializers.ones(key, (4,)), np.ones(4))
    assert np.array_equal(initializers.constant(-2.5)(key, ()), -2.5)
    assert np.array_equal(initializers.zeros(key, (2,), jnp.int32), np.zeros(2, np.int32))
    for shape in [(3, 3), (2, 5), (5, 2)]:
        assert np.array_equal(initializers.identity(key, shape), np.eye(*shape))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float64])
@pytest.mark.parametrize("shape", [(40, 40), (60, 20), (20, 60), (3, 3, 4, 50), (3, 3, 4, 8), (7, 1), (1, 7)])
@pytest.mark.parametrize("gain", [1.0, 1.7])
def test_orthogonal(shape, dtype, gain, getkey):
    with jax.enable_x64(dtype == jnp.float64):
        w = np.asarray(initializers.orthogonal(gain)(getkey(), shape, dtype), np.float64).reshape(-1, shape[-1])
    rows, columns = w.shape
    gram = w.T @ w if rows >= columns else w @ w.T
    # Householder's QR is orthogonal to c · eps · sqrt(length). Rounding to bf16 moves each entry by eps/2 of itself,
    # and each inner product of two unit vectors by eps (Cauchy and Schwarz).
    working = np.finfo(np.float64 if dtype == jnp.float64 else np.float32).eps
    tolerance = 8 * working * math.sqrt(max(rows, columns)) + (
        float(jnp.finfo(dtype).eps) if dtype == jnp.bfloat16 else 0
    )
    assert abs(gram - gain**2 * np.eye(len(gram))).max() < gain**2 * tolerance


def test_orthogonal_is_uniform_over_signs(getkey):
    """An orthogonal 1x1 matrix is 1 or -1; QR alone always gives the same one."""
    signs = jax.vmap(lambda key: initializers.orthogonal()(key, (1, 1)))(jax.random.split(getkey(), 400))
    assert np.array_equal(abs(signs), np.ones((400, 1, 1)))
    assert abs(float(signs.mean())) < 5 / math.sqrt(400)


@pytest.mark.parametrize(
    "shape, want",
    [
        ((1, 1), (1, 1)),
        ((784, 128), (784, 128)),
        ((5, 16, 32), (80, 160)),
        ((3, 3, 16, 32), (144, 288)),
        ((2, 3, 4, 5, 6), (120, 144)),
    ],
)
def test_fans(shape, want):
    assert fans(shape) == Fans(*want)
    assert fans(list(shape)) == want


SCALED = [name for name in RANDOM if name.startswith(("lecun", "xavier", "he_"))]


@pytest.mark.parametrize("name", [*SCALED, "orthogonal", "identity"])
@pytest.mark.parametrize("shape", [(), (7,)])
def test_a_weight_without_two_axes_is_refused(name, shape):
    with pytest.raises(ValueError, match=rf"shape \({'7,' if shape else ''}\)"):
        ALL[name](jax.random.key(0), shape)


def test_errors():
    key = jax.random.key(0)
    with pytest.raises(ValueError, match=r"shape \(0, 3\) has an axis without entries"):
        fans((0, 3))
    with pytest.raises(ValueError, match=r"no empty axis, and got shape \(0, 3\)"):
        initializers.orthogonal()(key, (0, 3))
    with pytest.raises(ValueError, match=r"identity wants a matrix.*\(2, 2, 2\)"):
        initializers.identity(key, (2, 2, 2))
    for family, argument in [
        (initializers.gaussian, "standard_deviation"),
        (initializers.uniform, "scale"),
        (initializers.truncated_normal, "standard_deviation"),
        (initializers.orthogonal, "gain"),
    ]:
        for wrong in (-1.0, math.nan, math.inf):
            with pytest.raises(ValueError, match=f"{family.__name__} wants a {argument} .* and got {wrong}"):
                family(wrong)
        with pytest.raises(TypeError, match=f"{family.__name__} draws real numbers.*int32"):
            family(1.0)(key, (2, 2), jnp.int32)
