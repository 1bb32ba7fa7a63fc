"""Units with an exponential left side: ELU, CELU, SELU, and softplus.

Where X < 0 the output tells the derivative, so the output alone is kept. The derivative at 0 is 1 for ELU and CELU
at α = 1, where they are smooth; else it is the left one.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from fnn.rules.elementwise import elementwise

# The fixed point of Klambauer et al. (2017): mean 0 and variance 1 are kept from layer to layer.
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


@elementwise
def elu(x: Float[Array, "..."], *, alpha: float = 1.0):
    """Y = X where X > 0, else α (exp(X) - 1); dX = dY where Y > 0, else dY (Y + α). Keeps Y.

    At -inf the value is -α and the gradient 0. Raises ValueError unless α > 0.
    Source: Clevert, Unterthiner and Hochreiter (2016), arXiv:1511.07289.
    """
    if not alpha > 0:
        raise ValueError(f"elu: alpha = {alpha}, wanted a positive number.")
    return jnp.where(x <= 0, alpha * jnp.expm1(jnp.minimum(x, 0.0)), x)


@elu.from_output
def elu_derivative(y, *, alpha):
    """1 or Y + α = α exp(X)."""
    return jnp.where(y > 0, 1.0, y + alpha)


@elementwise
def celu(x: Float[Array, "..."], *, alpha: float = 1.0):
    """Y = max(X, 0) + min(0, α (exp(X/α) - 1)); dX = dY where Y > 0, else dY (Y/α + 1). Keeps Y.

    Continuously differentiable for every α > 0; raises ValueError otherwise. Source: Barron (2017), arXiv:1704.07483.
    """
    if not alpha > 0:
        raise ValueError(f"celu: alpha = {alpha}, wanted a positive number.")
    return jnp.where(x <= 0, alpha * jnp.expm1(jnp.minimum(x, 0.0) / alpha), x)


@celu.from_output
def celu_derivative(y, *, alpha):
    """1 or Y/α + 1 = exp(X/α)."""
    return jnp.where(y > 0, 1.0, y / alpha + 1)


@elementwise
def selu(x: Float[Array, "..."]):
    """Y = λ X where X > 0, else λ α (exp(X) - 1); dX = λ dY where Y > 0, else dY (Y + λ α). Keeps Y.

    λ = 1.0507, α = 1.6733. The kink at 0 takes the left derivative λ α. Source: Klambauer et al. (2017),
    arXiv:1706.02515.
    """
    return SELU_SCALE * jnp.where(x <= 0, SELU_ALPHA * jnp.expm1(jnp.minimum(x, 0.0)), x)


@selu.from_output
def selu_derivative(y):
    """λ or Y + λ α."""
    return jnp.where(y > 0, SELU_SCALE, y + SELU_SCALE * SELU_ALPHA)


@elementwise
def softplus(x: Float[Array, "..."], *, beta: float = 1.0):
    """Y = log(1 + exp(β X)) / β, dX = dY σ(β X) = -dY expm1(-β Y). Keeps Y.

    Exact for large |X|. At -inf the value and the gradient are 0, at +inf the value is +inf and the derivative 1.
    Raises ValueError unless β > 0. Source: Dugas et al. (2001).
    """
    if not beta > 0:
        raise ValueError(f"softplus: beta = {beta}, wanted a positive number.")
    return jnp.logaddexp(beta * x, 0.0) / beta


@softplus.from_output
def softplus_derivative(y, *, beta):
    """1 - exp(-β Y)."""
    return -jnp.expm1(-beta * y)
