"""Long short-term memory with layer normalisation. Kernel: `fnn.kernels.recurrence.normalised_lstm`."""

from jaxtyping import Array, Float, Int

from fnn.kernels import linear
from fnn.kernels.numerics import wide
from fnn.kernels.recurrence import normalised_lstm as kernel
from fnn.kernels.recurrence import sequences
from fnn.rule import rule
from fnn.rules.normalisation.arguments import need_eps
from fnn.rules.recurrence.arguments import need_sequences, need_weights, state_of


@rule
def normalised_lstm(
    z: Float[Array, "batch time gates"],
    u: Float[Array, "hidden gates"],
    scale: Float[Array, " gates"],
    cell_scale: Float[Array, " hidden"],
    cell_offset: Float[Array, " hidden"],
    h0: Float[Array, "batch hidden"] | None = None,
    c0: Float[Array, "batch hidden"] | None = None,
    lengths: Int[Array, " batch"] | None = None,
    *,
    eps: float = 1e-5,
):
    """`lstm` of A = Z + s N(H·U) and H' = O tanh(k N(C') + q), N the normalisation over features.

    N x = (x - mean x) / √(var x + eps). z: (batch, time, 4 hidden) is what the inputs give to the gates i, f, g, o,
    in Ba et al. layer_norm(X·W, scale, b), which is two rules before this one; u: (hidden, 4 hidden); s = scale:
    (4 hidden,), k = cell_scale and q = cell_offset: (hidden,). Returns (Y, (H_last, C_last)); the other arguments, and
    what is past a row's length, are as for `lstm`.

    With D y = r (y - mean y - x̂ mean(y x̂)) the way back through x̂ = N x, r one over its root, T = tanh(k ĉ + q),

        dA_o = dH T O (1 - O),   dN = dH O (1 - T²),   dC' = dC + D(k dN)
        dA_i, dA_f, dA_g = dC' G I (1 - I), dC' C F (1 - F), dC' I (1 - G²),   dC = dC' F
        dZ = dA,   dP = D(s dA),   dH = dP·Uᵀ,   dU = Hᵀ·dP,   ds = Σ dA p̂,   dk = Σ dN ĉ,   dq = Σ dN

    Keeps the arguments but z, y, the four gates, C, p̂ = N(H·U) and its r; ĉ and T are made again. Raises ValueError for
    shapes that do not fit, no steps, and eps <= 0. Source: Ba, Kiros and Hinton (2016), arXiv:1607.06450, equations
    20 to 22.

    >>> import jax.numpy as jnp
    >>> one = jnp.ones(2)
    >>> y, (h, c) = normalised_lstm(jnp.arange(8.0).reshape(1, 1, 8), jnp.ones((2, 8)), jnp.ones(8), one, 0 * one)
    >>> [round(float(cell), 3) for cell in c.ravel()]
    [0.5, 0.731]
    """
    hidden = u.shape[0]
    need_sequences("normalised_lstm", z, u.T, None, lengths)
    need_weights("normalised_lstm", u, u, 4, u.shape[-1] // 4)
    need_eps("normalised_lstm", eps)
    for name, vector, size in (
        ("scale", scale, 4 * hidden),
        ("cell_scale", cell_scale, hidden),
        ("cell_offset", cell_offset, hidden),
    ):
        if vector.shape != (size,):
            raise ValueError(f"normalised_lstm: {name} has shape {vector.shape}, wanted ({size},).")
    start = (state_of("normalised_lstm", name, s, z, hidden) for name, s in (("h0", h0), ("c0", c0)))
    valid = sequences.valid_steps(lengths, z.shape[1])
    steps = wide(sequences.steps(z, valid))
    h, c, gates, p, r, *last = kernel.forward(steps, u, scale, cell_scale, cell_offset, *start, valid, eps)
    y = sequences.sequences(h, valid).astype(z.dtype)
    last_h, last_c = (state.astype(z.dtype) for state in last)
    return (y, (last_h, last_c)), (u, scale, cell_scale, cell_offset, h0, c0, lengths, y, gates, c, p, r)


@normalised_lstm.backward
def normalised_lstm_backward(saved, dy, *, eps):
    """dA by the steps backwards; dZ = dA, dP = D(s dA), dU = Hᵀ·dP, ds = Σ dA p̂, dk = Σ dN ĉ, dq = Σ dN."""
    u, scale, cell_scale, cell_offset, h0, c0, lengths, y, gates, c, p, r = saved
    dy, (dh, dc) = dy
    start, cell = (state_of("normalised_lstm", "h0 or c0", state, y, y.shape[2]) for state in (h0, c0))
    valid = sequences.valid_steps(lengths, y.shape[1])
    dy = wide(sequences.steps(dy, valid))
    dz, dp, dh0, dc0, vectors = kernel.backward(
        gates,
        sequences.before(c, cell, None),
        c,
        p,
        r,
        u,
        scale,
        cell_scale,
        cell_offset,
        valid,
        dy,
        wide(dh),
        wide(dc),
        eps,
    )
    du = linear.backward_weight(sequences.before(sequences.steps(y, None), start, valid), dp)
    dh0, dc0 = None if h0 is None else dh0, None if c0 is None else dc0
    return sequences.sequences(dz, None), du, *vectors, dh0, dc0, None
