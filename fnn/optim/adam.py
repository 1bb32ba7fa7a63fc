"""Adam and its family: the step is a mean of gradients over the root of a mean of their squares.

Everywhere m <- beta1 m + (1 - beta1) g and v <- beta2 v + (1 - beta2) g^2, both from zero, and at the t-th update
m^ = m / (1 - beta1^t), v^ = v / (1 - beta2^t). A beta may be a schedule; the correction of a step then takes the
step's own beta, as PyTorch does. Defaults are PyTorch's. Weight decay is decoupled in every one of them, where PyTorch
adds it to the gradient for all but AdamW: for that, see `fnn.optim.coupled_weight_decay`.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from fnn.optim.hyper import Hyper, at, bias_correction, require_fractions, require_rates
from fnn.optim.optimizer import Optimizer, leafwise


class Adam(NamedTuple):
    """State of `adam`, `adamw`, `nadam` (with mu_product) and `radam`: the moments m and v."""

    step: Any
    params: Any
    m: Any
    v: Any


def adam(
    learning_rate: Hyper = 1e-3,
    beta1: Hyper = 0.9,
    beta2: Hyper = 0.999,
    eps: float = 1e-8,
    *,
    weight_decay: Hyper = 0.0,
    maximize: bool = False,
) -> Optimizer:
    """Adam: w <- w - eta m^ / (sqrt(v^) + eps).

    Source: Kingma and Ba, Adam: a method for stochastic optimization, 2015, algorithm 1. TensorFlow adds its epsilon
    to the uncorrected sqrt(v), which is a larger epsilon in the first steps.
    """
    _require(beta1, beta2, eps)

    def coefficients(step):
        b1, b2 = at(beta1, step), at(beta2, step)
        eta, scale = _bias_corrected(at(learning_rate, step), b1, b2, step)
        return 1 - b1, 1 - b2, eta, scale

    def leaf(factors, g, w, m, v):
        m, v = _moments(factors, g, m, v)
        _, _, eta, scale = factors
        return w - eta * (m / (jnp.sqrt(v * scale) + eps)), m, v

    return leafwise(Adam, leaf, coefficients, learning_rate=learning_rate, weight_decay=weight_decay, maximize=maximize)


def adamw(
    learning_rate: Hyper = 1e-3,
    beta1: Hyper = 0.9,
    beta2: Hyper = 0.999,
    eps: float = 1e-8,
    *,
    weight_decay: Hyper = 1e-2,
    maximize: bool = False,
) -> Optimizer:
    """AdamW: Adam with the decoupled decay w <- w - eta lambda w beside its step.

    Source: Loshchilov and Hutter, Decoupled weight decay regularization, 2019, algorithm 2. The paper multiplies the
    decay by a schedule alone, frameworks by the whole rate eta, as here.
    """
    return adam(learning_rate, beta1, beta2, eps, weight_decay=weight_decay, maximize=maximize)


class AmsGrad(NamedTuple):
    """State of `amsgrad`: Adam's, and the largest v so far."""

    step: Any
    params: Any
    m: Any
    v: Any
    v_max: Any


def amsgrad(
    learning_rate: Hyper = 1e-3,
    beta1: Hyper = 0.9,
    beta2: Hyper = 0.999,
    eps: float = 1e-8,
    *,
    weight_decay: Hyper = 0.0,
    maximize: bool = False,
) -> Optimizer:
    """AMSGrad: Adam with the largest v so far in the place of v, so that the step never grows back.

    The paper has no bias correction; here, as in PyTorch, both moments are corrected, v after the maximum (Optax takes
    the maximum of the corrected v).

    Source: Reddi, Kale and Kumar, On the convergence of Adam and beyond, 2018, algorithm 2.
    """
    _require(beta1, beta2, eps)

    def coefficients(step):
        b1, b2 = at(beta1, step), at(beta2, step)
        eta, scale = _bias_corrected(at(learning_rate, step), b1, b2, step)
        return 1 - b1, 1 - b2, eta, scale

    def leaf(factors, g, w, m, v, v_max):
        m, v = _moments(factors, g, m, v)
        v_max = jnp.maximum(v_max, v)
        _, _, eta, scale = factors
        return w - eta * (m / (jnp.sqrt(v_max * scale) + eps)), m, v, v_max

    return leafwise(
        AmsGrad, leaf, coefficients, learning_rate=learning_rate, weight_decay=weight_decay, maximize=maximize
    )


class AdaMax(NamedTuple):
    """State of `adamax`: m, and u, the decaying maximum of |g|."""

    step: Any
    params: Any
    m: Any
    u: Any


def adamax(
    learning_rate: Hyper = 2e-3,
    beta1: Hyper = 0.9,
    beta2: Hyper = 0.999,
    eps: float = 1e-8,
    *,
    weight_decay: Hyper = 0.0,
    maximize: bool = False,
) -> Optimizer:
    """AdaMax: u <- max(beta2 u, |g| + eps), then w <- w - eta m^ / u.

    The eps is PyTorch's, against 0 / 0; the paper has none.

    Source: Kingma and Ba, 2015, algorithm 2.
    """
    _require(beta1, beta2, eps)

    def coefficients(step):
        b1, b2 = at(beta1, step), at(beta2, step)
        return 1 - b1, b2, at(learning_rate, step) / bias_correction(b1, _count(step))

    def leaf(factors, g, w, m, u):
        share1, b2, eta = factors
        m = m + share1 * (g - m)
        u = jnp.maximum(b2 * u, jnp.abs(g) + eps)
        return w - eta * m / u, m, u

    return leafwise(
        AdaMax, leaf, coefficients, learning_rate=learning_rate, weight_decay=weight_decay, maximize=maximize
    )


