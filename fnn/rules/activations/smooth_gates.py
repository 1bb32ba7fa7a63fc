"""X times a smooth gate of X: GELU, SiLU and swish, mish, hard swish; and tanh shrink, X less its tanh.

None of them is monotonic (tanh shrink apart, whose output has no closed inverse), so the input is kept, once, and
the gate computed again: autodiff keeps the input and two or three intermediate arrays. At -inf the products are
-inf times 0, which is NaN, as in every framework; at +inf the value is +inf and the derivative NaN (hard swish: 1).
"""

import math

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fnn.rules.elementwise import elementwise

_SQRT_2_OVER_PI = math.sqrt(2 / math.pi)


@elementwise
def gelu(x: Float[Array, "..."]):
    """Y = X Φ(X) with the normal distribution Φ, dX = dY (Φ(X) + X φ(X)). Keeps X.

    Φ is by erfc, which does not cancel on the left tail. Source: Hendrycks and Gimpel (2016), arXiv:1606.08415.
    """
    return x * _normal_cdf(x)


@gelu.from_input
def gelu_derivative(x):
    """Φ(X) + X φ(X)."""
    return _normal_cdf(x) + x * jnp.exp(-0.5 * jnp.square(x)) * (1 / math.sqrt(2 * math.pi))


def _normal_cdf(x: Array) -> Array:
    return 0.5 * lax.erfc(-x * math.sqrt(0.5))


@elementwise
def gelu_tanh(x: Float[Array, "..."]):
    """Y = X (1 + t) / 2 with t = tanh(√(2/π) (X + 0.044715 X³)). Keeps X.

    dX = dY ((1 + t) / 2 + X (1 - t²) √(2/π) (1 + 3 · 0.044715 X²) / 2). The approximation that GPT-2 was trained
    with; within 5e-4 of gelu. Source: Hendrycks and Gimpel (2016).
    """
    return 0.5 * x * (1 + _gelu_tanh(x))


@gelu_tanh.from_input
def gelu_tanh_derivative(x):
    """(1 + t) / 2 + X t' / 2."""
    t = _gelu_tanh(x)
    slope = _SQRT_2_OVER_PI * (1 + 3 * 0.044715 * jnp.square(x))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t) * (1 + t) * slope


def _gelu_tanh(x: Array) -> Array:
    return jnp.tanh(_SQRT_2_OVER_PI * (x + 0.044715 * x * jnp.square(x)))


@elementwise
def silu(x: Float[Array, "..."]):
    """Y = X σ(X), dX = dY s (1 + X (1 - s)) with s = σ(X). Keeps X. Source: Elfwing et al. (2017), arXiv:1702.03118."""
    return x * lax.logistic(x)


@silu.from_input
def silu_derivative(x):
    """S (1 + X (1 - s))."""
    return _swish_derivative(x, 1.0)


@elementwise
def swish(x: Float[Array, "..."], *, beta: float = 1.0):
    """Y = X σ(β X), dX = dY s (1 + β X (1 - s)) with s = σ(β X). Keeps X.

    β = 1 is silu, β = 0 is X/2, a large β nears relu. Source: Ramachandran et al. (2017), arXiv:1710.05941.
    """
    return x * lax.logistic(beta * x)


@swish.from_input
def swish_derivative(x, *, beta):
    """S (1 + β X (1 - s))."""
    return _swish_derivative(x, beta)


def _swish_derivative(x: Array, beta: float) -> Array:
    # 1 - s cancels only where X (1 - s) is nothing beside 1; a second exponential for it would be wasted.
    s = lax.logistic(beta * x)
    return s * (1 + beta * x * (1 - s))


@elementwise
def mish(x: Float[Array, "..."]):
    """Y = X t with t = tanh(softplus(X)), dX = dY (t + X σ(X) (1 - t²)). Keeps X.

    Source: Misra (2019), arXiv:1908.08681.
    """
    return x * jnp.tanh(jnp.logaddexp(x, 0.0))


@mish.from_input
def mish_derivative(x):
    """T + X σ(X) (1 - t) (1 + t)."""
    t = jnp.tanh(jnp.logaddexp(x, 0.0))
    return t + x * lax.logistic(x) * (1 - t) * (1 + t)


@elementwise
def hard_swish(x: Float[Array, "..."]):
    """Y = X min(max(X/6 + 1/2, 0), 1). Keeps X.

    dX = 0 where X <= -3, dY where X >= 3, dY (X/3 + 1/2) between: at the kinks the outer derivative.
    Source: Howard et al. (2019), arXiv:1905.02244.
    """
    return x * jnp.clip(x / 6 + 0.5, 0.0, 1.0)


@hard_swish.from_input
def hard_swish_derivative(x):
    """0, X/3 + 1/2, or 1."""
    return jnp.where(x <= -3, 0.0, jnp.where(x >= 3, 1.0, x / 3 + 0.5))


@elementwise
def tanh_shrink(x: Float[Array, "..."]):
    """Y = X - tanh X, dX = dY tanh² X. Keeps X."""
    return x - jnp.tanh(x)


@tanh_shrink.from_input
def tanh_shrink_derivative(x):
    """tanh² X."""
    return jnp.square(jnp.tanh(x))
