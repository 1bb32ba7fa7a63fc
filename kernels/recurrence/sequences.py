"""What all recurrences share: the products outside of their loops, the states before each step, and lengths.

Sequences are (batch, time, features) outside of the loops; inside examples are columns: (time, features, batch).

    Z = X·W + b,   dX = dZ·Wᵀ,   dW = Xᵀ·dZ,   db = Σ dZ

`valid` says which steps a row has: (time, 1, batch), or None if it has them all. At the others its state stays.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from fnn.kernels import linear
from fnn.kernels.numerics import wide

Sequences = Float[Array, "batch time _"]
Columns = Float[Array, "time _ batch"]
State = Float[Array, "_ batch"]
Valid = Bool[Array, "*time 1 batch"] | None


def valid_steps(lengths: Int[Array, " batch"] | None, time: int) -> Valid:
    """Return which of `time` steps come before each row's length."""
    if lengths is None:
        return None
    return (jnp.arange(time, dtype=lengths.dtype)[:, None] < lengths[None])[:, None]


def kept(valid: Valid, x: Array, otherwise: Array | float) -> Array:
    """Return x, of columns, where a row has the step, else `otherwise`."""
    return x if valid is None else jnp.where(valid, x, otherwise)


def masked(x: Sequences, valid: Valid) -> Sequences:
    """Return x, 0 where a row has no step: what stands there, even NaN, does not count."""
    return x if valid is None else jnp.where(jnp.transpose(valid, (2, 0, 1)), x, 0)


def columns(x: Sequences) -> Columns:
    """Return (time, features, batch), in float32 or wider."""
    return jnp.transpose(wide(x), (1, 2, 0))


def sequences(x: Columns) -> Sequences:
    """Return (batch, time, features)."""
    return jnp.transpose(x, (2, 0, 1))


def input_products(x: Sequences, w: Float[Array, "inputs gates"], b: Float[Array, " gates"] | None) -> Columns:
    """Return Z = X·W + b as columns, in float32 or wider."""
    z = linear.product(x, w, ((2,), (0,)))
    return columns(z if b is None else z + b.astype(z.dtype)[None, None])


def input_gradients(
    x: Sequences, w: Float[Array, "inputs gates"], dz: Sequences, valid: Valid
) -> tuple[Sequences, Array, Array]:
    """Return dX, dW and db, in float32 or wider, as dz is."""
    dx = masked(linear.product(dz, wide(w), ((2,), (1,))), valid)
    return dx, linear.backward_weight(wide(masked(x, valid)), dz), linear.backward_bias(dz)


def step_product(u: Float[Array, "gates features"], h: State) -> Float[Array, "gates batch"]:
    """Return u·h in float32 or wider; u is the transposed weights in the forward pass, the weights on the way back."""
    return linear.product(u, h.astype(u.dtype), ((1,), (0,)))


def before(states: Sequences, first: Float[Array, "batch features"], valid: Valid) -> Sequences:
    """Return the state before each step, given that after each, and the first, in float32 or wider; 0 at no step."""
    return masked(jnp.concatenate([wide(first)[:, None], wide(states)[:, :-1]], 1), valid)
