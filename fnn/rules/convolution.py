"""Convolution, its transpose, and the two moves between them: im2col and col2im. Kernels: `fnn.kernels.convolution`.

Arrays are (batch, *spatial, features) with one to three spatial axes, weights (*window, in_features/groups,
out_features). As everywhere in the field the window is not turned round: it is a cross-correlation.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from fnn.kernels import convolution as kernel
from fnn.kernels import windows as geometry
from fnn.kernels.convolution import mirror
from fnn.kernels.linear import backward_bias
from fnn.kernels.numerics import wide
from fnn.kernels.windows import Padding, Size
from fnn.rule import Static, rule

Weight = Float[Array, "*window inputs outputs"] | Float[Array, "*window inputs_of_group outputs"]


@rule
def conv(
    x: Float[Array, "batch *spatial inputs"],
    w: Weight,
    b: Float[Array, " outputs"] | None = None,
    *,
    stride: Size = 1,
    padding: Padding = "VALID",
    dilation: Size = 1,
    groups: int = 1,
):
    """Y[o] = Σ_j X[o stride + j dilation - low]·W[j] + b, over the entries j of the window.

    x: (batch, *spatial, in_features), w: (*window, in_features/groups, out_features), b: (out_features,) or None.
    y: (batch, *outputs, out_features), outputs = (spatial + low + high - (window - 1) dilation - 1) // stride + 1.

        dX[i] = Σ_j dY[o]·W[j]ᵀ over the o and j with o stride + j dilation - low = i
        dW[j] = Σ_o X[o stride + j dilation - low]ᵀ·dY[o],   db = Σ dY over batch and positions

    Keeps x and w: dW needs the one, dX the other, and both stand in memory already. `stride` and `dilation` are
    numbers, or tuples with one for each spatial axis; `padding` is 'SAME', 'VALID', a number, or a tuple of numbers or
    (low, high) pairs, of zeros. With `groups`, features fall into equal runs, and each run of outputs sees one run of
    inputs; groups = in_features is a depthwise convolution. Raises ValueError for shapes that do not
    fit, a window larger than the padded input, and empty axes.
    Source: Goodfellow, Bengio and Courville (2016), sections 9.1 and 9.5.

    >>> import jax, jax.numpy as jnp
    >>> x, w = jnp.array([1.0, 2.0, 4.0]).reshape(1, 3, 1), jnp.array([1.0, 10.0]).reshape(2, 1, 1)
    >>> conv(x, w).ravel().tolist()
    [21.0, 42.0]
    >>> jax.grad(lambda x: conv(x, w).sum())(x).ravel().tolist()
    [1.0, 11.0, 10.0]
    """
    window = _window("conv", x, w, b, groups)
    where = geometry.windows("conv", x.shape[1:-1], window, stride, padding, dilation)
    y = _with_bias(kernel.forward(x, w, where, groups), b)
    return y.astype(x.dtype), (x, w, Static((where, b is not None)))


@conv.backward
def conv_backward(saved, dy, *, groups):
    """DX = dY·Wᵀ put back where X was read, dW = Xᵀ·dY entry by entry of the window, db = Σ dY."""
    x, w, known = saved
    where, has_bias = known.value
    dx = kernel.backward_input(dy, w, where, groups)
    dw = kernel.backward_weight(x, dy, where, groups)
    return dx, dw, backward_bias(dy) if has_bias else None


@rule
def conv_transpose(
    x: Float[Array, "batch *spatial inputs"],
    w: Weight,
    b: Float[Array, " outputs"] | None = None,
    *,
    stride: Size = 1,
    padding: Padding = "VALID",
    output_padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
):
    """Y[o stride + j dilation - low] = Σ X[o]·W[j] + b: the adjoint of a convolution, which up-samples by its stride.

    x: (batch, *spatial, in_features), w: (*window, in_features/groups, out_features), b: (out_features,) or None.
    y: (batch, *outputs, out_features), outputs = (spatial - 1) stride + (window - 1) dilation + 1 - low - high +
    output_padding; with 'SAME' outputs = spatial stride + output_padding.

        dX = the convolution of dY with W, the feature axes exchanged
        dW[j] = Σ_o X[o]ᵀ·dY[o stride + j dilation - low],   db = Σ dY over batch and positions

    Keeps x and w. `output_padding` adds entries at the end, fewer than the stride or the dilation: several sizes have
    as many windows. Raises ValueError for shapes that do not fit. Source: Dumoulin and Visin (2016), arXiv:1603.07285.

    >>> import jax.numpy as jnp
    >>> x, w = jnp.array([1.0, 2.0]).reshape(1, 2, 1), jnp.array([1.0, 10.0]).reshape(2, 1, 1)
    >>> conv_transpose(x, w, stride=2).ravel().tolist()
    [1.0, 10.0, 2.0, 20.0]
    """
    window = _window("conv_transpose", x, w, b, groups)
    where = geometry.transposed("conv_transpose", x.shape[1:-1], window, stride, padding, output_padding, dilation)
    y = _with_bias(kernel.backward_input(x, mirror(w, groups), where, groups), b)
    return y.astype(x.dtype), (x, w, Static((where, b is not None)))


@conv_transpose.backward
def conv_transpose_backward(saved, dy, *, groups):
    """DX = the convolution of dY, dW = dYᵀ·X entry by entry with the feature axes exchanged, db = Σ dY."""
    x, w, known = saved
    where, has_bias = known.value
    dx = kernel.forward(dy, mirror(w, groups), where, groups)
    dw = mirror(kernel.backward_weight(dy, x, where, groups), groups)
    return dx, dw, backward_bias(dy) if has_bias else None


@rule
def im2col(x: Float[Array, "..."], *, window: Size, stride: Size = 1, padding: Padding = "VALID", dilation: Size = 1):
    """Y[o, j] = X[o stride + j dilation - low]: the windows of x as rows, so that a convolution is a matrix product.

    x: (batch, *spatial, features); y: (batch, *outputs, *window, features). dX = col2im(dY). Keeps nothing.
    Raises ValueError as `conv` does. Source: Chellapilla, Puri and Simard (2006).

    >>> import jax.numpy as jnp
    >>> im2col(jnp.arange(4.0).reshape(1, 4, 1), window=2)[0, :, :, 0].tolist()
    [[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]]
    """
    where = geometry.windows("im2col", _spatial("im2col", x), window, stride, padding, dilation)
    return geometry.unfold(x, where), Static(where)


@im2col.backward
def im2col_backward(where, dy):
    """DX = col2im(dY)."""
    return geometry.fold(wide(dy), where.value)


@rule
def col2im(
    x: Float[Array, "batch outputs window features"] | Float[Array, "..."],
    *,
    size: Size,
    stride: Size = 1,
    padding: Padding = "VALID",
    dilation: Size = 1,
):
    """Y[i] = Σ X[o, j] over the o and j with o stride + j dilation - low = i: overlapping windows, added up.

    x: (batch, *outputs, *window, features), as im2col makes it of an input with the spatial sizes `size`;
    y: (batch, *size, features). dX = im2col(dY). Keeps nothing. Raises ValueError for shapes that do not fit.

    >>> import jax.numpy as jnp
    >>> col2im(jnp.ones((1, 3, 2, 1)), size=(4,)).ravel().tolist()
    [1.0, 2.0, 2.0, 1.0]
    """
    axes = x.ndim // 2 - 1
    if x.ndim not in (4, 6, 8):
        raise ValueError(
            f"col2im: x has shape {x.shape}, wanted (batch, *outputs, *window, features) with one to three axes of "
            "outputs, and as many of the window."
        )
    sizes = geometry.positive("col2im", "size", size, axes)
    where = geometry.windows("col2im", sizes, x.shape[axes + 1 : -1], stride, padding, dilation)
    if where.outputs != x.shape[1 : axes + 1]:
        raise ValueError(f"col2im: x has shape {x.shape}, wanted {where.outputs} windows for the size {sizes}.")
    return geometry.fold(wide(x), where).astype(x.dtype), Static(where)


@col2im.backward
def col2im_backward(where, dy):
    """DX = im2col(dY)."""
    return geometry.unfold(dy, where.value)


def _spatial(name: str, x: Array) -> tuple[int, ...]:
    if not 3 <= x.ndim <= 5:
        raise ValueError(
            f"{name}: x has shape {x.shape}, wanted (batch, *spatial, features) with one to three spatial axes."
        )
    return x.shape[1:-1]


def _window(name: str, x: Array, w: Array, b: Array | None, groups: int) -> tuple[int, ...]:
    """Return the window of the weight, or say why weight and bias are not for x."""
    if len(_spatial(name, x)) != w.ndim - 2:
        raise ValueError(
            f"{name}: x has shape {x.shape} and w {w.shape}, wanted x (batch, *spatial, in_features) and w (*window, "
            "in_features/groups, out_features) with as many window as spatial axes."
        )
    if not (jnp.issubdtype(x.dtype, jnp.floating) and jnp.issubdtype(w.dtype, jnp.floating)):
        raise TypeError(
            f"{name}: x is {x.dtype} and w {w.dtype}, wanted floating point; scale images to float32 first."
        )
    *window, inputs, outputs = w.shape
    if type(groups) is not int or groups < 1 or outputs % groups or inputs * groups != x.shape[-1]:
        raise ValueError(
            f"{name}: x has {x.shape[-1]} features, w is {w.shape} and groups = {groups}, wanted w (*window, "
            "in_features/groups, out_features) with out_features a multiple of groups."
        )
    if b is not None and b.shape != (outputs,):
        raise ValueError(f"{name}: b has shape {b.shape}, wanted w's out_features {(outputs,)}.")
    return tuple(window)


def _with_bias(y: Array, b: Array | None) -> Array:
    return y if b is None else y + wide(b).astype(y.dtype).reshape((1,) * (y.ndim - 1) + b.shape)
