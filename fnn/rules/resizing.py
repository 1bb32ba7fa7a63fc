"""Up-sampling by whole factors, and the shuffle between channels and positions. Kernels: `fnn.kernels.resizing`.

Arrays are (batch, *spatial, channels) with one to three spatial axes; `factor` is a number for all of them, or a tuple
with one for each. Nothing but shapes is kept: all of these are linear in x.
"""

import math

import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from fnn.kernels import resizing as kernel
from fnn.kernels.windows import Size, positive
from fnn.rule import rule


@rule
def upsample_nearest(x: Num[Array, "..."], *, factor: Size):
    """Y[r i + p] = X[i] for every phase p = 0, ..., r - 1 of each spatial axis: an entry becomes a block of its copies.

    x: (batch, *spatial, channels); y: (batch, *(spatial · factor), channels).

        dX[i] = Σ_p dY[r i + p]

    Keeps nothing. Raises ValueError for a factor below 1, and unless x has a batch, one to three spatial axes and
    channels. Infinities and NaN are copied.

    >>> import jax, jax.numpy as jnp
    >>> x = jnp.array([1.0, 2.0]).reshape(1, 2, 1)
    >>> upsample_nearest(x, factor=3).ravel().tolist()
    [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]
    >>> jax.grad(lambda x: upsample_nearest(x, factor=3).sum())(x).ravel().tolist()
    [3.0, 3.0]
    """
    return kernel.upsample_nearest(x, _factor("upsample_nearest", x, factor)), ()


@upsample_nearest.backward
def upsample_nearest_backward(saved, dy, *, factor):
    """DX = ΣdY over each block."""
    return kernel.upsample_nearest_backward(dy, _factor("upsample_nearest", dy, factor))


@rule
def upsample_linear(x: Float[Array, "..."], *, factor: Size, align_corners: bool = False):
    """Y[o] = (1 - f) X[i] + f X[i + 1] along each spatial axis in turn, i + f the place of output o: bilinear on two.

    x: (batch, *spatial, channels); y: (batch, *(spatial · factor), channels). The place of output o on an axis of size
    n and factor r is, with entries as cells whose centres are interpolated, or with the first and last on each other,

        (o + 1/2) / r - 1/2, moved to [0, n - 1]        align_corners=False
        o (n - 1) / (r n - 1)                           align_corners=True

        dX[i] = Σ_o dY[o] times the weight of X[i] in Y[o]

    Keeps nothing. An infinity or NaN reaches the outputs in which it has a weight that is not zero. Raises ValueError
    for a factor below 1, and unless x has a batch, one to three spatial axes and channels; TypeError for integers.
    Sources: `interpolate` of PyTorch, `resize` of JAX and ONNX, whose numbers these are.

    >>> import jax, jax.numpy as jnp
    >>> x = jnp.array([0.0, 3.0]).reshape(1, 2, 1)
    >>> upsample_linear(x, factor=2).ravel().tolist()
    [0.0, 0.75, 2.25, 3.0]
    >>> upsample_linear(x, factor=2, align_corners=True).ravel().tolist()
    [0.0, 1.0, 2.0, 3.0]
    >>> jax.grad(lambda x: upsample_linear(x, factor=2)[0, 1, 0])(x).ravel().tolist()
    [0.75, 0.25]
    """
    each = _factor("upsample_linear", x, factor)
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise TypeError(f"upsample_linear: x is {x.dtype}, wanted floating point; cast it, or take upsample_nearest.")
    return kernel.upsample_linear(x, each, align_corners=align_corners), ()


@upsample_linear.backward
def upsample_linear_backward(saved, dy, *, factor, align_corners):
    """DX = the adjoint of the interpolation of dY."""
    return kernel.upsample_linear_backward(dy, _factor("upsample_linear", dy, factor), align_corners=align_corners)


@rule
def pixel_shuffle(x: Num[Array, "..."], *, factor: Size):
    """Y[r i + p, c] = X[i, c r² + p]: the channels of an entry become the block of positions in its place.

    x: (batch, *spatial, channels · Π factor); y: (batch, *(spatial · factor), channels). The phases p of all axes are
    counted in row-major order, the last axis fastest: on two axes X's channel c r² + r p₁ + p₂, as in PyTorch.

        dX = pixel_unshuffle(dY)

    Keeps nothing. Raises ValueError unless the channels are a multiple of the product of the factors.
    Source: Shi et al. (2016), "sub-pixel convolution", arXiv:1609.05158.

    >>> import jax.numpy as jnp
    >>> pixel_shuffle(jnp.arange(4.0).reshape(1, 1, 1, 4), factor=2)[0, :, :, 0].tolist()
    [[0.0, 1.0], [2.0, 3.0]]
    """
    each = _factor("pixel_shuffle", x, factor)
    if x.shape[-1] % math.prod(each):
        raise ValueError(
            f"pixel_shuffle: x has shape {x.shape}, {x.shape[-1]} channels, wanted a multiple of {math.prod(each)}, "
            f"the product of the factors {each}."
        )
    return kernel.pixel_shuffle(x, each), ()


@pixel_shuffle.backward
def pixel_shuffle_backward(saved, dy, *, factor):
    """DX = pixel_unshuffle(dY)."""
    return kernel.pixel_unshuffle(dy, _factor("pixel_shuffle", dy, factor))


@rule
def pixel_unshuffle(x: Num[Array, "..."], *, factor: Size):
    """Y[i, c r² + p] = X[r i + p, c]: a block of positions becomes channels; the inverse of `pixel_shuffle`.

    x: (batch, *spatial, channels); y: (batch, *(spatial / factor), channels · Π factor). dX = pixel_shuffle(dY). Keeps
    nothing. Raises ValueError unless each spatial size is a multiple of its factor.

    >>> import jax.numpy as jnp
    >>> pixel_unshuffle(jnp.arange(4.0).reshape(1, 2, 2, 1), factor=2).tolist()
    [[[[0.0, 1.0, 2.0, 3.0]]]]
    """
    each = _factor("pixel_unshuffle", x, factor)
    if any(n % r for n, r in zip(x.shape[1:-1], each, strict=True)):
        raise ValueError(
            f"pixel_unshuffle: the spatial sizes of x {x.shape[1:-1]} are no multiples of the factors {each}; "
            "pad or crop x first."
        )
    return kernel.pixel_unshuffle(x, each), ()


@pixel_unshuffle.backward
def pixel_unshuffle_backward(saved, dy, *, factor):
    """DX = pixel_shuffle(dY)."""
    return kernel.pixel_shuffle(dy, _factor("pixel_unshuffle", dy, factor))


def _factor(name: str, x: Array, factor: Size) -> tuple[int, ...]:
    """Return one factor for each spatial axis, or say what is wrong with it or with x."""
    if not 3 <= x.ndim <= 5 or 0 in x.shape[1:]:
        raise ValueError(
            f"{name}: x has shape {x.shape}, wanted (batch, *spatial, channels) with one to three spatial axes, none "
            "of them empty."
        )
    return positive(name, "factor", factor, x.ndim - 2)
