"""Long short-term memory. Kernel: `fnn.kernels.recurrence.lstm`."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fnn.kernels import linear
from fnn.kernels.numerics import wide
from fnn.kernels.recurrence import lstm as kernel
from fnn.kernels.recurrence import sequences
from fnn.rule import Static, rule
from fnn.rules.recurrence.arguments import need_sequences, need_weights, state_of


@rule
def lstm(
    x: Float[Array, "batch time inputs"],
    w: Float[Array, "inputs gates"],
    u: Float[Array, "outputs gates"],
    b: Float[Array, " gates"] | None = None,
    h0: Float[Array, "batch outputs"] | None = None,
    c0: Float[Array, "batch hidden"] | None = None,
    lengths: Int[Array, " batch"] | None = None,
    peepholes: Float[Array, "3 hidden"] | None = None,
    projection: Float[Array, "hidden outputs"] | None = None,
):
    """C' = F C + I G, H' = O tanh C', gates I, F, O and candidate G; returns (Y, (H_last, C_last)), Y the states H'.

    A = X_t·W + b + H·U in the order i, f, g, o; H and C are the states before the step, H' and C' those after it:

        I, F, O = σ(A_i + p_i C), σ(A_f + p_f C), σ(A_o + p_o C'),   G = tanh A_g
        C' = F C + I G,   H' = O tanh C',   or (O tanh C')·V

    x: (batch, time, inputs), w: (inputs, 4 hidden), u: (outputs, 4 hidden), b: (4 hidden,) or None, h0:
    (batch, outputs) and c0: (batch, hidden), zeros for None; y: (batch, time, outputs). p = peepholes: (3, hidden) for
    i, f, o, none for None. V = projection: (hidden, outputs); without it outputs = hidden. A row of length n has the
    steps before n: past them y is 0, x does not count, and the states stay, so the last ones are those at the length.

    With dM the cotangent of O tanh C' (dH', or dH'·Vᵀ), dC that of C' from the steps after, and T = tanh C',

        dA_o = dM T O (1 - O),   dC' = dC + dM O (1 - T²) + p_o dA_o
        dA_i, dA_f, dA_g = dC' G I (1 - I), dC' C F (1 - F), dC' I (1 - G²)
        dC = dC' F + p_i dA_i + p_f dA_f,   dH = dA·Uᵀ
        dX = dA·Wᵀ,   dW = Xᵀ·dA,   dU = Hᵀ·dA,   db = Σ dA,   dV = (O T)ᵀ·dH',   over all steps
        dp = Σ dA_i C, Σ dA_f C, Σ dA_o C'

    Keeps the arguments, y, the four gates and C; T is made again. The states are float32 or wider from step to step.
    Raises ValueError for shapes that do not fit and for no steps. Sources: Hochreiter and Schmidhuber (1997); the
    forget gate: Gers, Schmidhuber and Cummins (2000); peepholes: Gers and Schmidhuber (2000), "Recurrent nets that time
    and count"; the projection: Sak, Senior and Beaufays (2014), arXiv:1402.1128.

    >>> import jax.numpy as jnp
    >>> x = jnp.array([1.0, 2.0]).reshape(1, 2, 1)
    >>> y, (h, c) = lstm(x, jnp.ones((1, 4)), jnp.ones((1, 4)))
    >>> [round(float(state), 3) for state in (*y.ravel(), *c.ravel())]
    [0.37, 0.811, 1.408]
    """
    need_sequences("lstm", x, w, b, lengths)
    hidden = u.shape[-1] // 4
    outputs = hidden if projection is None else projection.shape[-1]
    need_weights("lstm", w, u, 4, outputs)
    if projection is not None and projection.shape != (hidden, outputs):
        raise ValueError(f"lstm: projection has shape {projection.shape}, wanted (hidden, outputs), hidden = {hidden}.")
    if peepholes is not None and peepholes.shape != (3, hidden):
        raise ValueError(f"lstm: peepholes have shape {peepholes.shape}, wanted (3, hidden) = (3, {hidden}).")
    start = state_of("lstm", "h0", h0, x, outputs), state_of("lstm", "c0", c0, x, hidden)
    valid = sequences.valid_steps(lengths, x.shape[1])
    z = sequences.input_products(sequences.steps(x, valid), w)
    h, c, gates, *last = kernel.forward(z, u, b, *start, valid, peepholes, projection)
    y = sequences.sequences(h, valid).astype(x.dtype)
    last_h, last_c = (state.astype(x.dtype) for state in last)
    saved = (x, w, u, Static(b is not None), h0, c0, lengths, peepholes, projection, y, c, gates)
    return (y, (last_h, last_c)), saved


@lstm.backward
def lstm_backward(saved, dy):
    """dA by the steps backwards; dX = dA·Wᵀ, dW = Xᵀ·dA, dU = Hᵀ·dA, db = Σ dA, dV = (O T)ᵀ·dH'."""
    x, w, u, has_bias, h0, c0, lengths, peepholes, projection, y, c, gates = saved
    dy, (dh, dc) = dy
    hidden, outputs = c.shape[2], y.shape[2]
    start = state_of("lstm", "h0", h0, x, outputs), state_of("lstm", "c0", c0, x, hidden)
    valid = sequences.valid_steps(lengths, x.shape[1])
    c_before = sequences.before(c, start[1], None)
    dy, dlast = wide(sequences.steps(dy, valid)), (wide(dh), wide(dc))
    dz, dh0, dc0, dh = kernel.backward(gates, c_before, c, u, valid, peepholes, projection, dy, *dlast)
    dpeepholes = dprojection = None
    c_before, c, o = (sequences.kept(valid, a, 0) for a in (c_before, c, gates[:, :, 3 * hidden :]))
    if peepholes is not None:
        of_i, of_f, _, of_o = jnp.split(dz, 4, 2)
        dpeepholes = jnp.stack([(d * c).sum((0, 1)) for d, c in ((of_i, c_before), (of_f, c_before), (of_o, c))])
    if projection is not None:
        dprojection = linear.backward_weight(o * jnp.tanh(c), sequences.kept(valid, dh, 0))
    dx, dw, db = sequences.input_gradients(sequences.steps(x, valid), w, dz, valid)
    return (
        dx,
        dw,
        linear.backward_weight(sequences.before(sequences.steps(y, None), start[0], valid), dz),
        db if has_bias.value else None,
        None if h0 is None else dh0,
        None if c0 is None else dc0,
        None,
        dpeepholes,
        dprojection,
    )
