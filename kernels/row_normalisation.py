"""Normalisation of each row by its own statistics: the kernel of layer norm and RMS norm.

x: (rows, features). Layer norm subtracts the row's mean m; RMS norm has m = 0.

    H = (X - m) R,   R = 1/√(mean (X - m)² + eps),   Y = H S + O
    dO = Σ dY,   dS = Σ dY H,   over rows
    dX = R (S dY - mean S dY - H mean S dY H), the means over the row; RMS norm has no second term

Kept are X and one or two numbers a row, in float32 or wider; H is made again. The mean comes first and the squared
deviations from it second, so a large mean costs no digits.
"""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fnn.kernels.numerics import wide

Data = Float[Array, "rows features"]
Statistic = Float[Array, " rows"]


def mean_of(x: Data) -> Statistic:
    """Return the mean of each row, in the accumulation dtype."""
    return lax.optimization_barrier(wide(x).sum(-1) / x.shape[-1])


def rstd_of(x: Data, mean: Statistic | None, eps: float) -> Statistic:
    """Return R: one over the root of the mean square about m, and eps."""
    squares = jnp.square(_centred(x, mean))
    return lax.optimization_barrier(lax.rsqrt(squares.sum(-1) / x.shape[-1] + eps))


def forward(
    x: Data, mean: Statistic | None, rstd: Statistic, scale: Array | None, offset: Array | None
) -> Float[Array, "rows features"]:
    """Return Y = (X - m) R S + O in x's dtype."""
    slope = rstd[:, None]
    if scale is not None:
        slope = slope * scale.astype(slope.dtype)[None]
    y = _centred(x, mean) * slope
    if offset is not None:
        y = y + offset.astype(y.dtype)[None]
    return y.astype(x.dtype)


def backward(
    x: Data, mean: Statistic | None, rstd: Statistic, scale: Array | None, dy: Data
) -> tuple[Data, Float[Array, " features"], Float[Array, " features"]]:
    """Return (dX, dS, dO), in the accumulation dtype. All four sums are products with a vector."""
    dy, features = wide(dy), x.shape[-1]
    h = _centred(x, mean) * rstd[:, None]
    p = dy * h
    s = jnp.ones((features,), dy.dtype) if scale is None else scale.astype(dy.dtype)
    rows = jnp.ones((x.shape[0],), dy.dtype)
    inner = h * (_product(p, s) / features)[:, None]
    if mean is not None:
        inner = inner + (_product(dy, s) / features)[:, None]
    dx = rstd[:, None] * (dy * s[None] - inner)
    return dx, _product(rows, p), _product(rows, dy)


def _centred(x: Data, mean: Statistic | None) -> Data:
    return wide(x) if mean is None else wide(x) - mean[:, None]


def _product(x: Array, y: Array) -> Array:
    return jnp.matmul(x, y, precision=lax.Precision.HIGHEST)
