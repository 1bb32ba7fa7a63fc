"""What all recurrences share: the products outside of their loops, the states before each step, and lengths.

x: (batch, time, inputs), w: (inputs, gates), z and dz: (time, batch, gates), states: (time, batch, hidden).

    Z = X·W + b,   dX = dZ·Wᵀ,   dW = Xᵀ·dZ,   db = Σ dZ,   dU = Hᵀ·dZ,   H the states before each step

`valid` says which steps a row has: (time, batch, 1), or None if it has them all. At the others its state stays.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from fnn.kernels import linear
from fnn.kernels.numerics import wide

Steps = Float[Array, "time batch features"]
State = Float[Array, "batch features"]
Valid = Bool[Array, "time batch 1"] | None


def valid_steps(lengths: Int[Array, " batch"] | None, time: int) -> Valid:
    """Return which of `time` steps come before each row's length."""
    if lengths is None:
        return None
    return (jnp.arange(time, dtype=lengths.dtype)[:, None] < lengths[None])[..., None]


def kept(valid: Valid, x: Array, otherwise: Array | float) -> Array:
    """Return x where a row has the step, else `otherwise`."""
    return x if valid is None else jnp.where(valid, x, otherwise)


def steps(x: Float[Array, "batch time features"], valid: Valid) -> Steps:
    """Return x as (time, batch, features), 0 where a row has no step: what stands there, even NaN, does not count."""
    return kept(valid, jnp.swapaxes(x, 0, 1), 0)


def sequences(h: Steps, valid: Valid, dtype) -> Float[Array, "batch time features"]:
    """Return h as (batch, time, features), 0 where a row has no step: `steps` the other way round."""
    return jnp.swapaxes(kept(valid, h, 0), 0, 1).astype(dtype)


def input_products(x: Steps, w: Float[Array, "inputs gates"], b: Float[Array, " gates"] | None) -> Steps:
    """Return Z = X·W + b in float32 or wider; x is (time, batch, inputs)."""
    z = step_product(x, w)
    return z if b is None else z + b.astype(z.dtype)[None, None]


def input_gradients(x: Steps, w: Float[Array, "inputs gates"], dz: Steps) -> tuple[Steps, Array, Array]:
    """Return dX, dW and db; x and dX are (time, batch, inputs)."""
    return step_product_transposed(dz, w), linear.backward_weight(x, dz), linear.backward_bias(dz)


def step_product(h: Array, u: Float[Array, "features gates"]) -> Array:
    """Return H·U, in float32 or wider."""
    return linear.product(h.astype(u.dtype), u, ((h.ndim - 1,), (0,)))


def step_product_transposed(dz: Array, u: Float[Array, "features gates"]) -> Array:
    """Return dZ·Uᵀ, in float32 or wider."""
    return linear.product(dz.astype(u.dtype), u, ((dz.ndim - 1,), (1,)))


def before(states: Steps, first: State, valid: Valid, reverse: bool) -> Steps:
    """Return the state before each step that a row has, given that after each, and the first, in float32 or wider."""
    states, first = wide(states), wide(first)[None]
    if reverse:
        return jnp.concatenate([kept(valid, states, first)[1:], first])
    return jnp.concatenate([first, states[:-1]])
