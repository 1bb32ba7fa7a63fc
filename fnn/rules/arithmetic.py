"""One-argument gates: exp, log, square, sqrt."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from fnn.rules.elementwise import elementwise


@elementwise
def exp(x: Float[Array, "..."]):
    """Y = exp(X), dX = dY Y. Keeps Y. exp(-inf) = 0 with gradient 0."""
    return jnp.exp(x)


@exp.from_output
def exp_derivative(y):
    """Y."""
    return y


@elementwise
def log(x: Float[Array, "..."]):
    """Y = log X, dX = dY / X. Keeps X. At 0 the value is -inf and the derivative inf; below 0 the value is NaN."""
    return jnp.log(x)


@log.from_input
def log_derivative(x):
    """1 / X."""
    return 1 / x


@elementwise
def square(x: Float[Array, "..."]):
    """Y = X², dX = 2 dY X. Keeps X."""
    return jnp.square(x)


@square.from_input
def square_derivative(x):
    """2 X."""
    return 2 * x


@elementwise
def sqrt(x: Float[Array, "..."]):
    """Y = √X, dX = dY / (2 Y). Keeps Y. At 0 the derivative is inf; below 0 the value is NaN."""
    return jnp.sqrt(x)


@sqrt.from_output
def sqrt_derivative(y):
    """1 / (2 Y)."""
    return 0.5 / y
