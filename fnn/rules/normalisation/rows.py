"""Layer and RMS normalisation: each row by its own statistics. Kernel: `fnn.kernels.row_normalisation`."""

from math import prod

from jaxtyping import Array, Float

from fnn.kernels import row_normalisation as kernel
from fnn.rule import rule
from fnn.rules.normalisation.arguments import need_eps, need_vectors

Axes = int | tuple[int, ...]


@rule
def layer_norm(
    x: Float[Array, "..."],
    scale: Float[Array, "..."] | None = None,
    offset: Float[Array, "..."] | None = None,
    *,
    axis: Axes = -1,
    eps: float = 1e-5,
):
    """Y = (X - m) R S + O with R = 1/√(v + eps); m and v are the mean and variance over the axis.

    x: (..., *features); `axis` is the last axis, or the last ones as a tuple such as (-2, -1). scale and offset have
    the shape of these axes, or are None for 1 and 0.

        dO = Σ dY,   dS = Σ dY H,   H = (X - m) R,   over all other axes
        dX = R (S dY - mean S dY - H mean S dY H), the means over the axis

    Keeps x, scale, and m and R in float32 or wider, two numbers a row. A row without variance, so also one of a single
    entry, has y = O; one that holds inf or NaN is NaN. Raises ValueError for shapes that do not fit, axes that are not
    the last ones, rows without entries, and eps <= 0. Source: Ba, Kiros and Hinton (2016), arXiv:1607.06450.

    >>> import jax.numpy as jnp
    >>> layer_norm(jnp.array([[1.0, 3.0], [20.0, 60.0]])).round(3).tolist()
    [[-1.0, 1.0], [-1.0, 1.0]]
    """
    rows = _rows("layer_norm", x, axis, eps, scale=scale, offset=offset)
    mean = kernel.mean_of(rows)
    rstd = kernel.rstd_of(rows, mean, eps)
    y = kernel.forward(rows, mean, rstd, _flat(scale), _flat(offset))
    return y.reshape(x.shape), (x, mean, rstd, scale)


@layer_norm.backward
def layer_norm_backward(saved, dy, *, axis):
    """DX = R (S dY - mean S dY - H mean S dY H),  dS = Σ dY H,  dO = Σ dY."""
    x, mean, rstd, scale = saved
    return _backward(x, mean, rstd, scale, dy, axis)


@rule
def rms_norm(x: Float[Array, "..."], scale: Float[Array, "..."] | None = None, *, axis: Axes = -1, eps: float = 1e-5):
    """Y = X R S with R = 1/√(mean X² + eps) over the axis: layer norm without its mean and offset.

    Shapes and errors as for `layer_norm`.

        dS = Σ dY X R,   dX = R (S dY - X R mean S dY X R)

    Keeps x, scale, and R in float32 or wider, one number a row. A row of zeros is zero.
    Source: Zhang and Sennrich (2019), arXiv:1910.07467.

    >>> import jax.numpy as jnp
    >>> [round(float(y), 3) for y in rms_norm(jnp.array([1.0, 7.0]))]
    [0.2, 1.4]
    """
    rows = _rows("rms_norm", x, axis, eps, scale=scale)
    rstd = kernel.rstd_of(rows, None, eps)
    return kernel.forward(rows, None, rstd, _flat(scale), None).reshape(x.shape), (x, rstd, scale)


@rms_norm.backward
def rms_norm_backward(saved, dy, *, axis):
    """DX = R (S dY - X R mean S dY X R),  dS = Σ dY X R."""
    x, rstd, scale = saved
    dx, dscale, _ = _backward(x, None, rstd, scale, dy, axis)
    return dx, dscale


def _backward(x: Array, mean: Array | None, rstd: Array, scale: Array | None, dy: Array, axis: Axes):
    features = _features(x, axis)
    rows = (rstd.shape[0], prod(features))
    dx, dscale, doffset = kernel.backward(x.reshape(rows), mean, rstd, _flat(scale), dy.reshape(rows))
    return dx.reshape(x.shape), dscale.reshape(features), doffset.reshape(features)


def _rows(name: str, x: Array, axis: Axes, eps: float, **vectors: Array | None) -> Float[Array, "rows features"]:
    """Check the arguments and return x with the axes to normalise over folded into one, and all others into one."""
    axes = (axis,) if isinstance(axis, int) else axis
    last = tuple(range(x.ndim - len(axes), x.ndim))
    if not axes or last[0] < 0 or tuple(sorted(a % x.ndim if -x.ndim <= a < x.ndim else -1 for a in axes)) != last:
        raise ValueError(
            f"{name}: axis = {axis} for x of shape {x.shape}, wanted the last axis, -1, or a tuple of the last ones, "
            "such as (-2, -1); transpose x first to normalise over others."
        )
    need_eps(name, eps)
    features = _features(x, axis)
    need_vectors(name, features, "that of the axes to normalise over", **vectors)
    if prod(features) == 0:
        raise ValueError(f"{name}: x has shape {x.shape}, so axis = {axis} has no entries to take statistics of.")
    return x.reshape(prod(x.shape[: last[0]]), prod(features))


def _features(x: Array, axis: Axes) -> tuple[int, ...]:
    return x.shape[x.ndim - (1 if isinstance(axis, int) else len(axis)) :]


def _flat(vector: Array | None) -> Array | None:
    return None if vector is None else vector.reshape(-1)
