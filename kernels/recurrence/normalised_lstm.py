"""The loop of long short-term memory whose recurrent products and cells are normalised.

z: (time, batch, 4 hidden), what the input gives to i, f, g and o; u: (hidden, 4 hidden). With
N x = (x - mean x) / √(var x + eps) over the features of a step, and scales s (4 hidden,), k (hidden,) and offsets
q (hidden,),

    a = z + s p̂,   p̂ = N(h·U),   i, f, o = σ(a_i), σ(a_f), σ(a_o),   g = tanh a_g
    c' = f c + i g,   h' = o t,   t = tanh(k ĉ + q),   ĉ = N c'

and with D y = r (y - mean y - x̂ mean(y x̂)) the way back through N, r one over the root,

    da_o = dh t o (1 - o),   dn = dh o (1 - t²),   dc' = dc + D(k dn)
    da_i, da_f, da_g = dc' g i (1 - i), dc' c f (1 - f), dc' i (1 - g²),   dc = dc' f
    dp = D(s da),   dh = dp·Uᵀ
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fnn.kernels.numerics import wide
from fnn.kernels.recurrence.sequences import State, Steps, Valid, Vector, kept, scan_in_place, step_product


def normalised(x: Array, eps: float) -> tuple[Array, Array]:
    """Return x̂ and r, over the features; the squared deviations are taken from the mean."""
    centred = x - x.mean(-1, keepdims=True)
    r = lax.rsqrt(jnp.square(centred).mean(-1, keepdims=True) + eps)
    return centred * r, r


def normalised_backward(x: Array, r: Array, dx: Array) -> Array:
    """Return D dx; x is normalised."""
    return r * (dx - dx.mean(-1, keepdims=True) - x * (dx * x).mean(-1, keepdims=True))


@partial(jax.jit, static_argnames="eps")
def forward(
    z: Steps,
    u: Float[Array, "hidden gates"],
    s: Vector,
    k: Vector,
    q: Vector,
    h0: State,
    c0: State,
    valid: Valid,
    eps: float,
) -> tuple[Steps, Steps, Steps, Steps, Steps, State, State]:
    """Return h and c after each step, the gates [i, f, g, o], p̂ and its r, and the last h and c."""
    s, k, q = (wide(vector)[None] for vector in (s, k, q))

    def step(state, z, valid):
        h, c = state
        p, r = normalised(step_product(h, u), eps)
        a_i, a_f, a_g, a_o = jnp.split(z + s * p, 4, 1)
        i, f, g, o = lax.logistic(a_i), lax.logistic(a_f), jnp.tanh(a_g), lax.logistic(a_o)
        c = kept(valid, f * c + i * g, c)
        h = kept(valid, o * jnp.tanh(k * normalised(c, eps)[0] + q), h)
        return (h, c), jnp.concatenate([i, f, g, o], 1), (h, c, p, r)

    (last_h, last_c), gates, (h, c, p, r) = scan_in_place(step, (wide(h0), wide(c0)), z, valid)
    return h, c, gates, p, r, last_h, last_c


@partial(jax.jit, static_argnames="eps")
def backward(
    gates: Steps,
    c_before: Steps,
    c: Steps,
    p: Steps,
    r: Steps,
    u: Float[Array, "hidden gates"],
    s: Vector,
    k: Vector,
    q: Vector,
    valid: Valid,
    dy: Steps,
    dh: State,
    dc: State,
    eps: float,
) -> tuple[Steps, Steps, State, State, tuple[Array, Array, Array]]:
    """Return dZ, the cotangent of the recurrent products, dh0, dc0, and (ds, dk, dq)."""
    transposed, s, k, q = u.T, *(wide(vector)[None] for vector in (s, k, q))
    i, f, g, o = jnp.split(gates, 4, 2)
    p, r, cell, r_cell = (kept(valid, saved, 0) for saved in (p, r, *normalised(c, eps)))
    t = jnp.tanh(k[None] * cell + q[None])
    factors = jnp.concatenate([g * i * (1 - i), c_before * f * (1 - f), i * (1 - g * g), t * o * (1 - o)], 2)
    to_n = o * (1 - t * t)

    def step(state, factors, inputs):
        dh, dc_after = state
        dy, to_n, f, cell, r_cell, p, r, valid = inputs
        dh = dy + dh
        dn = kept(valid, dh * to_n, 0)
        dc = dc_after + normalised_backward(cell, r_cell, k * dn)
        dz = kept(valid, jnp.concatenate([dc, dc, dc, dh], 1) * factors, 0)
        dp = kept(valid, normalised_backward(p, r, s * dz), 0)
        passed = kept(valid, step_product(dp, transposed), dh), kept(valid, dc * f, dc_after)
        return passed, dz, (dp, dn)

    steps = dy, to_n, f, cell, r_cell, p, r, valid
    (dh0, dc0), dz, (dp, dn) = scan_in_place(step, (dh, dc), factors, steps, reverse=True)
    return dz, dp, dh0, dc0, ((dz * p).sum((0, 1)), (dn * cell).sum((0, 1)), dn.sum((0, 1)))
