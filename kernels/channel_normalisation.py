"""Normalisation by the statistics of channels over positions: the kernel of batch, group and instance norm.

x: (examples, positions, channels), and each example's channels fall into `groups` groups of equal size. Every group
of every example has a mean m and a variance over its n = positions · channels / groups entries:

    Y = (X - m) R S + O,   R = 1/√(variance + eps)
    dO = Σ dY,   dS = Σ dY (X - m) R,   over examples and positions
    dX = R (S dY - Σ S dY / n - (X - m) R Σ S dY (X - m) R / n), the sums over the group

Group norm is this as it stands, instance norm has a group for each channel, and batch norm is instance norm of one
example that holds the whole batch. All sums over a group are sums of sums over positions, so a pass needs column sums
alone: two in the forward (the mean, then the squared deviations: two passes over X, so a large mean costs no digits)
and two in the backward, where dX = A dY + B (X - m) + D with one A, B, D for each channel. Nothing of X's size is made
but Y and dX. Kept are X, m and R; statistics are in float32 or wider.
"""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fnn.kernels.column_sums import column_sums
from fnn.kernels.numerics import wide

Data = Float[Array, "examples positions channels"]
Statistic = Float[Array, "examples groups"]


def statistics(x: Data, groups: int) -> tuple[Statistic, Statistic]:
    """Return the mean and the biased variance of each group, two-pass."""
    count = _count(x, groups)
    x = wide(x)
    mean = lax.optimization_barrier(_group_sums(column_sums(x), groups) / count)
    squares = jnp.square(x - _by_channel(mean, x))
    return mean, _group_sums(column_sums(squares), groups) / count


def forward(
    x: Data, mean: Statistic, rstd: Statistic, scale: Array | None, offset: Array | None
) -> Float[Array, "examples positions channels"]:
    """Return Y = (X - m) R S + O in x's dtype."""
    slope = _by_channel(rstd, x)
    if scale is not None:
        slope = slope * scale.astype(slope.dtype)[None, None]
    # The barrier keeps the arithmetic of the statistics out of the loop over X.
    mean, slope = lax.optimization_barrier((_by_channel(mean, x), slope))
    y = (wide(x) - mean) * slope
    if offset is not None:
        y = y + offset.astype(y.dtype)[None, None]
    return y.astype(x.dtype)


def backward(
    x: Data,
    mean: Statistic,
    rstd: Statistic,
    scale: Array | None,
    dy: Data,
    dmean: Statistic | None = None,
    dvariance: Statistic | None = None,
) -> tuple[Data, Float[Array, " channels"], Float[Array, " channels"]]:
    """Return (dX, dS, dO), in the accumulation dtype; dmean and dvariance are what reaches the statistics themselves.

    d mean / dX = 1/n and d variance / dX = 2 (X - m) / n join D and B.
    """
    count, groups = _count(x, mean.shape[1]), mean.shape[1]
    x, dy = wide(x), wide(dy)
    centre, rstd = _by_channel(mean, x), _by_channel(rstd, x)
    doffset, dscale = lax.optimization_barrier(shares(x, centre, dy))
    dscale = dscale * rstd[:, 0]
    s = jnp.ones((1, 1), x.dtype) if scale is None else scale.astype(x.dtype)[None]
    a = rstd * s[:, None]
    b = -_group_sums(dscale * s, groups) / count
    d = -_group_sums(doffset * s, groups) / count
    b, d = _by_channel(b, x) * jnp.square(rstd), _by_channel(d, x) * rstd
    if dvariance is not None:
        b = b + _by_channel(2 * dvariance / count, x)
    if dmean is not None:
        d = d + _by_channel(dmean / count, x)
    a, b, d = lax.optimization_barrier((a, b, d))
    dx = a * dy + (b * (x - centre) + d)
    return dx, dscale.sum(0), doffset.sum(0)


def shares(x: Data, centre: Array, dy: Data) -> tuple[Array, Array]:
    """Return Σ dY and Σ dY (X - centre) over the positions, one number for each example and channel."""
    x, dy = wide(x), wide(dy)
    return column_sums(dy), column_sums(dy * (x - centre))


def _group_sums(sums: Float[Array, "examples channels"], groups: int) -> Statistic:
    examples, channels = sums.shape
    return sums if groups == channels else sums.reshape(examples, groups, channels // groups).sum(-1)


def _by_channel(statistic: Statistic, x: Data) -> Float[Array, "examples 1 channels"]:
    """Give each channel the number of its group."""
    examples, groups = statistic.shape
    channels = x.shape[-1]
    spread = jnp.broadcast_to(statistic[:, :, None], (examples, groups, channels // groups))
    return spread.reshape(examples, 1, channels)


def _count(x: Data, groups: int) -> int:
    return x.shape[1] * (x.shape[2] // groups)
