"""What all recurrences share: the products outside of their loops, the states before each step, and lengths.

Sequences are (batch, time, features) outside of the kernels; inside time comes first: (time, batch, features).

    Z = X·W,   dX = dZ·Wᵀ,   dW = Xᵀ·dZ,   db = Σ dZ

`valid` says which steps a row has: (time, batch, 1), or None if it has them all. At the others its state stays, and
what stands there in a sequence, even NaN, does not count.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from fnn.kernels import linear
from fnn.kernels.numerics import wide

Sequences = Float[Array, "batch time _"]
Steps = Float[Array, "time batch _"]
State = Float[Array, "batch _"]
Vector = Float[Array, " _"]
Valid = Bool[Array, "*time batch 1"] | None


def valid_steps(lengths: Int[Array, " batch"] | None, time: int) -> Valid:
    """Return which of `time` steps come before each row's length."""
    if lengths is None:
        return None
    return (jnp.arange(time, dtype=lengths.dtype)[:, None] < lengths[None])[:, :, None]


def kept(valid: Valid, x: Array, otherwise: Array | float) -> Array:
    """Return x, of one step or of all, where a row has the step, else `otherwise`."""
    return x if valid is None else jnp.where(valid, x, otherwise)


def steps(x: Sequences, valid: Valid) -> Steps:
    """Return (time, batch, features), 0 where a row has no step."""
    return kept(valid, jnp.swapaxes(x, 0, 1), 0)


def sequences(x: Steps, valid: Valid) -> Sequences:
    """Return (batch, time, features), 0 where a row has no step."""
    return jnp.swapaxes(kept(valid, x, 0), 0, 1)


def scan_in_place(
    step: Callable[[Any, Array, Any], tuple[Any, Array, Any]],
    state: Any,
    rows: Float[Array, "steps ..."],
    others: Any,
    reverse: bool = False,
) -> tuple[Any, Float[Array, "steps ..."], Any]:
    """Scan ``step(state, row, other) -> (state, new row, output)``; each new row takes the place of the step's row.

    Returns the last state, the new rows and the outputs. `lax.scan` would give the new rows an array of their own, made
    of zeros first: for the gates of an LSTM the largest there is.
    """

    def body(carry, inputs):
        state, rows = carry
        t, other = inputs
        row = lax.dynamic_index_in_dim(rows, t, 0, keepdims=False, allow_negative_indices=False)
        state, row, output = step(state, row, other)
        return (state, lax.dynamic_update_index_in_dim(rows, row, t, 0, allow_negative_indices=False)), output

    numbers = jnp.arange(rows.shape[0], dtype=jnp.int32)
    (state, rows), outputs = lax.scan(body, (state, rows), (numbers, others), reverse=reverse)
    return state, rows, outputs


def scan_blocks(
    block: Callable[[Any, Steps, Any], tuple[Any, Steps, Any]],
    state: Any,
    rows: Steps,
    others: Any,
) -> tuple[Any, Steps, Any]:
    """Scan ``block(state, rows, others) -> (state, new rows, outputs)`` from the last block of steps to the first.

    It is `scan_in_place` in reverse, of many steps each. A block makes at once what does not depend on its loop, such
    as the factors of the gates' slopes, and forgets it before the next begins. Of all steps it would be as large as the
    gates, or larger: an LSTM's (32, 100, 128) to 256 took 39 MB so, 30 in blocks of 10 steps, and 72 ms, of which 59
    are left, for what is over 32 MB the C library gives back to the system and gets anew, page by page, at each call.
    """
    n = block_steps(rows.shape)
    if n == rows.shape[0]:
        return block(state, rows, others)

    def cut(x):
        return x.reshape(x.shape[0] // n, n, *x.shape[1:])

    def join(x):
        return x.reshape(-1, *x.shape[2:])

    state, rows, outputs = scan_in_place(block, state, cut(rows), jax.tree.map(cut, others), reverse=True)
    return state, join(rows), jax.tree.map(join, outputs)


def block_steps(shape: tuple[int, ...]) -> int:
    """Return how many steps a block of rows (time, ...) takes: a divisor of all, whose rows stay near a CPU's caches.

    All of them where no divisor comes near, as of a prime; on a GPU, which wants large operations, up to 256 MB.
    """
    time, each = shape[0], math.prod(shape[1:])
    most = max((2**19 if jax.default_backend() == "cpu" else 2**26) // max(each, 1), 1)
    n = next((n for n in range(min(most, time), 0, -1) if time % n == 0), time)
    return n if 4 * n > most else time


def input_products(x: Steps, w: Float[Array, "inputs gates"]) -> Steps:
    """Return Z = X·W in float32 or wider; the bias is added in the loop, where it costs no pass over Z."""
    return linear.product(x, w, ((2,), (0,)))


def plus(z: State, b: Vector | None) -> State:
    """Return z + b, or z without a bias."""
    return z if b is None else z + b.astype(z.dtype)[None]


def input_gradients(
    x: Steps, w: Float[Array, "inputs gates"], dz: Steps, valid: Valid
) -> tuple[Sequences, Float[Array, "inputs gates"], Vector]:
    """Return dX, dW and db, in float32 or wider, as dz is."""
    dx = sequences(linear.product(dz, wide(w), ((2,), (1,))), valid)
    return dx, linear.backward_weight(wide(x), dz), linear.backward_bias(dz)


def step_product(h: State, u: Float[Array, "features gates"]) -> Float[Array, "batch gates"]:
    """Return h·u in float32 or wider; u is the weights in the forward pass, their transpose on the way back."""
    return linear.product(h.astype(u.dtype), u, ((1,), (0,)))


def before(states: Steps, first: State, valid: Valid) -> Steps:
    """Return the state before each step, given that after each, and the first, in float32 or wider; 0 at no step."""
    return kept(valid, jnp.concatenate([wide(first)[None], wide(states)[:-1]]), 0)
