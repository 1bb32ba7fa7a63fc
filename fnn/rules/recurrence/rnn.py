"""The simple recurrent network. Kernel: `fnn.kernels.recurrence.rnn`."""

from typing import Literal

from jaxtyping import Array, Float, Int

from fnn.kernels import linear
from fnn.kernels.numerics import wide
from fnn.kernels.recurrence import rnn as kernel
from fnn.kernels.recurrence import sequences
from fnn.rule import Static, rule
from fnn.rules.recurrence.arguments import need_sequences, need_weights, state_of


@rule
def rnn(
    x: Float[Array, "batch time inputs"],
    w: Float[Array, "inputs hidden"],
    u: Float[Array, "hidden hidden"],
    b: Float[Array, " hidden"] | None = None,
    h0: Float[Array, "batch hidden"] | None = None,
    lengths: Int[Array, " batch"] | None = None,
    *,
    activation: Literal["tanh", "relu"] = "tanh",
):
    """H_t = f(X_t·W + H_(t-1)·U + b), f = tanh or relu; returns (Y, H_last), Y the states H_1, ..., H_T.

    x: (batch, time, inputs), w: (inputs, hidden), u: (hidden, hidden), b: (hidden,) or None, h0: (batch, hidden), zeros
    for None; y: (batch, time, hidden). A row of length n has the steps before n: past them y is 0, x
    does not count, and the state stays, so H_last is that at the length. The other direction is `reverse_sequences`,
    this rule, and `reverse_sequences` again.

        dZ_t = (dY_t + dH_t) f'_t,   dH_(t-1) = dZ_t·Uᵀ,   f' = 1 - H², or 1 where H > 0, so 0 at the kink
        dX = dZ·Wᵀ,   dW = Xᵀ·dZ,   dU = Σ_t H_(t-1)ᵀ·dZ_t,   db = Σ dZ,   dh0 = dH_0

    Keeps the arguments and y: f' is a function of y. The state is float32 or wider from step to step. Raises ValueError
    for shapes that do not fit, for no steps, and for another activation. Sources: Elman (1990), "Finding structure in
    time"; Werbos (1990), "Backpropagation through time"; relu: Le, Jaitly and Hinton (2015), arXiv:1504.00941.

    >>> import jax.numpy as jnp
    >>> x = jnp.array([1.0, 2.0, 3.0]).reshape(1, 3, 1)
    >>> y, last = rnn(x, jnp.ones((1, 1)), jnp.ones((1, 1)), activation="relu")
    >>> y.ravel().tolist(), last.tolist()
    ([1.0, 3.0, 6.0], [[6.0]])
    """
    need_sequences("rnn", x, w, b, lengths)
    need_weights("rnn", w, u, 1, u.shape[-1])
    if activation not in kernel.ACTIVATIONS:
        raise ValueError(f"rnn: activation = {activation!r}, wanted 'tanh' or 'relu'.")
    start = state_of("rnn", "h0", h0, x, u.shape[0])
    valid = sequences.valid_steps(lengths, x.shape[1])
    z = sequences.input_products(sequences.steps(x, valid), w)
    h, last = kernel.forward(z, u, b, start, valid, activation)
    y = sequences.sequences(h, valid).astype(x.dtype)
    return (y, last.astype(x.dtype)), (x, w, u, Static(b is not None), h0, lengths, y)


@rnn.backward
def rnn_backward(saved, dy, *, activation):
    """dZ_t = (dY_t + dH_t) f'_t, dH_(t-1) = dZ_t·Uᵀ; dX = dZ·Wᵀ, dW = Xᵀ·dZ, dU = Σ_t H_(t-1)ᵀ·dZ_t, db = Σ dZ."""
    x, w, u, has_bias, h0, lengths, y = saved
    dy, dlast = dy
    start = state_of("rnn", "h0", h0, x, u.shape[0])
    valid = sequences.valid_steps(lengths, x.shape[1])
    h, dy = wide(sequences.steps(y, None)), wide(sequences.steps(dy, valid))
    dz, dh0 = kernel.backward(h, u, valid, dy, wide(dlast), activation)
    dx, dw, db = sequences.input_gradients(sequences.steps(x, valid), w, dz, valid)
    du = linear.backward_weight(sequences.before(h, start, valid), dz)
    return dx, dw, du, db if has_bias.value else None, None if h0 is None else dh0, None
