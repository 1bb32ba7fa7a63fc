"""The loop of the simple recurrent network: h' = f(z + h·U + b), f = tanh or relu.

z: (time, batch, hidden), the input's product; u: (hidden, hidden); b: (hidden,); h0: (batch, hidden);
h: (time, batch, hidden).

    dz = (dy + dh) f',   dh = dz·Uᵀ,   f' = 1 - h², or 1 where h > 0

dy is the cotangent of the step's output and dh that of its state from the steps after. Where a row has no step, f'
is 0 and dh is passed on.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fnn.kernels.numerics import wide
from fnn.kernels.recurrence.sequences import State, Steps, Valid, Vector, kept, plus, scan_in_place, step_product

ACTIVATIONS = {"tanh": jnp.tanh, "relu": lambda z: jnp.maximum(z, 0)}


@partial(jax.jit, static_argnames="activation")
def forward(
    z: Steps, u: Float[Array, "hidden hidden"], b: Vector | None, h0: State, valid: Valid, activation: str
) -> tuple[Steps, State]:
    """Return the state after each step, and the last one."""
    f = ACTIVATIONS[activation]

    def step(h, z, valid):
        h = kept(valid, f(plus(z, b) + step_product(h, u)), h)
        return h, h, None

    last, h, _ = scan_in_place(step, wide(h0), z, valid)
    return h, last


@partial(jax.jit, static_argnames="activation")
def backward(
    h: Steps,
    u: Float[Array, "hidden hidden"],
    valid: Valid,
    dy: Steps,
    dlast: State,
    activation: str,
) -> tuple[Steps, State]:
    """Return dZ and dh0, from the cotangents of the outputs and of the last state."""
    slope = 1 - h * h if activation == "tanh" else (h > 0).astype(h.dtype)
    slope, transposed = kept(valid, slope, 0), u.T

    def step(dh, slope, inputs):
        dy, valid = inputs
        dh = dy + dh
        dz = dh * slope
        return kept(valid, step_product(dz, transposed), dh), dz, None

    dh0, dz, _ = scan_in_place(step, dlast, slope, (dy, valid), reverse=True)
    return dz, dh0
