"""The loops of the gated recurrent unit, with the reset gate applied after the recurrent product, or before it.

z: (time, batch, 3 hidden), the input's products for the gates r (reset), u (update) and the candidate n, in this
order; b: (3 hidden,) adds to them. With R, U, N the blocks of the recurrent weights u: (hidden, 3 hidden),

    r = σ(z_r + h·R),   u = σ(z_u + h·U),   h' = u h + (1 - u) n
    after:   n = tanh(z_n + r m),   m = h·N + c                       (cuDNN, torch)
    before:  n = tanh(z_n + (r h)·N)                                  (Cho et al. 2014)

and with dh the cotangent of h' and a' that of a gate's argument,

    u' = dh (h - n) u (1 - u),   n' = dh (1 - u) (1 - n²)
    after:   r' = n' m r (1 - r),   dh = dh u + [r', u', n' r]·[R, U, N]ᵀ
    before:  s = n'·Nᵀ,   r' = s h r (1 - r),   dh = dh u + s r + [r', u']·[R, U]ᵀ

What dh is multiplied by is made for a block of steps before its loop. Where a row has no step, dh is passed on, and
every gate's cotangent is 0, whatever the state. Sources: Cho et al. (2014), arXiv:1406.1078; the form after: Chetlur
et al. (2014), arXiv:1410.0759, and the manual of cuDNN.
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

Weights = Float[Array, "hidden gates"]


@jax.jit
def forward_after(
    z: Steps, u: Weights, b: Vector | None, c: Vector | None, h0: State, valid: Valid
) -> tuple[Steps, State, Steps, Steps]:
    """Return the state after each step, the last one, the gates [r, u, n] and m."""
    hidden = u.shape[0]

    def step(h, z, valid):
        z, p = plus(z, b), step_product(h, u)
        m = plus(p[:, 2 * hidden :], c)
        gates = lax.logistic(z[:, : 2 * hidden] + p[:, : 2 * hidden])
        r, update = gates[:, :hidden], gates[:, hidden:]
        n = jnp.tanh(z[:, 2 * hidden :] + r * m)
        h = kept(valid, n + update * (h - n), h)
        return h, jnp.concatenate([gates, n], 1), (h, m)

    last, gates, (h, m) = scan_in_place(step, wide(h0), z, valid)
    return h, last, gates, m


@jax.jit
def backward_after(
    h: Steps, gates: Steps, m: Steps, u: Weights, valid: Valid, dy: Steps, dlast: State
) -> tuple[Steps, Steps, State]:
    """Return dZ, the cotangent of m, and dh0; h is the state before each step."""
    transposed = u.T

    def step(dh, dy, inputs):
        factors, update, valid = inputs
        dh = dy + dh
        dp = jnp.concatenate([dh] * 3, 1) * factors
        return kept(valid, dh * update + step_product(dp, transposed), dh), dh, None

    def block(dh, gates, inputs):
        h, m, valid, dy = inputs
        r, update, n = jnp.split(gates, 3, 2)
        to_n, to_u = (1 - update) * (1 - n * n), (h - n) * update * (1 - update)
        to_r = to_n * m * r * (1 - r)
        to_r, to_u, to_n, to_p = (kept(valid, factor, 0) for factor in (to_r, to_u, to_n, to_n * r))
        factors = jnp.concatenate([to_r, to_u, to_p], 2)
        before, dh, _ = scan_in_place(step, dh, dy, (factors, update, valid), reverse=True)
        return before, jnp.concatenate([dh * to_r, dh * to_u, dh * to_n], 2), dh * to_p

    dh0, dz, dm = scan_blocks(block, dlast, gates, (h, m, valid, dy))
    return dz, dm, dh0


@jax.jit
def forward_before(z: Steps, u: Weights, b: Vector | None, h0: State, valid: Valid) -> tuple[Steps, State, Steps]:
    """Return the state after each step, the last one, and the gates [r, u, n]."""
    hidden = u.shape[0]
    of_gates, of_n = u[:, : 2 * hidden], u[:, 2 * hidden :]

    def step(h, z, valid):
        z = plus(z, b)
        gates = lax.logistic(z[:, : 2 * hidden] + step_product(h, of_gates))
        r, update = gates[:, :hidden], gates[:, hidden:]
        n = jnp.tanh(z[:, 2 * hidden :] + step_product(r * h, of_n))
        h = kept(valid, n + update * (h - n), h)
        return h, jnp.concatenate([gates, n], 1), h

    last, gates, h = scan_in_place(step, wide(h0), z, valid)
    return h, last, gates


@jax.jit
def backward_before(
    h: Steps, gates: Steps, u: Weights, valid: Valid, dy: Steps, dlast: State
) -> tuple[Steps, Steps, State]:
    """Return dZ, r h, and dh0; h is the state before each step."""
    hidden = u.shape[0]
    of_gates, of_n = u.T[: 2 * hidden], u.T[2 * hidden :]

    def step(dh, inputs):
        dy, to_r, to_u, to_n, update, r, valid = inputs
        dh = dy + dh
        dn = dh * to_n
        s = step_product(dn, of_n)
        dgates = jnp.concatenate([s * to_r, dh * to_u], 1)
        passed = dh * update + s * r + step_product(dgates, of_gates)
        return kept(valid, passed, dh), kept(valid, jnp.concatenate([dgates, dn], 1), 0)

    def block(dh, gates, inputs):
        h, valid, dy = inputs
        r, update, n = jnp.split(gates, 3, 2)
        to_n, to_u, to_r = (1 - update) * (1 - n * n), (h - n) * update * (1 - update), h * r * (1 - r)
        to_n, to_u, to_r, r = (kept(valid, factor, 0) for factor in (to_n, to_u, to_r, r))
        return *lax.scan(step, dh, (dy, to_r, to_u, to_n, update, r, valid), reverse=True), r * h

    dh0, dz, rh = scan_blocks(block, dlast, gates, (h, valid, dy))
    return dz, rh, dh0
