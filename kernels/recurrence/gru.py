"""The loops of the gated recurrent unit, with the reset gate applied after the recurrent product, or before it.

Examples are columns. z: (time, 3 hidden, batch), the input's products for the gates r (reset), u (update) and the
candidate n, in this order. With R, U, N the blocks of the recurrent weights u: (hidden, 3 hidden),

    r = σ(z_r + Rᵀ·h),   u = σ(z_u + Uᵀ·h),   h' = u h + (1 - u) n
    after:   n = tanh(z_n + r m),   m = Nᵀ·h + c                      (cuDNN, torch)
    before:  n = tanh(z_n + Nᵀ·(r h))                                 (Cho et al. 2014)

and with dh the cotangent of h' and a' that of a gate's argument,

    u' = dh (h - n) u (1 - u),   n' = dh (1 - u) (1 - n²)
    after:   r' = n' m r (1 - r),   dh = dh u + [R, U, N]·[r', u', n' r]
    before:  s = N·n',   r' = s h r (1 - r),   dh = dh u + s r + [R, U]·[r', u']

What dh is multiplied by is made for all steps before the loop. Where a row has no step, dh is passed on, and every
gate's cotangent is 0, whatever the state. Sources: Cho et al. (2014), arXiv:1406.1078; the form after: Chetlur et al.
(2014), arXiv:1410.0759, and the manual of cuDNN.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fnn.kernels.numerics import wide
from fnn.kernels.recurrence.sequences import Columns, State, Valid, kept, step_product

Weights = Float[Array, "hidden gates"]


@jax.jit
def forward_after(
    z: Columns, u: Weights, c: Float[Array, " hidden"] | None, h0: State, valid: Valid
) -> tuple[Columns, State, Columns, Columns]:
    """Return the state after each step, the last one, the gates [r, u, n] and m."""
    hidden = u.shape[0]
    transposed = u.T
    c = None if c is None else wide(c)[:, None]

    def step(h, inputs):
        z, valid = inputs
        p = step_product(transposed, h)
        m = p[2 * hidden :]
        m = m if c is None else m + c
        gates = lax.logistic(z[: 2 * hidden] + p[: 2 * hidden])
        r, update = gates[:hidden], gates[hidden:]
        n = jnp.tanh(z[2 * hidden :] + r * m)
        h = kept(valid, n + update * (h - n), h)
        return h, (h, jnp.concatenate([gates, n]), m)

    last, (h, gates, m) = lax.scan(step, wide(h0), (z, valid))
    return h, last, gates, m


@jax.jit
def backward_after(
    h: Columns, gates: Columns, m: Columns, u: Weights, valid: Valid, dy: Columns, dlast: State
) -> tuple[Columns, Columns, State]:
    """Return dZ, the cotangent of the recurrent products, and dh0; h is the state before each step."""
    r, update, n = jnp.split(gates, 3, 1)
    to_n, to_u = (1 - update) * (1 - n * n), (h - n) * update * (1 - update)
    to_r = to_n * m * r * (1 - r)
    to_r, to_u, to_n, to_p = (kept(valid, factor, 0) for factor in (to_r, to_u, to_n, to_n * r))
    factors = jnp.concatenate([to_r, to_u, to_p], 1)

    def step(dh, inputs):
        dy, factors, update, valid = inputs
        dh = dy + dh
        dp = jnp.concatenate([dh] * 3) * factors
        return kept(valid, dh * update + step_product(u, dp), dh), dh

    dh0, dh = lax.scan(step, dlast, (dy, factors, update, valid), reverse=True)
    dr, du = dh * to_r, dh * to_u
    return jnp.concatenate([dr, du, dh * to_n], 1), jnp.concatenate([dr, du, dh * to_p], 1), dh0


@jax.jit
def forward_before(z: Columns, u: Weights, h0: State, valid: Valid) -> tuple[Columns, State, Columns]:
    """Return the state after each step, the last one, and the gates [r, u, n]."""
    hidden = u.shape[0]
    of_gates, of_n = u.T[: 2 * hidden], u.T[2 * hidden :]

    def step(h, inputs):
        z, valid = inputs
        gates = lax.logistic(z[: 2 * hidden] + step_product(of_gates, h))
        r, update = gates[:hidden], gates[hidden:]
        n = jnp.tanh(z[2 * hidden :] + step_product(of_n, r * h))
        h = kept(valid, n + update * (h - n), h)
        return h, (h, jnp.concatenate([gates, n]))

    last, (h, gates) = lax.scan(step, wide(h0), (z, valid))
    return h, last, gates


@jax.jit
def backward_before(
    h: Columns, gates: Columns, u: Weights, valid: Valid, dy: Columns, dlast: State
) -> tuple[Columns, State]:
    """Return dZ and dh0; h is the state before each step."""
    hidden = u.shape[0]
    of_gates, of_n = u[:, : 2 * hidden], u[:, 2 * hidden :]
    r, update, n = jnp.split(gates, 3, 1)
    to_n, to_u, to_r = (1 - update) * (1 - n * n), (h - n) * update * (1 - update), h * r * (1 - r)
    to_n, to_u, to_r, r = (kept(valid, factor, 0) for factor in (to_n, to_u, to_r, r))

    def step(dh, inputs):
        dy, to_r, to_u, to_n, update, r, valid = inputs
        dh = dy + dh
        dn = dh * to_n
        s = step_product(of_n, dn)
        dgates = jnp.concatenate([s * to_r, dh * to_u])
        passed = dh * update + s * r + step_product(of_gates, dgates)
        return kept(valid, passed, dh), kept(valid, jnp.concatenate([dgates, dn]), 0)

    dh0, dz = lax.scan(step, dlast, (dy, to_r, to_u, to_n, update, r, valid), reverse=True)
    return dz, dh0
