"""Shrinkage: small inputs become zero, large ones pass, moved (soft) or not (hard). The output is kept.

Y is zero exactly where the gate is closed, the kinks at ±λ included. Source: Donoho and Johnstone (1994).
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from fnn.rules.elementwise import elementwise


@elementwise
def soft_shrink(x: Float[Array, "..."], *, lambd: float = 0.5):
    """Y = sign(X) max(|X| - λ, 0), dX = dY where Y ≠ 0, else 0. Keeps Y. Raises ValueError for λ < 0."""
    _check("soft_shrink", lambd)
    return jnp.sign(x) * jnp.maximum(jnp.abs(x) - lambd, 0.0)


@soft_shrink.from_output
def soft_shrink_derivative(y):
    """1 where Y ≠ 0."""
    return y != 0


@elementwise
def hard_shrink(x: Float[Array, "..."], *, lambd: float = 0.5):
    """Y = X where |X| > λ, else 0; dX = dY where Y ≠ 0, else 0. Keeps Y. Raises ValueError for λ < 0."""
    _check("hard_shrink", lambd)
    return x * (jnp.abs(x) > lambd).astype(x.dtype)


@hard_shrink.from_output
def hard_shrink_derivative(y):
    """1 where Y ≠ 0."""
    return y != 0


def _check(name: str, lambd: float) -> None:
    if not lambd >= 0:
        raise ValueError(f"{name}: lambd = {lambd}, wanted a number not below 0.")
