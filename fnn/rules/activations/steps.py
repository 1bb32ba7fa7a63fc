"""The neuron models of the textbooks: identity, step, ramp, gaussian.

Source: Haykin, "Neural Networks and Learning Machines" (2009), section 1.3; Rosenblatt (1958) for the step.
"""

import math

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fnn.rule import rule
from fnn.rules.elementwise import elementwise, where_not_nan


@rule
def identity(x: Float[Array, "..."]):
    """Y = X, dX = dY. Keeps nothing."""
    return x, ()


@identity.backward
def identity_backward(saved, dy):
    """DX = dY."""
    return dy


@rule
def step(x: Float[Array, "..."], *, low: float = 0.0, high: float = 1.0, threshold: float = 0.0):
    """Y = low where X < threshold, high where X >= threshold; dX = 0 everywhere. Keeps nothing.

    The perceptron's step is ``step(x, low=-1.0)``, the threshold neuron's 0/1 form the default. The derivative is
    zero wherever it exists, and is stated to be zero at the jump too: no gradient descends through a step; see
    `step_straight_through`. A NaN stays NaN. Source: Rosenblatt (1958).

    >>> import jax.numpy as jnp
    >>> step(jnp.array([-0.5, 0.0, 2.0]), low=-1.0).tolist()
    [-1.0, 1.0, 1.0]
    """
    return _step(x, low, high, threshold), ()


@step.backward
def step_backward(saved, dy):
    """DX = 0."""
    return jnp.zeros_like(dy)


@rule
def step_straight_through(x: Float[Array, "..."], *, low: float = 0.0, high: float = 1.0, threshold: float = 0.0):
    """Y = step(X), with dX = dY: the straight-through estimator. Keeps nothing.

    The backward is on purpose not the derivative of the forward; it acts as if the step were the identity. The plain
    forward says so too, so JAX differentiates it to the same: it adds X - X, of which the second is held constant.
    Source: Bengio, Léonard and Courville (2013), arXiv:1308.3432.
    """
    zero = jnp.where(jnp.isfinite(x), x - lax.stop_gradient(x), jnp.zeros_like(x))
    return lax.stop_gradient(_step(x, low, high, threshold)) + zero, ()


@step_straight_through.backward
def step_straight_through_backward(saved, dy):
    """DX = dY."""
    return dy


def _step(x: Array, low: float, high: float, threshold: float) -> Array:
    y = jnp.where(x >= threshold, jnp.asarray(high, x.dtype), jnp.asarray(low, x.dtype))
    return where_not_nan(x, y)


@elementwise
def ramp(x: Float[Array, "..."], *, a: float = 0.0, b: float = 1.0, c: float = 0.0, d: float = 1.0):
    """Y = a where X < c, b where X > d, a + (X - c) (b - a) / (d - c) between. Keeps X.

    dX = dY (b - a) / (d - c) for c < X < d and 0 elsewhere, the kinks at c and d included. At -inf and +inf the
    value is a and b. Raises ValueError unless c < d.
    """
    if not c < d:
        raise ValueError(f"ramp: c = {c} and d = {d}, wanted c < d: the ramp rises or falls between them.")
    return a + (b - a) * jnp.clip((x - c) / (d - c), 0.0, 1.0)


@ramp.from_input
def ramp_derivative(x, *, a, b, c, d):
    """(b - a) / (d - c) inside, 0 outside; from the input, because the output rounds to a and b near the kinks."""
    return jnp.where((x > c) & (x < d), (b - a) / (d - c), 0.0).astype(x.dtype)


@elementwise
def gaussian(x: Float[Array, "..."], *, mu: float = 0.0, sigma: float = 1.0):
    """Y = exp(-((X - μ) / σ)² / 2) / (√(2π) σ), the normal density. Keeps X.

    dX = -dY Y (X - μ) / σ². The output does not tell the side of μ, so the input is kept and Y computed again. At
    ±inf the value is 0. Raises ValueError unless σ > 0.
    """
    if not sigma > 0:
        raise ValueError(f"gaussian: sigma = {sigma}, wanted a positive width.")
    return jnp.exp(-0.5 * jnp.square((x - mu) / sigma)) / (math.sqrt(2 * math.pi) * sigma)


@gaussian.from_input
def gaussian_derivative(x, *, mu, sigma):
    """-Y (X - μ) / σ²."""
    z = (x - mu) / sigma
    return -z * jnp.exp(-0.5 * jnp.square(z)) / (math.sqrt(2 * math.pi) * sigma**2)
