"""The mask of dropout, drawn from a key: the same key gives the same mask in the forward and in the backward.

An entry is dropped when its 32 random bits, as a number, are below rate · 2³². The scale is that of the rate so
rounded, so the mean is exact. Along the axes named `shared` one entry of the mask serves all.
"""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from fnn.kernels import threefry

_LEVELS = 1 << 32
# No statistical flaw of Threefry-2x32 is known from 13 rounds on (Salmon et al., 2011); the usual 20 are a margin that
# a mask does not need, and the bits are the cost of dropout.
ROUNDS = 13


def keep_mask(key: Array, shape: tuple[int, ...], rate: float) -> Bool[Array, "..."]:
    """Return True with probability 1 - rate for each entry."""
    return threefry.bits(key, shape, ROUNDS) >= jnp.uint32(dropped_levels(rate))


def apply(x: Float[Array, "..."], key: Array, rate: float, shared: tuple[int, ...] = ()) -> Float[Array, "..."]:
    """Return x / (1 - rate) where kept, else 0; `shared` are axes counted from the first."""
    scale = _LEVELS / (_LEVELS - dropped_levels(rate))
    mask = keep_mask(key, tuple(1 if axis in shared else size for axis, size in enumerate(x.shape)), rate)
    if mask.shape != x.shape:
        # The barrier keeps the drawing, done once for all that share it, out of the loop over x.
        mask = jnp.broadcast_to(lax.optimization_barrier(mask), x.shape)
    return jnp.where(mask, x * jnp.asarray(scale, x.dtype), jnp.zeros_like(x))


def dropped_levels(rate: float) -> int:
    """Return how many of the 2³² numbers drop an entry; never all of them."""
    return min(round(rate * _LEVELS), _LEVELS - 1)
