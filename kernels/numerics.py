"""The one dtype policy: compute and accumulate in float32 or wider, return in the caller's dtype."""

import jax.numpy as jnp
from jaxtyping import Array


def wide(x: Array) -> Array:
    """Return x in the dtype that arithmetic is done in: float32 for half precision, its own dtype otherwise."""
    return x.astype(wide_dtype(x.dtype))


def wide_dtype(dtype):
    """Return the accumulation dtype of `dtype`: at least float32."""
    return jnp.promote_types(dtype, jnp.float32)
