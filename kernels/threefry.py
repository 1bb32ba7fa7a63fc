"""Random bits that fuse: Threefry-2x32, written out entry by entry.

`jax.random.bits` gives the same bits by a loop over whole arrays, which on a CPU costs more than the layer that wants
them. Here each entry computes its own block from (key, index), so XLA fuses the generator into its consumer, and a
backward that draws the bits again costs arithmetic only.

Source: Salmon, Moraes, Dror and Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3".
"""

import math

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, UInt32

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA


def bits(key: Array, shape: tuple[int, ...], rounds: int = 20) -> UInt32[Array, "..."]:
    """Return 32 random bits an entry; with 20 rounds equal to ``jax.random.bits(key, shape)`` for a threefry key.

    A key of another generator serves as well: its words are first mixed into two. At most 2³² entries.
    """
    if math.prod(shape) > 1 << 32:
        raise ValueError(f"threefry: shape {shape} has more than 2**32 entries, the counter's range.")
    # A key is itself the fold of others; the barrier keeps that arithmetic, done once, out of the loop over entries.
    k0, k1 = lax.optimization_barrier(key_words(key))
    index = jnp.zeros(shape, jnp.uint32)
    stride = 1
    for axis in reversed(range(len(shape))):
        index = index + lax.broadcasted_iota(jnp.uint32, shape, axis) * jnp.uint32(stride % (1 << 32))
        stride *= shape[axis]
    high, low = block(k0, k1, jnp.zeros_like(index), index, rounds)
    return high ^ low


def fold_in(key: Array, number: int | Array) -> Array:
    """Return ``jax.random.fold_in(key, number)``, written out for a threefry key so that it fuses as well."""
    typed = jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    words = jax.random.key_data(key) if typed else key
    if words.shape != (2,) or (typed and jax.random.key_impl(key) != "threefry2x32"):
        return jax.random.fold_in(key, number)
    folded = jnp.stack(block(words[0], words[1], jnp.uint32(0), jnp.asarray(number).astype(jnp.uint32)))
    return jax.random.wrap_key_data(folded, impl="threefry2x32") if typed else folded


def block(k0: Array, k1: Array, x0: Array, x1: Array, rounds: int = 20) -> tuple[Array, Array]:
    """Encrypt the counter (x0, x1) with the key (k0, k1), all uint32."""
    keys = (k0, k1, k0 ^ k1 ^ jnp.uint32(_PARITY))
    x0, x1 = x0 + keys[0], x1 + keys[1]
    for number in range(1, rounds + 1):
        rotation = _ROTATIONS[(number - 1) // 4 % 2][(number - 1) % 4]
        x0 = x0 + x1
        x1 = x0 ^ ((x1 << jnp.uint32(rotation)) | (x1 >> jnp.uint32(32 - rotation)))
        if number % 4 == 0:
            group = number // 4
            x0 = x0 + keys[group % 3]
            x1 = x1 + (keys[(group + 1) % 3] + jnp.uint32(group))
    return x0, x1


def key_words(key: Array) -> tuple[Array, Array]:
    """Return the two words of a key, what `block` takes; those of another generator are mixed into two."""
    words = jax.random.key_data(key) if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else key
    k0, k1 = words[0], words[1]
    for i in range(2, words.shape[0], 2):
        k0, k1 = block(k0, k1, words[i], words[i + 1])
    return k0, k1
