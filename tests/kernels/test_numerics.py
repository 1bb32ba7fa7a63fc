"""The dtype policy: float32 or wider, under every promotion mode of JAX; and tables that are made once."""

import jax
import jax.numpy as jnp
import pytest

from fnn.kernels.numerics import made_once, wide, wide_dtype


@pytest.mark.parametrize("promotion", ["strict", "standard"])
def test_arithmetic_is_float32_or_wider(promotion):
    with jax.numpy_dtype_promotion(promotion), jax.enable_x64(True):
        for narrow in (jnp.bfloat16, jnp.float16, jnp.float8_e4m3fn, jnp.int32, jnp.bool_):
            assert wide_dtype(narrow) == jnp.float32
        for kept in (jnp.float32, jnp.float64, jnp.complex64, jnp.complex128):
            assert wide_dtype(kept) == kept


def test_wide_arrays_are_returned_as_they_are():
    x = jnp.ones(3)
    assert wide(x).dtype == jnp.float32 and wide(x.astype(jnp.bfloat16)).dtype == jnp.float32


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("shape", [(3, 4), (1, 1), (0, 2), (2, 0)])
def test_a_table_made_once_is_the_table(shape, axis):
    x = jax.random.normal(jax.random.key(0), shape)
    got, pull = jax.vjp(jax.jit(lambda x: made_once(x, axis)), x)
    assert got.shape == shape and bool((got == x).all())
    assert bool((pull(2 * x)[0] == 2 * x).all())
