"""Group and instance normalisation: each example by the statistics of its own groups of channels.

Kernel: `fnn.kernels.channel_normalisation`.
"""

from math import prod

from jax import lax
from jaxtyping import Array, Float

from fnn.kernels import channel_normalisation as kernel
from fnn.rule import rule
from fnn.rules.normalisation.arguments import need_channels, need_entries, need_eps, need_vectors


@rule
def group_norm(
    x: Float[Array, "batch *spatial channels"],
    scale: Float[Array, " channels"] | None = None,
    offset: Float[Array, " channels"] | None = None,
    *,
    groups: int,
    eps: float = 1e-5,
):
    """Y = (X - m) R S + O with R = 1/√(v + eps); m and v are those of each example's groups of channels.

    x: (batch, *spatial, channels); neighbouring channels form the groups, all of one size, which n counts with the
    positions. scale and offset: (channels,) or None for 1 and 0.

        dO = Σ dY,   dS = Σ dY H,   H = (X - m) R,   over batch and positions
        dX = R (S dY - Σ S dY / n - H Σ S dY H / n), the sums over the group

    Keeps x, scale, and m and R in float32 or wider, two numbers for each group of an example. A group without
    variance has y = O; one that holds inf or NaN is NaN. Raises ValueError for shapes that do not fit, channels that
    do not divide into the groups, groups of a single entry, and eps <= 0. Source: Wu and He (2018), arXiv:1803.08494.

    >>> import jax.numpy as jnp
    >>> group_norm(jnp.array([[1.0, 3.0, 20.0, 60.0]]), groups=2).round(3).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """
    return _forward("group_norm", x, scale, offset, groups, eps)


@group_norm.backward
def group_norm_backward(saved, dy):
    """DX = R (S dY - Σ S dY / n - H Σ S dY H / n),  dS = Σ dY H,  dO = Σ dY."""
    return _backward(saved, dy)


@rule
def instance_norm(
    x: Float[Array, "batch *spatial channels"],
    scale: Float[Array, " channels"] | None = None,
    offset: Float[Array, " channels"] | None = None,
    *,
    eps: float = 1e-5,
):
    """Y = (X - m) R S + O with R = 1/√(v + eps); m and v are those of each channel of each example.

    This is group norm with as many groups as channels: shapes, gradients, what is kept and errors are those of
    `group_norm`. Source: Ulyanov, Vedaldi and Lempitsky (2016), arXiv:1607.08022.

    >>> import jax.numpy as jnp
    >>> instance_norm(jnp.array([[[1.0, 20.0], [3.0, 60.0]]])).round(3).tolist()
    [[[-1.0, -1.0], [1.0, 1.0]]]
    """
    return _forward("instance_norm", x, scale, offset, None, eps)


@instance_norm.backward
def instance_norm_backward(saved, dy):
    """DX = R (S dY - Σ S dY / n - H Σ S dY H / n),  dS = Σ dY H,  dO = Σ dY."""
    return _backward(saved, dy)


def _forward(name: str, x: Array, scale: Array | None, offset: Array | None, groups: int | None, eps: float):
    need_channels(name, x)
    need_eps(name, eps)
    channels = x.shape[-1]
    need_vectors(name, (channels,), "one for each channel", scale=scale, offset=offset)
    groups = channels if groups is None else groups
    if groups < 1 or channels % groups:
        raise ValueError(f"{name}: groups = {groups} for {channels} channels, wanted a divisor of the channels.")
    columns = _columns(x)
    need_entries(
        name,
        columns.shape[1] * channels // groups,
        f"a group of an example, of {columns.shape[1]} positions and {channels // groups} channels,",
        "Normalise before the last positions are pooled away, or use fewer groups.",
    )
    mean, variance = kernel.statistics(columns, groups)
    rstd = lax.rsqrt(variance + eps)
    return kernel.forward(columns, mean, rstd, scale, offset).reshape(x.shape), (x, mean, rstd, scale)


def _backward(saved, dy: Array):
    x, mean, rstd, scale = saved
    dx, dscale, doffset = kernel.backward(_columns(x), mean, rstd, scale, _columns(dy))
    return dx.reshape(x.shape), dscale, doffset


def _columns(x: Array) -> Array:
    return x.reshape(x.shape[0], prod(x.shape[1:-1]), x.shape[-1])
