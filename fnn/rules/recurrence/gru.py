"""The gated recurrent unit. Kernel: `fnn.kernels.recurrence.gru`."""

from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fnn.kernels import linear
from fnn.kernels.numerics import wide
from fnn.kernels.recurrence import gru as kernel
from fnn.kernels.recurrence import sequences
from fnn.rule import Static, rule
from fnn.rules.recurrence.arguments import need_sequences, need_weights, state_of


@rule
def gru(
    x: Float[Array, "batch time inputs"],
    w: Float[Array, "inputs gates"],
    u: Float[Array, "hidden gates"],
    b: Float[Array, " gates"] | None = None,
    recurrent_b: Float[Array, " hidden"] | None = None,
    h0: Float[Array, "batch hidden"] | None = None,
    lengths: Int[Array, " batch"] | None = None,
    *,
    reset: Literal["after", "before"] = "after",
):
    """H' = U H + (1 - U) N with the gates R (reset), U (update) and the candidate N; returns (Y, H_last).

    Z = X_t·W + b, in the order r, u, n; H is the state before the step, H' that after it, which is Y_t; and with
    V the recurrent weights `u`, in the same order,

        R, U = σ(Z_r + H·V_r), σ(Z_u + H·V_u)
        reset="after":   N = tanh(Z_n + R M),   M = H·V_n + c,   c = recurrent_b    (cuDNN, torch)
        reset="before":  N = tanh(Z_n + (R H)·V_n)                                  (Cho et al. 2014)

    x: (batch, time, inputs), w: (inputs, 3 hidden), u: (hidden, 3 hidden), b: (3 hidden,) or None, recurrent_b:
    (hidden,) or None, h0: (batch, hidden), zeros for None; y: (batch, time, hidden). A row of length n has the steps
    before n: past them y is 0, x does not count, and the state stays, so H_last is that at the length.

    With dH the cotangent of H', from Y_t and from the steps after,

        dU = dH (H - N) U (1 - U),   dN = dH (1 - U) (1 - N²)
        after:   dR = dN M R (1 - R),   dH = dH U + [dR, dU, dN R]·Vᵀ,   dc = Σ dN R
        before:  S = dN·V_nᵀ,   dR = S H R (1 - R),   dH = dH U + S R + [dR, dU]·[V_r, V_u]ᵀ
        dZ = [dR, dU, dN],   dX = dZ·Wᵀ,   dW = Xᵀ·dZ,   db = Σ dZ
        dV = Hᵀ·[dR, dU, dN R],   or Hᵀ·[dR, dU] and (R H)ᵀ·dN,   over all steps

    Keeps the arguments, y, the three gates, and M. The state is float32 or wider from step to step. Raises ValueError
    for shapes that do not fit, no steps, another reset, and a recurrent_b with reset="before", where b does the same.
    Sources: Cho et al. (2014), arXiv:1406.1078; for the form after the product, Chetlur et al. (2014), arXiv:1410.0759.

    >>> import jax.numpy as jnp
    >>> x = jnp.array([1.0, -1.0]).reshape(1, 2, 1)
    >>> y, last = gru(x, jnp.ones((1, 3)), jnp.ones((1, 3)))
    >>> [round(float(h), 3) for h in (*y.ravel(), *last.ravel())]
    [0.205, -0.442, -0.442]
    """
    need_sequences("gru", x, w, b, lengths)
    hidden = u.shape[0]
    need_weights("gru", w, u, 3, u.shape[-1] // 3)
    if reset not in ("after", "before"):
        raise ValueError(f"gru: reset = {reset!r}, wanted 'after' or 'before' the recurrent product.")
    if recurrent_b is not None and reset == "before":
        raise ValueError("gru: recurrent_b was given with reset='before', where it adds to b; add it there.")
    if recurrent_b is not None and recurrent_b.shape != (hidden,):
        raise ValueError(f"gru: recurrent_b has shape {recurrent_b.shape}, wanted (hidden,) = ({hidden},).")
    start = state_of("gru", "h0", h0, x, hidden)
    valid = sequences.valid_steps(lengths, x.shape[1])
    z = sequences.input_products(sequences.steps(x, valid), w)
    if reset == "after":
        h, last, gates, m = kernel.forward_after(z, u, b, recurrent_b, start, valid)
    else:
        (h, last, gates), m = kernel.forward_before(z, u, b, start, valid), None
    y = sequences.sequences(h, valid).astype(x.dtype)
    saved = (x, w, u, Static((b is not None, recurrent_b is not None)), h0, lengths, y, gates, m)
    return (y, last.astype(x.dtype)), saved


@gru.backward
def gru_backward(saved, dy):
    """dZ = [dR, dU, dN] by the steps backwards; dX = dZ·Wᵀ, dW = Xᵀ·dZ, dV = Hᵀ·[dR, dU, dN R], db = Σ dZ."""
    x, w, u, given, h0, lengths, y, gates, m = saved
    dy, dlast = dy
    hidden = u.shape[0]
    start = state_of("gru", "h0", h0, x, hidden)
    valid = sequences.valid_steps(lengths, x.shape[1])
    h, dy = sequences.before(sequences.steps(y, None), start, valid), wide(sequences.steps(dy, valid))
    if m is not None:
        dz, dm, dh0 = kernel.backward_after(h, gates, m, u, valid, dy, wide(dlast))
        of_n, dc = linear.backward_weight(h, dm), linear.backward_bias(dm)
    else:
        dz, rh, dh0 = kernel.backward_before(h, gates, u, valid, dy, wide(dlast))
        of_n, dc = linear.backward_weight(rh, dz[:, :, 2 * hidden :]), None
    du = jnp.concatenate([linear.backward_weight(h, dz[:, :, : 2 * hidden]), of_n], 1)
    dx, dw, db = sequences.input_gradients(sequences.steps(x, valid), w, dz, valid)
    has_b, has_recurrent_b = given.value
    return (
        dx,
        dw,
        du,
        db if has_b else None,
        dc if has_recurrent_b else None,
        None if h0 is None else dh0,
        None,
    )
