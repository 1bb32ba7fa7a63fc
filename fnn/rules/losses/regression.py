"""Losses between numbers: squared, absolute, Huber, and the negative log-likelihoods of Poisson and Gauss.

Each is per entry; a mean is over all entries. Prediction and target have one shape.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from fnn.kernels.numerics import wide, wide_dtype
from fnn.rules.losses.loss import loss, same_shape


@loss
def squared_error(prediction: Float[Array, "..."], target: Num[Array, "..."]):
    """ℓ = (p - t)², dp = 2 dℓ (p - t), dt = -dp. Keeps p - t.

    The mean is the mean squared error. Source: Gauss (1809).
    """
    difference = _difference("squared_error", prediction, target)
    return jnp.square(difference), difference


@squared_error.each_backward
def squared_error_backward(difference, dvalues):
    """dp = 2 dℓ (p - t), dt = -dp."""
    dp = 2 * dvalues * difference
    return dp, -dp


@loss
def half_squared_error(prediction: Float[Array, "..."], target: Num[Array, "..."]):
    """ℓ = (p - t)² / 2, dp = dℓ (p - t), dt = -dp. Keeps p - t.

    >>> import jax.numpy as jnp
    >>> outputs, targets = jnp.array([0.75136507, 0.77292847]), jnp.array([0.01, 0.99])
    >>> round(float(half_squared_error(outputs, targets, reduction="sum")), 6)
    0.298371
    """
    difference = _difference("half_squared_error", prediction, target)
    return 0.5 * jnp.square(difference), difference


@half_squared_error.each_backward
def half_squared_error_backward(difference, dvalues):
    """dp = dℓ (p - t), dt = -dp."""
    dp = dvalues * difference
    return dp, -dp


@loss
def absolute_error(prediction: Float[Array, "..."], target: Num[Array, "..."]):
    """ℓ = |p - t|, dp = dℓ sign(p - t), dt = -dp; 0 at the kink. Keeps the sign, one byte an entry."""
    difference = _difference("absolute_error", prediction, target)
    return jnp.abs(difference), jnp.sign(difference).astype(jnp.int8)


@absolute_error.each_backward
def absolute_error_backward(sign, dvalues):
    """dp = dℓ sign(p - t), dt = -dp."""
    dp = dvalues * sign.astype(dvalues.dtype)
    return dp, -dp


@loss
def huber(prediction: Float[Array, "..."], target: Num[Array, "..."], *, delta: float = 1.0):
    """ℓ = r²/2 where |r| <= δ, else δ (|r| - δ/2), with r = p - t. Keeps r.

    dp = dℓ min(max(r, -δ), δ), dt = -dp; smooth at δ. Raises ValueError unless δ > 0. Source: Huber (1964).
    """
    if not delta > 0:
        raise ValueError(f"huber: delta = {delta}, wanted a positive number.")
    r = _difference("huber", prediction, target)
    size = jnp.abs(r)
    return jnp.where(size <= delta, 0.5 * jnp.square(r), delta * (size - 0.5 * delta)), r


@huber.each_backward
def huber_backward(r, dvalues, *, delta):
    """dp = dℓ clip(r, -δ, δ), dt = -dp."""
    dp = dvalues * jnp.clip(r, -delta, delta)
    return dp, -dp


@loss
def poisson_nll(log_rate: Float[Array, "..."], target: Num[Array, "..."]):
    """ℓ = exp(x) - t x for counts t and a predicted x = log λ; log t! is left out. Keeps x and t.

    dx = dℓ (exp(x) - t), dt = -dℓ x. As PyTorch's PoissonNLLLoss with its defaults.
    """
    same_shape("poisson_nll", log_rate=log_rate, target=target)
    x, t = wide(log_rate), target.astype(wide_dtype(log_rate.dtype))
    return jnp.exp(x) - t * x, (log_rate, target)


@poisson_nll.each_backward
def poisson_nll_backward(saved, dvalues):
    """dx = dℓ (exp(x) - t), dt = -dℓ x."""
    log_rate, target = saved
    x, t = wide(log_rate), target.astype(dvalues.dtype)
    return dvalues * (jnp.exp(x) - t), -dvalues * x


@loss
def gaussian_nll(
    mean: Float[Array, "..."], target: Num[Array, "..."], variance: Float[Array, "..."], *, eps: float = 1e-6
):
    """ℓ = (log v + (μ - t)² / v) / 2 with v = max(variance, eps); the constant log(2π)/2 is left out.

    dμ = dℓ (μ - t) / v, dt = -dμ, dvariance = dℓ (1 - (μ - t)²/v) / (2 v), 0 where variance <= eps. Keeps μ - t
    and the variance. Source: Nix and Weigend (1994); the value is PyTorch's GaussianNLLLoss with its defaults.
    """
    same_shape("gaussian_nll", mean=mean, target=target, variance=variance)
    difference = _difference("gaussian_nll", mean, target)
    v = jnp.maximum(wide(variance), eps)
    return 0.5 * (jnp.log(v) + jnp.square(difference) / v), (difference, variance)


@gaussian_nll.each_backward
def gaussian_nll_backward(saved, dvalues, *, eps):
    """dμ = dℓ (μ - t) / v, dt = -dμ, dvariance = dℓ (1 - (μ - t)²/v) / (2 v)."""
    difference, variance = saved
    v = jnp.maximum(wide(variance), eps)
    dmean = dvalues * difference / v
    dvariance = 0.5 * dvalues * (1 - jnp.square(difference) / v) / v
    return dmean, -dmean, jnp.where(wide(variance) > eps, dvariance, 0.0)


def _difference(name: str, prediction: Array, target: Array) -> Array:
    same_shape(name, prediction=prediction, target=target)
    return wide(prediction) - target.astype(wide_dtype(prediction.dtype))
