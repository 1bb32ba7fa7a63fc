"""What is peculiar to one initializer; what all have in common: tests/conformance/test_initializer_properties.py."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import initializers
from fnn.initializers import Fans, fans


def test_xavier_uniform_has_the_papers_bound(getkey):
    bound = np.float32(math.sqrt(6 / (784 + 128)))
    w = initializers.xavier_uniform(getkey(), (784, 128))
    assert -bound <= float(w.min()) < -0.999 * bound
    assert 0.999 * bound < float(w.max()) <= bound


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


def test_errors():
    key = jax.random.key(0)
    with pytest.raises(ValueError, match=r"shape \(0, 3\) has an axis without entries"):
        fans((0, 3))
    with pytest.raises(ValueError, match=r"no empty axis, and got shape \(0, 3\)"):
        initializers.orthogonal()(key, (0, 3))
    with pytest.raises(ValueError, match=r"identity wants a matrix.*\(2, 2, 2\)"):
        initializers.identity(key, (2, 2, 2))