class NAdam(NamedTuple):
    """State of `nadam`: Adam's, and the product of the momenta mu so far."""

    step: Any
    mu_product: Any
    params: Any
    m: Any
    v: Any


def nadam(
    learning_rate: Hyper = 2e-3,
    beta1: Hyper = 0.9,
    beta2: Hyper = 0.999,
    eps: float = 1e-8,
    momentum_decay: float = 4e-3,
    *,
    weight_decay: Hyper = 0.0,
    maximize: bool = False,
) -> Optimizer:
    """NAdam: Adam whose first moment looks one step ahead, as Nesterov's gradient does.

    With mu_t = beta1 (1 - 0.96^(t psi) / 2) and M_t = mu_1 ... mu_t,
    w <- w - eta (mu_{t+1} m / (1 - M_{t+1}) + (1 - mu_t) g / (1 - M_t)) / (sqrt(v^) + eps),
    psi being ``momentum_decay``.

    Source: Dozat, Incorporating Nesterov momentum into Adam, 2016, in PyTorch's convention. Keras is the same with
    eps = 1e-7; Optax has the form with constant mu.
    """
    _require(beta1, beta2, eps)
    require_rates(momentum_decay=momentum_decay)

    def mu(step):
        return at(beta1, step) * (1 - 0.5 * 0.96 ** (_count(step) * momentum_decay))

    def coefficients(step, mu_product):
        b1, b2, eta = at(beta1, step), at(beta2, step), at(learning_rate, step)
        scale = 1 / bias_correction(b2, _count(step))
        ahead = mu(step + 1)
        return 1 - b1, 1 - b2, eta * ahead / (1 - mu_product * ahead), eta * (1 - mu(step)) / (1 - mu_product), scale

    def leaf(factors, g, w, m, v):
        m, v = _moments(factors, g, m, v)
        _, _, eta_m, eta_g, scale = factors
        return w - (eta_m * m + eta_g * g) / (jnp.sqrt(v * scale) + eps), m, v

    return leafwise(
        NAdam,
        leaf,
        coefficients,
        scalars=((1.0, lambda step, mu_product: mu_product * mu(step)),),
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        maximize=maximize,
    )


def radam(
    learning_rate: Hyper = 1e-3,
    beta1: Hyper = 0.9,
    beta2: Hyper = 0.999,
    eps: float = 1e-8,
    *,
    weight_decay: Hyper = 0.0,
    maximize: bool = False,
) -> Optimizer:
    """RAdam: Adam whose adaptive rate is switched on, and rectified, as the variance of 1 / sqrt(v^) becomes finite.

    With rho_inf = 2 / (1 - beta2) - 1 and rho = rho_inf - 2 t beta2^t / (1 - beta2^t):
    w <- w - eta m^ r / (sqrt(v^) + eps)   where rho > 5, and   w <- w - eta m^   until then,
    r^2 = (rho - 4) (rho - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho).

    The paper switches at rho > 4, frameworks at 5, as here. As in PyTorch, eps stands beside the uncorrected sqrt(v).

    Source: Liu et al., On the variance of the adaptive learning rate and beyond, 2020, algorithm 2.
    """
    _require(beta1, beta2, eps)

    def coefficients(step):
        b1, b2, t = at(beta1, step), at(beta2, step), _count(step)
        eta, correction = at(learning_rate, step) / bias_correction(b1, t), bias_correction(b2, t)
        limit = 2 / (1 - b2) - 1
        rho = limit - 2 * t * (1 - correction) / correction
        adaptive = rho > 5
        sure = jnp.where(adaptive, rho, 6.0)  # keeps the root real where it is not used
        r = jnp.sqrt((sure - 4) * (sure - 2) * limit / ((limit - 4) * (limit - 2) * sure))
        rectified = jnp.where(adaptive, eta * r * jnp.sqrt(correction), 0.0)
        return 1 - b1, 1 - b2, rectified, jnp.where(adaptive, 0.0, eta)

    def leaf(factors, g, w, m, v):
        m, v = _moments(factors, g, m, v)
        _, _, rectified, plain = factors  # one of the two is zero
        return w - m * (rectified / (jnp.sqrt(v) + eps) + plain), m, v

    return leafwise(Adam, leaf, coefficients, learning_rate=learning_rate, weight_decay=weight_decay, maximize=maximize)


def _require(beta1: Hyper, beta2: Hyper, eps: float) -> None:
    require_fractions(beta1=beta1, beta2=beta2)
    require_rates(eps=eps)


def _count(step: Any) -> Any:
    """Return t, the number of the update that is being made, as the default float."""
    return jnp.asarray(step + 1, float)


def _bias_corrected(eta: Any, beta1: Any, beta2: Any, step: Any) -> tuple[Any, Any]:
    """Return eta / (1 - beta1^t), which is eta m^ / m, and 1 / (1 - beta2^t), which is v^ / v.

    A leaf multiplies by eta last: XLA then compiles one update for all leaves of a shape. Of (eta m) / (...) it
    compiles two, with their operands in another order.
    """
    t = _count(step)
    return eta / bias_correction(beta1, t), 1 / bias_correction(beta2, t)


def _moments(factors: Any, g: Any, m: Any, v: Any) -> tuple[Any, Any]:
    share1, share2, *_ = factors  # 1 - beta1, 1 - beta2
    return m + share1 * (g - m), v + share2 * (g * g - v)
