"""Batch normalisation: by the statistics of the batch in training, by given ones in evaluation.

Kernel: `fnn.kernels.channel_normalisation`, the whole batch as one example.
"""

from jax import lax
from jaxtyping import Array, Float

from fnn.kernels import channel_normalisation as kernel
from fnn.kernels.numerics import wide
from fnn.rule import rule
from fnn.rules.normalisation.arguments import need_channels, need_entries, need_eps, need_vectors


@rule
def batch_norm(
    x: Float[Array, "batch *spatial channels"],
    scale: Float[Array, " channels"] | None = None,
    offset: Float[Array, " channels"] | None = None,
    *,
    eps: float = 1e-5,
):
    """Y = (X - m) R S + O with R = 1/√(v + eps); m and v are the mean and variance of each channel in the batch.

    x: (batch, *spatial, channels), scale and offset: (channels,) or None for 1 and 0. Returns (y, m, v): m and v are
    (channels,), in float32 or wider, v biased (the sum of squares over n, the number of entries of a channel).

        dO = Σ dY,   dS = Σ dY (X - m) R
        dX = S R dY + (2 dv/n - S R² dS/n) (X - m) + (dm - S R dO)/n

    with dm and dv what reaches the returned statistics. Keeps x, m, R and scale: one array of x's size, which stands
    in memory already, where autodiff keeps X - m as a new one. A channel without variance has y = O. A channel that
    holds inf or NaN is NaN. Raises ValueError for shapes that do not fit, eps <= 0, and a channel of a single entry.
    Source: Ioffe and Szegedy (2015), arXiv:1502.03167.

    >>> import jax.numpy as jnp
    >>> y, mean, variance = batch_norm(jnp.array([[1.0, 5.0], [3.0, 5.0]]))
    >>> y.round(3).tolist(), mean.tolist(), variance.tolist()
    ([[-1.0, 0.0], [1.0, 0.0]], [2.0, 5.0], [1.0, 0.0])
    """
    need_channels("batch_norm", x)
    need_eps("batch_norm", eps)
    need_vectors("batch_norm", x.shape[-1:], "one for each channel", scale=scale, offset=offset)
    columns = _columns(x)
    need_entries(
        "batch_norm",
        columns.shape[1],
        f"a channel of the batch of shape {x.shape}",
        "Give more examples, or normalise by running statistics with batch_norm_inference.",
    )
    mean, variance = kernel.statistics(columns, x.shape[-1])
    rstd = lax.rsqrt(variance + eps)
    y = kernel.forward(columns, mean, rstd, scale, offset).reshape(x.shape)
    return (y, mean[0], variance[0]), (x, mean[0], rstd[0], scale)


@batch_norm.backward
def batch_norm_backward(saved, cotangents):
    """DX = S R dY + (2 dv/n - S R² dS/n) (X - m) + (dm - S R dO)/n,  dS = Σ dY (X - m) R,  dO = Σ dY."""
    x, mean, rstd, scale = saved
    dy, dmean, dvariance = cotangents
    dx, dscale, doffset = kernel.backward(
        _columns(x), mean[None], rstd[None], scale, _columns(dy), dmean[None], dvariance[None]
    )
    return dx.reshape(x.shape), dscale, doffset


@rule
def batch_norm_inference(
    x: Float[Array, "batch *spatial channels"],
    mean: Float[Array, " channels"],
    variance: Float[Array, " channels"],
    scale: Float[Array, " channels"] | None = None,
    offset: Float[Array, " channels"] | None = None,
    *,
    eps: float = 1e-5,
):
    """Y = (X - m) R S + O with R = 1/√(v + eps), for given statistics m and v, one number for each channel.

    x: (batch, *spatial, channels); all others (channels,), scale and offset may be None for 1 and 0.

        dX = S R dY,   dO = Σ dY,   dS = R Σ dY (X - m),   dm = -S R dO,   dv = -S R² dS / 2

    Keeps its arguments but the offset. Raises ValueError for shapes that do not fit and for eps <= 0.
    Source: Ioffe and Szegedy (2015), arXiv:1502.03167, algorithm 2.
    """
    need_channels("batch_norm_inference", x)
    need_eps("batch_norm_inference", eps)
    arrays = {"mean": mean, "variance": variance, "scale": scale, "offset": offset}
    need_vectors("batch_norm_inference", x.shape[-1:], "one for each channel", **arrays)
    columns = _columns(x)
    m, rstd = _statistics(x, mean, variance, eps)
    y = kernel.forward(columns, m[None], rstd[None], scale, offset)
    return y.reshape(x.shape), (x, mean, variance, scale)


@batch_norm_inference.backward
def batch_norm_inference_backward(saved, dy, *, eps):
    """DX = S R dY,  dm = -S R dO,  dv = -S R² dS / 2,  dS = R Σ dY (X - m),  dO = Σ dY."""
    x, mean, variance, scale = saved
    m, rstd = _statistics(x, mean, variance, eps)
    slope = rstd if scale is None else rstd * scale.astype(rstd.dtype)
    doffset, dscale = (total[0] for total in kernel.shares(_columns(x), m[None, None], _columns(dy)))
    dx = wide(dy) * slope.reshape((1,) * (x.ndim - 1) + slope.shape)
    return dx, -slope * doffset, -slope * rstd * rstd / 2 * dscale, rstd * dscale, doffset


def _columns(x: Array) -> Array:
    return x.reshape(1, x.size // max(x.shape[-1], 1), x.shape[-1])


def _statistics(x: Array, mean: Array, variance: Array, eps: float) -> tuple[Array, Array]:
    """Return m and R in the dtype that arithmetic on x is done in."""
    dtype = wide(x).dtype
    return mean.astype(dtype), lax.rsqrt(variance.astype(dtype) + eps)
