"""Softmax and log-softmax along one axis, shifted by the maximum, so no finite input overflows.

    P = exp(X - max X) / Σ exp(X - max X)            dX = P (dP - Σ dP P)
    L = X - max X - log Σ exp(X - max X)             dX = dL - exp(L) Σ dL

Both gradients need the output alone. A row that holds +inf, or only -inf, or a NaN, is NaN: inf - inf has no value;
a -inf among finite entries is a probability of 0 and gets no gradient. Arithmetic is in float32 or wider.
Bridle (1990), "Probabilistic interpretation of feedforward classification network outputs".
"""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fnn.kernels.numerics import wide


def softmax(x: Float[Array, "..."], axis: int) -> Float[Array, "..."]:
    """Return P in x's dtype."""
    powers = jnp.exp(wide(x) - _maximum(x, axis))
    return (powers / powers.sum(axis, keepdims=True)).astype(x.dtype)


def softmax_backward(p: Float[Array, "..."], dp: Float[Array, "..."], axis: int) -> Float[Array, "..."]:
    """Return dX = P (dP - Σ dP P)."""
    p, wide_dp = wide(p), wide(dp)
    return (p * (wide_dp - (wide_dp * p).sum(axis, keepdims=True))).astype(dp.dtype)


def log_softmax(x: Float[Array, "..."], axis: int) -> Float[Array, "..."]:
    """Return L in x's dtype."""
    shifted = wide(x) - _maximum(x, axis)
    return (shifted - jnp.log(jnp.exp(shifted).sum(axis, keepdims=True))).astype(x.dtype)


def log_softmax_backward(log_p: Float[Array, "..."], dl: Float[Array, "..."], axis: int) -> Float[Array, "..."]:
    """Return dX = dL - exp(L) Σ dL."""
    wide_dl = wide(dl)
    return (wide_dl - jnp.exp(wide(log_p)) * wide_dl.sum(axis, keepdims=True)).astype(dl.dtype)


def normaliser(x: Float[Array, "..."], axis: int) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Return m = max X and s = log Σ exp(X - m) along the axis, in the accumulation dtype; log P = X - m - s.

    m is 0 where the maximum is infinite; so a row of -inf has s = -inf and not NaN.
    """
    maximum, powers = powers_of(x, axis)
    return maximum.squeeze(axis), jnp.log(powers.sum(axis))


def powers_of(
    x: Float[Array, "..."], axis: int, some: Float[Array, "..."] | None = None
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Return m, with the axis kept, and exp(X - m), as in `normaliser`.

    `some` are entries of x that are read elsewhere too. They are no larger than m, but XLA does not know that and reads
    them before it makes the powers, which may then take the place of x.
    """
    maximum = _maximum(x, axis)
    if some is not None:
        maximum = jnp.maximum(maximum, lax.stop_gradient(wide(some)))
    maximum = jnp.nan_to_num(maximum, nan=jnp.nan, posinf=0.0, neginf=0.0)
    return maximum, jnp.exp(wide(x) - maximum)


def _maximum(x: Array, axis: int) -> Array:
    # The shift cancels in value and in gradient, so autodiff of the plain forward need not follow it either.
    # The initial value is the maximum of no entries, along an axis of size 0.
    return lax.stop_gradient(wide(x).max(axis, keepdims=True, initial=-jnp.inf))
