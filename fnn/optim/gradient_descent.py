"""Gradient descent and its momenta: the step is the gradient, or a running sum or average of gradients."""

from typing import Any, NamedTuple

from fnn.optim.hyper import Hyper, at, require_fractions
from fnn.optim.optimizer import Optimizer, leafwise


class Sgd(NamedTuple):
    """State of `sgd`."""

    step: Any
    params: Any


def sgd(learning_rate: Hyper = 1e-3, *, weight_decay: Hyper = 0.0, maximize: bool = False) -> Optimizer:
    """Stochastic gradient descent: w <- w - eta g.

    >>> optimizer = sgd(0.5)
    >>> state, w5 = optimizer.update(optimizer.init(0.4), 0.082167041)      # the lectures' w5
    >>> round(float(w5), 6)
    0.358916

    Source: Robbins and Monro, A stochastic approximation method, 1951.
    """

    def coefficients(step):
        return at(learning_rate, step)

    def leaf(eta, g, w):
        return (w - eta * g,)

    return leafwise(Sgd, leaf, coefficients, learning_rate=learning_rate, weight_decay=weight_decay, maximize=maximize)


class Momentum(NamedTuple):
    """State of `momentum` and `nesterov`: V is the velocity, the step made last."""

    step: Any
    params: Any
    V: Any


def momentum(
    learning_rate: Hyper = 1e-3, mu: Hyper = 0.9, *, weight_decay: Hyper = 0.0, maximize: bool = False
) -> Optimizer:
    """Gradient descent with classical momentum: V <- mu V - eta g, then w <- w + V.

    The rate is inside the velocity, as in Sutskever et al. PyTorch keeps it outside (V <- mu V + g, w <- w - eta V):
    the same while the rate is constant; when a schedule lowers the rate, there the past steps shrink with it.

    Source: Polyak, Some methods of speeding up the convergence of iteration methods, 1964; Sutskever, Martens, Dahl
    and Hinton, On the importance of initialization and momentum in deep learning, 2013, equations 1 and 2.
    """
    require_fractions(mu=mu)

    def coefficients(step):
        return at(mu, step), at(learning_rate, step)

    def leaf(factors, g, w, V):
        mu, eta = factors
        V = mu * V - eta * g
        return w + V, V

    return leafwise(
        Momentum, leaf, coefficients, learning_rate=learning_rate, weight_decay=weight_decay, maximize=maximize
    )


class AveragedMomentum(NamedTuple):
    """State of `averaged_momentum`: v is the running average of the gradients."""

    step: Any
    params: Any
    v: Any


def averaged_momentum(
    learning_rate: Hyper = 1e-3, beta: Hyper = 0.9, *, weight_decay: Hyper = 0.0, maximize: bool = False
) -> Optimizer:
    """Gradient descent along the averaged gradient: v <- beta v + (1 - beta) g, then w <- w - alpha v.

    For a constant rate this is `momentum` with the rate (1 - beta) alpha. PyTorch's SGD(momentum=beta, dampening=beta)
    is the same but for its first gradient, which it does not multiply by 1 - beta.

    Source: the form of many lectures and of Adam's first moment, without bias correction.
    """
    require_fractions(beta=beta)

    def coefficients(step):
        return 1 - at(beta, step), at(learning_rate, step)

    def leaf(factors, g, w, v):
        share, alpha = factors
        v = v + share * (g - v)
        return w - alpha * v, v

    return leafwise(
        AveragedMomentum, leaf, coefficients, learning_rate=learning_rate, weight_decay=weight_decay, maximize=maximize
    )


def nesterov(
    learning_rate: Hyper = 1e-3, mu: Hyper = 0.9, *, weight_decay: Hyper = 0.0, maximize: bool = False
) -> Optimizer:
    """Nesterov's accelerated gradient: the gradient is taken at the point to which the velocity is about to lead.

    With W the iterate, V <- mu V - eta dE/dW at W + mu V, then W <- W + V. The state keeps the point w = W + mu V at
    which the gradient is taken, as other frameworks do, for which the same update reads
    V <- mu V - eta g, then w <- w + mu' V - eta g, with mu' the momentum of the next step.

    Source: Nesterov, A method of solving a convex programming problem with convergence rate O(1/k^2), 1983;
    Sutskever et al., 2013, equations 3 and 4; Bengio et al., Advances in optimizing recurrent networks, 2012.
    """
    require_fractions(mu=mu)

    def coefficients(step):
        return at(mu, step), at(mu, step + 1), at(learning_rate, step)

    def leaf(factors, g, w, V):
        mu, next_mu, eta = factors
        V = mu * V - eta * g
        return w + (next_mu * V - eta * g), V

    return leafwise(
        Momentum, leaf, coefficients, learning_rate=learning_rate, weight_decay=weight_decay, maximize=maximize
    )
