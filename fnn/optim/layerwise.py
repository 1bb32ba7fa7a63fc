"""Layerwise rates for large batches: each array's step is scaled to the norm of the array itself.

Both scale by 1 where a norm is zero, so that an array that starts at zero can leave it. Both put the weight decay into
the step that they scale, as their papers do. Biases and scales of normalisation are often given another optimizer: see
`fnn.optim.by_leaf`.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from fnn.optim.hyper import Hyper, at, bias_correction, require_fractions, require_rates
from fnn.optim.optimizer import Optimizer, leafwise


class Lars(NamedTuple):
    """State of `lars`: v is the velocity."""

    step: Any
    params: Any
    v: Any


def lars(
    learning_rate: Hyper = 1.0,
    momentum: Hyper = 0.9,
    trust: float = 1e-3,
    *,
    weight_decay: Hyper = 5e-4,
    maximize: bool = False,
) -> Optimizer:
    """LARS: v <- mu v + eta r (g + lambda w) with r = trust |w| / (|g| + lambda |w|), then w <- w - v.

    Source: You, Gitman and Ginsburg, Large batch training of convolutional networks, 2017, algorithm 1.
    """
    require_fractions(momentum=momentum)
    require_rates(trust=trust, weight_decay=weight_decay)

    def coefficients(step):
        return at(momentum, step), at(weight_decay, step), at(learning_rate, step)

    def leaf(factors, g, w, v):
        mu, decay, eta = factors
        norm_w, norm_g = _norm(w), _norm(g)
        v = mu * v + eta * _ratio(trust * norm_w, norm_g + decay * norm_w) * (g + decay * w)
        return w - v, v

    return leafwise(Lars, leaf, coefficients, learning_rate=learning_rate, maximize=maximize)


class Lamb(NamedTuple):
    """State of `lamb`: the moments m and v of Adam."""

    step: Any
    params: Any
    m: Any
    v: Any


def lamb(
    learning_rate: Hyper = 1e-3,
    beta1: Hyper = 0.9,
    beta2: Hyper = 0.999,
    eps: float = 1e-6,
    *,
    weight_decay: Hyper = 1e-2,
    maximize: bool = False,
) -> Optimizer:
    """LAMB: with Adam's direction and decay u = m^ / (sqrt(v^) + eps) + lambda w, w <- w - eta |w| / |u| u.

    The paper's phi, a bound on |w|, is the identity here.

    Source: You et al., Large batch optimization for deep learning: training BERT in 76 minutes, 2020, algorithm 2.
    """
    require_fractions(beta1=beta1, beta2=beta2)
    require_rates(eps=eps, weight_decay=weight_decay)

    def coefficients(step):
        b1, b2, t = at(beta1, step), at(beta2, step), jnp.asarray(step + 1, float)
        scale, root = 1 / bias_correction(b1, t), 1 / jnp.sqrt(bias_correction(b2, t))
        return 1 - b1, 1 - b2, scale, root, at(weight_decay, step), at(learning_rate, step)

    def leaf(factors, g, w, m, v):
        share1, share2, scale, root, decay, eta = factors
        m, v = m + share1 * (g - m), v + share2 * (g * g - v)
        u = scale * m / (jnp.sqrt(v) * root + eps) + decay * w
        return w - eta * _ratio(_norm(w), _norm(u)) * u, m, v

    return leafwise(Lamb, leaf, coefficients, learning_rate=learning_rate, maximize=maximize)


def _norm(x: Any) -> Any:
    return jnp.sqrt(jnp.sum(x * x))


def _ratio(above: Any, below: Any) -> Any:
    usable = (above > 0) & (below > 0)
    return jnp.where(usable, above / jnp.where(usable, below, 1), 1)
