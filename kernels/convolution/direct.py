"""Convolution as one convolution of XLA in each pass: the form for every shape, and the fastest on GPUs (cuDNN).

dX convolves dY, its entries set `stride` apart, with the window turned round; dW convolves X with dY, set `stride`
apart, as the window, the batch playing the channels. Dumoulin and Visin (2016), arXiv:1603.07285, sections 4 and 5.
"""

from functools import partial

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fnn.kernels.convolution.passes import Form
from fnn.kernels.numerics import wide_dtype
from fnn.kernels.windows import Windows


def form(groups: int = 1) -> Form:
    """Return the form for so many groups."""
    return Form(*(partial(pass_, groups=groups) for pass_ in (forward, backward_input, backward_weight)))


def forward(x: Float[Array, "..."], w: Float[Array, "..."], where: Windows, groups: int = 1) -> Float[Array, "..."]:
    """Return Y in the accumulation dtype."""
    x, w = _promoted(x, w)
    axes = len(where.sizes)
    return lax.conv_general_dilated(
        x,
        w,
        where.stride,
        where.padding,
        rhs_dilation=where.dilation,
        dimension_numbers=lax.ConvDimensionNumbers(_last(axes), _window(axes), _last(axes)),
        feature_group_count=groups,
        preferred_element_type=wide_dtype(x.dtype),
    )


def backward_input(
    dy: Float[Array, "..."], w: Float[Array, "..."], where: Windows, groups: int = 1
) -> Float[Array, "..."]:
    """Return dX in the accumulation dtype."""
    dy, w = _promoted(dy, w)
    axes = len(where.sizes)
    padding = []
    for n, (low, _), e, o, s in zip(where.sizes, where.padding, where.extent, where.outputs, where.stride, strict=True):
        before = e - 1 - low
        padding.append((before, n + e - 1 - ((o - 1) * s + 1) - before))
    turned = lax.rev(mirror(w, groups), tuple(range(axes)))
    return lax.conv_general_dilated(
        dy,
        turned,
        (1,) * axes,
        padding,
        lhs_dilation=where.stride,
        rhs_dilation=where.dilation,
        dimension_numbers=lax.ConvDimensionNumbers(_last(axes), _window(axes), _last(axes)),
        feature_group_count=groups,
        preferred_element_type=wide_dtype(dy.dtype),
    )


def backward_weight(
    x: Float[Array, "..."], dy: Float[Array, "..."], where: Windows, groups: int = 1
) -> Float[Array, "..."]:
    """Return dW in the accumulation dtype."""
    x, dy = _promoted(x, dy)
    axes = len(where.sizes)
    padding = []
    for n, (low, _), e, o, s in zip(where.sizes, where.padding, where.extent, where.outputs, where.stride, strict=True):
        padding.append((low, e + (o - 1) * s - n - low))
    # The batch plays the features. Transposed by hand, for XLA on a CPU brings only convolutions outside of loops into
    # the form that its fast code takes; inside the loop of a training run the others took hundreds of times as long.
    dw = lax.conv_general_dilated(
        jnp.swapaxes(x, 0, -1),
        jnp.moveaxis(dy, 0, -2),
        where.dilation,
        padding,
        rhs_dilation=where.stride,
        dimension_numbers=lax.ConvDimensionNumbers(_last(axes), _window(axes), _last(axes)),
        batch_group_count=groups,
        preferred_element_type=wide_dtype(x.dtype),
    )
    return jnp.moveaxis(dw, 0, -2)


def mirror(w: Float[Array, "..."], groups: int) -> Float[Array, "..."]:
    """Exchange a weight's feature axes group by group: (*window, in/groups, out) to (*window, out/groups, in).

    It is its own inverse, and turns the weight of a convolution into that of its transpose.
    """
    *window, inputs, outputs = w.shape
    split = w.reshape(*window, inputs, groups, outputs // groups)
    turned = jnp.swapaxes(split, -3, -1)
    return turned.reshape(*window, outputs // groups, groups * inputs)


def _promoted(x: Array, y: Array) -> tuple[Array, Array]:
    """The two in one dtype, which XLA's convolution asks for."""
    dtype = jnp.promote_types(x.dtype, y.dtype)
    return x.astype(dtype), y.astype(dtype)


def _last(axes: int) -> tuple[int, ...]:
    """The positions of batch, features and spatial axes in (batch, *spatial, features)."""
    return (0, axes + 1, *range(1, axes + 1))


def _window(axes: int) -> tuple[int, ...]:
    """The positions of outputs, inputs and spatial axes in (*window, inputs, outputs)."""
    return (axes + 1, axes, *range(axes))
