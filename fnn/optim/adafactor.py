"""Adafactor: Adam's second moment of a matrix from its row and column means alone, so memory grows as m + n."""

from typing import Any, NamedTuple

import jax.numpy as jnp

from fnn.optim.hyper import Hyper, at, require_rates
from fnn.optim.optimizer import Optimizer, leafwise


class Adafactor(NamedTuple):
    """State of `adafactor`: the means R over rows and C over columns of g^2 for a matrix, else the whole mean V."""

    step: Any
    params: Any
    R: Any
    C: Any
    V: Any


def adafactor(
    learning_rate: Hyper = 1e-2,
    decay_power: float = 0.8,
    smallest_scale: float = 1e-3,
    clip: float = 1.0,
    *,
    weight_decay: Hyper = 0.0,
    maximize: bool = False,
) -> Optimizer:
    """Adafactor without first moment: U = g / sqrt(V^), w <- w - alpha U / max(1, rms(U) / clip).

    With s = t^(-decay_power), a matrix keeps R <- (1 - s) R + s mean(g^2 over columns), shape (..., m, 1), and
    C <- (1 - s) C + s mean(g^2 over rows), shape (..., 1, n), and V^ = R C / mean(R); arrays of more axes are stacks
    of matrices in their last two. An array of one axis or none keeps V^ itself. The rate is relative to the weight:
    alpha = max(smallest_scale, rms(w)) min(eta, 1 / sqrt(t)).

    The rate, and eps = the machine's at the bounds of V^ and of mean(R), follow PyTorch; the paper adds 1e-30 to g^2.

    Source: Shazeer and Stern, Adafactor: adaptive learning rates with sublinear memory cost, 2018, algorithms 4 to 6.
    """
    require_rates(decay_power=decay_power, smallest_scale=smallest_scale)
    if not clip > 0:
        raise ValueError(f"clip is {clip}; wanted a positive number.")

    def start(w):
        if w.ndim < 2:
            return None, None, jnp.zeros_like(w)
        return jnp.zeros_like(w[..., :1]), jnp.zeros_like(w[..., :1, :]), None

    def coefficients(step):
        t = jnp.asarray(step + 1, float)
        return t**-decay_power, jnp.minimum(at(learning_rate, step), 1 / jnp.sqrt(t))

    def leaf(factors, g, w, R, C, V):
        share, eta = factors
        eps, squares = jnp.finfo(w.dtype).eps, g * g
        if w.ndim < 2:
            estimate = V = V + share * (squares - V)
        else:
            R = R + share * (jnp.mean(squares, -1, keepdims=True) - R)
            C = C + share * (jnp.mean(squares, -2, keepdims=True) - C)
            estimate = R * C / jnp.maximum(jnp.mean(R, -2, keepdims=True), eps)
        U = g / jnp.sqrt(jnp.maximum(estimate, eps * eps))
        alpha = eta * jnp.maximum(smallest_scale, _rms(w))
        return w - alpha / jnp.maximum(1, _rms(U) / clip) * U, R, C, V

    return leafwise(
        Adafactor,
        leaf,
        coefficients,
        start=start,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        maximize=maximize,
    )


def _rms(x: Any) -> Any:
    return jnp.sqrt(jnp.mean(x * x))
