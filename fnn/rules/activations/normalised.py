"""Activations that normalise along an axis: softmax, softmin, log-softmax. Kernels: `fnn.kernels.softmax`."""

from jaxtyping import Array, Float

from fnn.kernels import softmax as kernel
from fnn.rule import rule


@rule
def softmax(x: Float[Array, "..."], *, axis: int = -1):
    """P = exp(X) / Σ exp(X) along the axis, dX = P (dP - Σ dP P). Keeps P.

    Shifted by max X, so inputs of ±1e4 are exact. A row with +inf, with NaN, or all -inf is NaN; a -inf among finite
    entries has P = 0 and no gradient. Source: Bridle (1990).

    >>> import jax.numpy as jnp
    >>> softmax(jnp.array([1e4, 1e4, -1e4])).tolist()
    [0.5, 0.5, 0.0]
    """
    _check("softmax", x, axis)
    p = kernel.softmax(x, axis)
    return p, p


@softmax.backward
def softmax_backward(p, dp, *, axis):
    """DX = P (dP - Σ dP P)."""
    return kernel.softmax_backward(p, dp, axis)


@rule
def softmin(x: Float[Array, "..."], *, axis: int = -1):
    """P = softmax(-X), dX = -P (dP - Σ dP P). Keeps P."""
    _check("softmin", x, axis)
    p = kernel.softmax(-x, axis)
    return p, p


@softmin.backward
def softmin_backward(p, dp, *, axis):
    """DX = -P (dP - Σ dP P)."""
    return -kernel.softmax_backward(p, dp, axis)


@rule
def log_softmax(x: Float[Array, "..."], *, axis: int = -1):
    """L = X - log Σ exp(X) along the axis, dX = dL - exp(L) Σ dL. Keeps L.

    Shifted by max X. Values at infinity as for softmax.
    """
    _check("log_softmax", x, axis)
    log_p = kernel.log_softmax(x, axis)
    return log_p, log_p


@log_softmax.backward
def log_softmax_backward(log_p, dl, *, axis):
    """DX = dL - exp(L) Σ dL."""
    return kernel.log_softmax_backward(log_p, dl, axis)


def _check(name: str, x: Array, axis: int) -> None:
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"{name}: axis = {axis}, but x has shape {x.shape}; wanted an axis of x.")
