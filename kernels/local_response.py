"""Local response normalisation: each entry divided by a power of the mean square of its neighbouring channels.

    D_i = k + α/size Σ_{j in window of i} X_j²,   Y = X D^-β
    dX_i = D_i^-β dY_i - 2 α β/size X_i Σ_{j whose window holds i} dY_j X_j D_j^(-β-1)

The window of channel i is [i - size // 2, i + (size - 1) // 2], cut off at the ends. X alone is kept; D is made again.
"""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fnn.kernels.numerics import wide


def forward(x: Float[Array, "... channels"], size: int, alpha: float, beta: float, k: float) -> Array:
    """Return Y in x's dtype."""
    wide_x = wide(x)
    return (wide_x * jnp.power(_divisor(wide_x, size, alpha, k), -beta)).astype(x.dtype)


def backward(
    x: Float[Array, "... channels"], dy: Float[Array, "... channels"], size: int, alpha: float, beta: float, k: float
) -> Float[Array, "... channels"]:
    """Return dX in the accumulation dtype."""
    x, dy = wide(x), wide(dy)
    d = _divisor(x, size, alpha, k)
    power = jnp.power(d, -beta)
    towards = _window_sums(dy * x * power / d, (size - 1) // 2, size // 2)
    return power * dy - (2 * alpha * beta / size) * x * towards


def _divisor(x: Array, size: int, alpha: float, k: float) -> Array:
    return k + alpha / size * _window_sums(jnp.square(x), size // 2, (size - 1) // 2)


def _window_sums(x: Float[Array, "... channels"], low: int, high: int) -> Float[Array, "... channels"]:
    """Return Σ x over the channels i - low to i + high: shifted slices, which fuse into one loop."""
    channels = x.shape[-1]
    low, high = min(low, channels), min(high, channels)
    padded = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(low, high)])
    total = lax.slice_in_dim(padded, 0, channels, axis=-1)
    for shift in range(1, low + high + 1):
        total = total + lax.slice_in_dim(padded, shift, shift + channels, axis=-1)
    return total
