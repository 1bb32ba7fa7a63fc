"""Functions that saturate: the sigmoids, tanh, softsign, and their piecewise linear stand-ins.

Every derivative but hard_tanh's is in terms of the output, which the next layer keeps anyway.
"""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fnn.rules.elementwise import elementwise


@elementwise
def sigmoid(x: Float[Array, "..."]):
    """Y = 1 / (1 + exp(-X)), dX = dY Y (1 - Y). Keeps Y. At -inf, +inf the value is 0, 1 and the gradient 0.

    >>> round(float(sigmoid(1.0)), 3)
    0.731
    """
    return lax.logistic(x)


@sigmoid.from_output
def sigmoid_derivative(y):
    """Y (1 - Y)."""
    return y * (1 - y)


@elementwise
def general_sigmoid(v: Float[Array, "..."], *, x: float = 1.0, y: float = 0.0, z: float = 0.0):
    """φ(v) = z + 1 / (1 + exp(-x v + y)), dv = dφ x (φ - z) (1 - φ + z). Keeps φ.

    The sigmoid with slope x, shift y and offset z of the lectures on neuron models. At ±inf the gradient is 0.
    """
    return z + lax.logistic(x * v - y)


@general_sigmoid.from_output
def general_sigmoid_derivative(phi, *, x, z):
    """X (φ - z) (1 - (φ - z))."""
    s = phi - z
    return x * s * (1 - s)


@elementwise
def tanh(x: Float[Array, "..."]):
    """Y = tanh X, dX = dY (1 - Y) (1 + Y). Keeps Y. At ±inf the value is ±1 and the gradient 0.

    The product does not cancel as 1 - Y² does when Y is near ±1.
    """
    return jnp.tanh(x)


@tanh.from_output
def tanh_derivative(y):
    """(1 - Y) (1 + Y)."""
    return (1 - y) * (1 + y)


@elementwise
def softsign(x: Float[Array, "..."]):
    """Y = X / (1 + |X|), dX = dY (1 - |Y|)². Keeps Y. At ±inf the value is ±1 and the gradient 0.

    Source: Turian, Bergstra and Bengio (2009).
    """
    return jnp.where(jnp.isinf(x), jnp.sign(x), x / (1 + jnp.abs(x)))


@softsign.from_output
def softsign_derivative(y):
    """(1 - |Y|)²."""
    return jnp.square(1 - jnp.abs(y))


@elementwise
def log_sigmoid(x: Float[Array, "..."]):
    """Y = log σ(X) = -log(1 + exp(-X)), dX = dY σ(-X) = -dY expm1(Y). Keeps Y.

    Exact for large |X|: no logarithm of a rounded probability. At -inf the value is -inf and the derivative 1.
    """
    return -jnp.logaddexp(-x, 0.0)


@log_sigmoid.from_output
def log_sigmoid_derivative(y):
    """1 - σ(X) = 1 - exp(Y)."""
    return -jnp.expm1(y)


@elementwise
def hard_sigmoid(x: Float[Array, "..."]):
    """Y = min(max(X/6 + 1/2, 0), 1), dX = dY / 6 where 0 < Y < 1, else 0, the kinks at ±3 included. Keeps Y.

    PyTorch's and ONNX's HardSwish slope 1/6 (Howard et al. 2019, arXiv:1905.02244), not Courbariaux's 1/5.
    """
    return jnp.clip(x / 6 + 0.5, 0.0, 1.0)


@hard_sigmoid.from_output
def hard_sigmoid_derivative(y):
    """1/6 inside."""
    return jnp.where((y > 0) & (y < 1), 1 / 6, 0.0).astype(y.dtype)


@elementwise
def hard_tanh(x: Float[Array, "..."], *, low: float = -1.0, high: float = 1.0):
    """Y = min(max(X, low), high), dX = dY where low < X < high, else 0, the kinks included. Keeps X.

    The output does not do: in half precision a saturated Y is high rounded, which may be below high. Raises
    ValueError unless low < high. Source: Collobert (2004).
    """
    if not low < high:
        raise ValueError(f"hard_tanh: low = {low} and high = {high}, wanted low < high.")
    return jnp.clip(x, low, high)


@hard_tanh.from_input
def hard_tanh_derivative(x, *, low, high):
    """1 inside."""
    return (x > low) & (x < high)
