"""Lion: the step is the sign of an interpolation between the momentum and the gradient."""

from typing import Any, NamedTuple

import jax.numpy as jnp

from fnn.optim.hyper import Hyper, at, require_fractions
from fnn.optim.optimizer import Optimizer, leafwise


class Lion(NamedTuple):
    """State of `lion`: m is the running mean of the gradients."""

    step: Any
    params: Any
    m: Any


def lion(
    learning_rate: Hyper = 1e-4,
    beta1: Hyper = 0.9,
    beta2: Hyper = 0.99,
    *,
    weight_decay: Hyper = 0.0,
    maximize: bool = False,
) -> Optimizer:
    """Lion: w <- w - eta (sign(beta1 m + (1 - beta1) g) + lambda w), then m <- beta2 m + (1 - beta2) g.

    Every weight moves by eta, so the rate wants to be 3 to 10 times lower than AdamW's, and the decay lambda as much
    higher. The sign of zero is zero.

    Source: Chen et al., Symbolic discovery of optimization algorithms, 2023, algorithm 2.
    """
    require_fractions(beta1=beta1, beta2=beta2)

    def coefficients(step):
        return 1 - at(beta1, step), 1 - at(beta2, step), at(learning_rate, step)

    def leaf(factors, g, w, m):
        share1, share2, eta = factors
        return w - eta * jnp.sign(m + share1 * (g - m)), m + share2 * (g - m)

    return leafwise(Lion, leaf, coefficients, learning_rate=learning_rate, weight_decay=weight_decay, maximize=maximize)
