"""The one dtype policy: compute and accumulate in float32 or wider, return in the caller's dtype."""

import jax.numpy as jnp
from jaxtyping import Array


def wide(x: Array) -> Array:
    """Return x in the dtype that arithmetic is done in: float32 for half precision, its own dtype otherwise."""
    return x.astype(wide_dtype(x.dtype))


def wide_dtype(dtype):
    """Return the accumulation dtype of `dtype`: itself from 32 bits on (complex64 counts 32), else float32."""
    # Not promote_types: under jax_numpy_dtype_promotion="strict" that refuses every pair of different dtypes.
    is_wide = jnp.issubdtype(dtype, jnp.inexact) and jnp.finfo(dtype).bits >= 32
    return jnp.dtype(dtype) if is_wide else jnp.dtype(jnp.float32)
