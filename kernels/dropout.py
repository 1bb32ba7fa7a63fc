"""The mask of dropout, drawn from a key: the same key gives the same mask in the forward and in the backward.

One 16-bit number decides an entry, and one 32-bit word of the generator makes two of them: half the random bits of a
float uniform. The rate is thereby a multiple of 2⁻¹⁶, and the scale is that of the rate drawn, so the mean is exact.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

_LEVELS = 1 << 16


def keep_mask(key: Array, shape: tuple[int, ...], rate: float) -> Bool[Array, "..."]:
    """Return True with probability 1 - rate for each entry."""
    size = 1
    for axis in shape:
        size *= axis
    words = jax.random.bits(key, ((size + 1) // 2,), jnp.uint32)
    halves = lax.bitcast_convert_type(words, jnp.uint16).reshape(-1)[:size]
    return halves.reshape(shape) >= jnp.uint16(dropped_levels(rate))


def apply(x: Float[Array, "..."], key: Array, rate: float) -> Float[Array, "..."]:
    """Return x / (1 - rate) where kept, else 0."""
    scale = _LEVELS / (_LEVELS - dropped_levels(rate))
    return jnp.where(keep_mask(key, x.shape, rate), x * jnp.asarray(scale, x.dtype), jnp.zeros_like(x))


def dropped_levels(rate: float) -> int:
    """Return how many of the 2¹⁶ levels drop an entry; never all of them."""
    return min(round(rate * _LEVELS), _LEVELS - 1)
