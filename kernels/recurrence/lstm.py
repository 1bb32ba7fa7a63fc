"""The loop of long short-term memory.

z: (time, batch, 4 hidden), the input's products for i (input), f (forget), g (candidate) and o (output), in this
order; u: (outputs, 4 hidden); b: (4 hidden,); h0: (batch, outputs), c0: (batch, hidden). Without a projection V
outputs = hidden.

    a = z + h·U + b,   i, f, o = σ(a_i + p_i c), σ(a_f + p_f c), σ(a_o + p_o c'),   g = tanh a_g
    c' = f c + i g,   h' = o tanh c', or (o tanh c')·V

p are the peepholes, (3, hidden), or 0. With dm the cotangent of o tanh c' (dh', or dh'·Vᵀ), dc that of c' from the
steps after, and t = tanh c',

    dc' = dc + dm P,   da_o = dm Q,   da_k = dc' A_k for k = i, f, g,   dc = dc' F,   dh = da·Uᵀ
    Q = t o (1 - o),   P = o (1 - t²) + p_o Q
    A_i = g i (1 - i),   A_f = c f (1 - f),   A_g = i (1 - g²),   F = f + p_i A_i + p_f A_f

The factors A, F, P and Q are made for a block of steps before its loop. Where a row has no step, F counts as 1 and the
others as 0, and dh is passed on.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fnn.kernels.numerics import wide
from fnn.kernels.recurrence.sequences import (
    State,
    Steps,
    Valid,
    Vector,
    kept,
    plus,
    scan_blocks,
    scan_in_place,
    step_product,
)

Weights = Float[Array, "outputs gates"]
Peepholes = Float[Array, "3 hidden"] | None
Projection = Float[Array, "hidden outputs"] | None


@jax.jit
def forward(
    z: Steps,
    u: Weights,
    b: Vector | None,
    h0: State,
    c0: State,
    valid: Valid,
    peepholes: Peepholes,
    projection: Projection,
) -> tuple[Steps, Steps, Steps, State, State]:
    """Return the state h and c after each step, the gates [i, f, g, o], and the last h and c."""
    p = None if peepholes is None else wide(peepholes)[:, None]

    def step(state, z, valid):
        h, c = state
        a_i, a_f, a_g, a_o = jnp.split(plus(z, b) + step_product(h, u), 4, 1)
        if p is not None:
            a_i, a_f = a_i + p[0] * c, a_f + p[1] * c
        i, f, g = lax.logistic(a_i), lax.logistic(a_f), jnp.tanh(a_g)
        c = kept(valid, f * c + i * g, c)
        if p is not None:
            a_o = a_o + p[2] * c
        o = lax.logistic(a_o)
        m = o * jnp.tanh(c)
        h = kept(valid, m if projection is None else step_product(m, projection), h)
        return (h, c), jnp.concatenate([i, f, g, o], 1), (h, c)

    (last_h, last_c), gates, (h, c) = scan_in_place(step, (wide(h0), wide(c0)), z, valid)
    return h, c, gates, last_h, last_c


@jax.jit
def backward(
    gates: Steps,
    c_before: Steps,
    c: Steps,
    u: Weights,
    valid: Valid,
    peepholes: Peepholes,
    projection: Projection,
    dy: Steps,
    dh: State,
    dc: State,
) -> tuple[Steps, State, State, Steps | None]:
    """Return dZ, dh0, dc0, and with a projection the cotangent of each step's h."""
    transposed = u.T
    projected = None if projection is None else projection.T

    def step(state, factors, inputs):
        dh, dc = state
        dy, to_c, carried, valid = inputs
        dh = dy + dh
        dm = dh if projected is None else step_product(dh, projected)
        dc = dc + dm * to_c
        dz = jnp.concatenate([dc, dc, dc, dm], 1) * factors
        passed = kept(valid, step_product(dz, transposed), dh)
        return (passed, dc * carried), dz, None if projection is None else dh

    def block(state, gates, inputs):
        c_before, c, valid, dy = inputs
        i, f, g, o = jnp.split(gates, 4, 2)
        t = jnp.tanh(c)
        to_i, to_f, to_g = g * i * (1 - i), c_before * f * (1 - f), i * (1 - g * g)
        to_o, to_c, carried = t * o * (1 - o), o * (1 - t * t), f
        if peepholes is not None:
            p = wide(peepholes)[:, None, None]
            to_c = to_c + p[2] * to_o
            carried = carried + p[0] * to_i + p[1] * to_f
        factors = kept(valid, jnp.concatenate([to_i, to_f, to_g, to_o], 2), 0)
        to_c, carried = kept(valid, to_c, 0), kept(valid, carried, 1)
        return scan_in_place(step, state, factors, (dy, to_c, carried, valid), reverse=True)

    (dh0, dc0), dz, dh = scan_blocks(block, (dh, dc), gates, (c_before, c, valid, dy))
    return dz, dh0, dc0, dh
