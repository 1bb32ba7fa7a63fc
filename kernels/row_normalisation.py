"""Normalisation of each row by its own statistics: the kernel of layer norm and RMS norm.

x: (rows, features). Layer norm subtracts the row's mean m; RMS norm has m = 0.

    H = (X - m) R,   R = 1/√(mean (X - m)² + eps),   Y = H S + O
    dO = Σ dY,   dS = Σ dY H,   over rows
    dX = R (S dY - mean S dY - H mean S dY H), the means over the row; RMS norm has no second term

Kept are X and one or two numbers a row, in float32 or wider; H is made again. The mean comes first and the squared
deviations from it second, so a large mean costs no digits. All sums are matrix products with a vector.
"""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fnn.kernels.column_sums import column_sums
from fnn.kernels.numerics import wide

_LONGEST = 8192  # rows that one product sums

Data = Float[Array, "rows features"]
Statistic = Float[Array, " rows"]


def mean_of(x: Data) -> Statistic:
    """Return the mean of each row, in the accumulation dtype."""
    return _row_sums(wide(x)) / x.shape[-1]


def rstd_of(x: Data, mean: Statistic | None, eps: float) -> Statistic:
    """Return R: one over the root of the mean square about m, and eps."""
    return lax.rsqrt(_row_sums(jnp.square(_centred(x, mean))) / x.shape[-1] + eps)


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
    """Return (dX, dS, dO), in the accumulation dtype."""
    dy, features = wide(dy), x.shape[-1]
    h = _centred(x, mean) * rstd[:, None]
    p = dy * h
    s = jnp.ones((features,), dy.dtype) if scale is None else scale.astype(dy.dtype)
    inner = h * (_row_sums(p, s) / features)[:, None]
    if mean is not None:
        inner = inner + (_row_sums(dy, s) / features)[:, None]
    dx = rstd[:, None] * (dy * s[None] - inner)
    return dx, _column_sums(p), _column_sums(dy)


def _centred(x: Data, mean: Statistic | None) -> Data:
    return wide(x) if mean is None else wide(x) - mean[:, None]


def _row_sums(x: Data, weights: Float[Array, " features"] | None = None) -> Statistic:
    """Return Σ X w along each row, as a product with a vector.

    XLA takes no product into a loop, as it takes a reduction, so nothing of X's size is made to share between them.
    """
    weights = jnp.ones((x.shape[-1],), x.dtype) if weights is None else weights
    return jnp.matmul(x, weights, precision=lax.Precision.HIGHEST)


def _column_sums(x: Data) -> Float[Array, " features"]:
    """Return Σ X over the rows, as a product with a row of ones; in blocks if long, which round less."""
    rows, features = x.shape
    if rows <= _LONGEST:
        return jnp.matmul(jnp.ones((rows,), x.dtype), x, precision=lax.Precision.HIGHEST)
    block = next(n for n in range(_LONGEST, 0, -1) if rows % n == 0)
    return column_sums(x.reshape(rows // block, block, features)).sum(0)
