"""Adaptive rates before Adam: each weight's step is divided by a size of its own past gradients."""

from typing import Any, NamedTuple

import jax.numpy as jnp

from fnn.optim.hyper import Hyper, at, is_zero, require_fractions, require_rates
from fnn.optim.optimizer import Optimizer, leafwise


class AdaGrad(NamedTuple):
    """State of `adagrad`: G is the sum of the squared gradients."""

    step: Any
    params: Any
    G: Any


def adagrad(
    learning_rate: Hyper = 1e-2,
    eps: float = 1e-10,
    initial_accumulator: float = 0.0,
    *,
    weight_decay: Hyper = 0.0,
    maximize: bool = False,
) -> Optimizer:
    """AdaGrad: G <- G + g^2, then w <- w - eta g / (sqrt(G) + eps).

    Defaults are PyTorch's; TensorFlow starts G at 0.1 (``initial_accumulator``).

    Source: Duchi, Hazan and Singer, Adaptive subgradient methods for online learning and stochastic optimization,
    2011.
    """
    require_rates(eps=eps, initial_accumulator=initial_accumulator)

    def coefficients(step):
        return at(learning_rate, step)

    def leaf(eta, g, w, G):
        G = G + g * g
        return w - eta * g / (jnp.sqrt(G) + eps), G

    return leafwise(
        AdaGrad,
        leaf,
        coefficients,
        start=lambda w: (jnp.full_like(w, initial_accumulator),),
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        maximize=maximize,
    )


class AdaDelta(NamedTuple):
    """State of `adadelta`: the running means E_g2 of g^2 and E_dx2 of the squared steps."""

    step: Any
    params: Any
    E_g2: Any
    E_dx2: Any


def adadelta(
    learning_rate: Hyper = 1.0,
    rho: Hyper = 0.9,
    eps: float = 1e-6,
    *,
    weight_decay: Hyper = 0.0,
    maximize: bool = False,
) -> Optimizer:
    """AdaDelta: the step has the units of the weight, dx = sqrt(E[dx^2] + eps) / sqrt(E[g^2] + eps) g.

    E[g^2] <- rho E[g^2] + (1 - rho) g^2 before the step, E[dx^2] likewise after it, and w <- w - eta dx. The paper has
    no rate (eta = 1, PyTorch's default); Keras has 0.001.

    Source: Zeiler, ADADELTA: an adaptive learning rate method, 2012, algorithm 1.
    """
    require_fractions(rho=rho)
    require_rates(eps=eps)

    def coefficients(step):
        return 1 - at(rho, step), at(learning_rate, step)

    def leaf(factors, g, w, E_g2, E_dx2):
        share, eta = factors
        E_g2 = E_g2 + share * (g * g - E_g2)
        dx = jnp.sqrt(E_dx2 + eps) / jnp.sqrt(E_g2 + eps) * g
        return w - eta * dx, E_g2, E_dx2 + share * (dx * dx - E_dx2)

    return leafwise(
        AdaDelta, leaf, coefficients, learning_rate=learning_rate, weight_decay=weight_decay, maximize=maximize
    )


class RmsProp(NamedTuple):
    """State of `rmsprop`: v is the mean of g^2, or its variance about the mean m; V is the velocity. None if unused."""

    step: Any
    params: Any
    v: Any
    m: Any
    V: Any


def rmsprop(
    learning_rate: Hyper = 1e-2,
    alpha: Hyper = 0.99,
    eps: float = 1e-8,
    momentum: Hyper = 0.0,
    *,
    centered: bool = False,
    weight_decay: Hyper = 0.0,
    maximize: bool = False,
) -> Optimizer:
    """RMSProp: v <- alpha v + (1 - alpha) g^2, then w <- w - eta g / (sqrt(v) + eps).

    ``centered`` divides by the root of the variance instead (Graves): with m <- alpha m + (1 - alpha) g,
    v <- alpha (v + (1 - alpha) (g - m_before)^2), which equals the mean of g^2 less m^2 and never falls below zero by
    rounding. A ``momentum`` mu above zero makes V <- mu V + g / (sqrt(v) + eps), then w <- w - eta V.

    Defaults are PyTorch's, and so is eps outside the root; TensorFlow puts it inside and has the rate inside V.

    Source: Tieleman and Hinton, Lecture 6.5, rmsprop, 2012; Graves, Generating sequences with recurrent neural
    networks, 2013, equations 38 to 41.
    """
    require_fractions(alpha=alpha, momentum=momentum)
    require_rates(eps=eps)
    has_momentum = not is_zero(momentum)

    def start(w):
        zeros = jnp.zeros_like(w)
        return zeros, zeros if centered else None, zeros if has_momentum else None

    def coefficients(step):
        return 1 - at(alpha, step), at(momentum, step), at(learning_rate, step)

    def leaf(factors, g, w, v, m, V):
        share, mu, eta = factors
        if centered:
            apart = g - m
            v = (1 - share) * (v + share * apart * apart)
            m = m + share * apart
        else:
            v = v + share * (g * g - v)
        direction = g / (jnp.sqrt(v) + eps)
        if has_momentum:
            direction = V = mu * V + direction
        return w - eta * direction, v, m, V

    return leafwise(
        RmsProp,
        leaf,
        coefficients,
        start=start,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        maximize=maximize,
    )
