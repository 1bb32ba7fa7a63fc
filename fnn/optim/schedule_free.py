"""Schedule-free learning: no schedule needs to know when the training ends, because the iterates are averaged."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fnn.optim.hyper import Hyper, at, bias_correction, require_fractions, require_rates
from fnn.optim.optimizer import Optimizer, leafwise, widened


class ScheduleFreeAdamW(NamedTuple):
    """State of `schedule_free_adamw`: params is the paper's y, z the base iterate, v the second moment.

    The average x is not kept: it is what y = (1 - beta1) z + beta1 x says it is.
    """

    step: Any
    rate_sum: Any
    params: Any
    z: Any
    v: Any


def schedule_free_adamw(
    learning_rate: Hyper = 2.5e-3,
    beta1: float = 0.9,
    beta2: Hyper = 0.999,
    eps: float = 1e-8,
    *,
    weight_decay: Hyper = 0.0,
    maximize: bool = False,
) -> Optimizer:
    """Schedule-free AdamW: gradients at y, between the fast iterate z and its average x, which is the solution.

    y = (1 - beta1) z + beta1 x,   d = g / (sqrt(v^) + eps) + lambda y,   z <- z - gamma d,
    x <- (1 - c) x + c z   with   c = gamma_t^2 / (gamma_1^2 + ... + gamma_t^2).

    `fnn.optim.solution` gives x, the point to evaluate and to keep. Give a constant rate, or `warmup` of one. Networks
    with batch normalisation need their statistics taken again at x.

    The paper multiplies gamma by sqrt(1 - beta2^t) in the place of v^; here v^ is corrected, as in its authors' code.

    Source: Defazio et al., The road less scheduled, 2024, algorithm 1.
    """
    require_fractions(beta1=beta1, beta2=beta2)
    require_rates(eps=eps, weight_decay=weight_decay)
    if not beta1 > 0:
        raise ValueError(f"beta1 is {beta1}; wanted a number in (0, 1), or y tells nothing of the average x.")

    def start(w):
        return w, jnp.zeros_like(w)

    def coefficients(step, rate_sum):
        b2, gamma = at(beta2, step), at(learning_rate, step)
        root = 1 / jnp.sqrt(bias_correction(b2, jnp.asarray(step + 1, float)))
        c = gamma * gamma / jnp.where(rate_sum > 0, rate_sum, 1)  # a rate that is still zero adds nothing to x
        return 1 - b2, root, c, gamma, gamma * (1 - beta1 * (1 - c)), at(weight_decay, step)

    def leaf(factors, g, y, z, v):
        share2, root, c, gamma, reach, decay = factors
        v = v + share2 * (g * g - v)
        d = g / (jnp.sqrt(v) * root + eps) + decay * y
        return y + c * (z - y) - reach * d, z - gamma * d, v

    optimizer = leafwise(
        ScheduleFreeAdamW,
        leaf,
        coefficients,
        start=start,
        scalars=((0.0, lambda step, rate_sum: rate_sum + at(learning_rate, step) ** 2),),
        learning_rate=learning_rate,
        maximize=maximize,
    )

    def solution(state):
        def x(y, z):
            return (z + (y.astype(widened(y.dtype)) - z) / beta1).astype(y.dtype)

        return jax.tree.map(x, state.params, state.z)

    return optimizer._replace(solution=solution)
