"""Rotary positions: pairs of features turned by an angle that grows with the position.

Pair p of a head of f features turns by θ = position · base^(-2p/f):

    Y₁ = X₁ cos θ - X₂ sin θ,   Y₂ = X₂ cos θ + X₁ sin θ

A rotation is linear and orthogonal, so its adjoint turns back, by -θ. Angles are in float32 or wider.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fnn.kernels.numerics import made_once, wide, wide_dtype


def turn(
    x: Float[Array, "batch time heads features"],
    positions: Int[Array, "*batch time"] | Float[Array, "*batch time"],
    base: float,
    interleaved: bool,
    back: bool = False,
) -> Float[Array, "batch time heads features"]:
    """Return x turned by the angles of its positions, or by their negatives, in x's dtype."""
    cos, sin = _angles(positions, x.shape[3], base, wide_dtype(x.dtype))
    sin = -sin if back else sin
    half = (*x.shape[:3], x.shape[3] // 2)
    cos, sin = jnp.broadcast_to(cos, half), jnp.broadcast_to(sin, half)
    first, second = _pairs(wide(x), interleaved)
    turned = (first * cos - second * sin, second * cos + first * sin)
    if interleaved:
        return jnp.stack(turned, axis=-1).reshape(x.shape).astype(x.dtype)
    return jnp.concatenate(turned, axis=-1).astype(x.dtype)


def _angles(positions: Array, features: int, base: float, dtype) -> tuple[Array, Array]:
    """Return cos θ and sin θ as (batch or 1, time, 1, features / 2)."""
    exponents = jnp.arange(0, features, 2, dtype=dtype) / features
    speeds = jnp.asarray(base, dtype) ** -exponents
    positions = positions.astype(dtype).reshape(-1, positions.shape[-1], 1, 1)
    angles = positions * speeds[None, None, None]
    return made_once(jnp.cos(angles), 1), made_once(jnp.sin(angles), 1)


def _pairs(x: Array, interleaved: bool) -> tuple[Array, Array]:
    if interleaved:
        return x[..., ::2], x[..., 1::2]
    return x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
