"""Borders and joins: pad, concatenate. Kernel: `fnn.kernels.padding`."""

from typing import Any, get_args

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Num

from fnn.kernels import padding as kernel
from fnn.kernels.padding import Mode
from fnn.rule import Static, rule


@rule
def pad(x: Num[Array, "..."], *, padding: int | tuple[int | tuple[int, int], ...], mode: Mode = "zeros"):
    """Put a border around the spatial axes, filled with zeros, or with what x holds elsewhere.

    x: (batch, *spatial, channels); y: (batch, *(low + spatial + high), channels). `padding` is a number of entries for
    both sides of every axis, or a tuple of one for each axis, each a number or a (low, high) pair. Around 0 1 2 3 stand

        zeros          0 0 | 0 1 2 3 | 0 0
        reflect        2 1 | 0 1 2 3 | 2 1        the edge is not repeated
        circular       2 3 | 0 1 2 3 | 0 1
        replicate      0 0 | 0 1 2 3 | 3 3

        dX = dY inside, plus the border of dY at the entries that it was read from

    Keeps nothing. Raises ValueError for negative padding, for reflect unless the padding is smaller than the axis, for
    circular unless it is no larger, and unless x has a batch, one to three spatial axes, and channels.

    >>> import jax, jax.numpy as jnp
    >>> x = jnp.arange(4.0).reshape(1, 4, 1)
    >>> pad(x, padding=((2, 1),), mode="reflect").ravel().tolist()
    [2.0, 1.0, 0.0, 1.0, 2.0, 3.0, 2.0]
    >>> jax.grad(lambda x: pad(x, padding=((2, 1),), mode="reflect").sum())(x).ravel().tolist()
    [1.0, 2.0, 3.0, 1.0]
    """
    return kernel.pad(x, _pairs(x, padding, mode), mode), Static(x.shape)


@pad.backward
def pad_backward(shape, dy, *, padding, mode):
    """DX = dY without the border, which is folded back."""
    return kernel.pad_backward(dy, _each(padding, len(shape.value) - 2), mode)


@rule
def concatenate(xs: tuple[Num[Array, "..."], ...], *, axis: int = -1):
    """Y = the arrays one after another along an axis; dX of each is its slice of dY. Keeps nothing.

    All arrays have one dtype, and one shape but for the size of that axis. Raises ValueError and TypeError otherwise,
    and for a tuple of none.

    >>> import jax.numpy as jnp
    >>> concatenate((jnp.ones((1, 2)), jnp.zeros((1, 1)))).tolist()
    [[1.0, 1.0, 0.0]]
    """
    if not isinstance(xs, tuple) or not xs:
        got = "a tuple of none" if isinstance(xs, tuple) else f"a {type(xs).__name__}"
        raise TypeError(f"concatenate: xs is {got}, wanted a tuple of at least one array.")
    shapes, dtypes = [x.shape for x in xs], [x.dtype for x in xs]
    axes = xs[0].ndim
    if not -axes <= axis < axes:
        raise ValueError(f"concatenate: axis = {axis} for arrays of shapes {shapes}, wanted one of their axes.")
    axis %= axes
    if len({(len(shape), shape[:axis], shape[axis + 1 :]) for shape in shapes}) > 1:
        raise ValueError(f"concatenate: the arrays have shapes {shapes}, wanted equal shapes but for axis {axis}.")
    if len(set(dtypes)) > 1:
        raise TypeError(
            f"concatenate: the arrays are {', '.join(map(str, dtypes))}, wanted one dtype; cast them first."
        )
    return jnp.concatenate(xs, axis), Static((axis, tuple(shape[axis] for shape in shapes)))


@concatenate.backward
def concatenate_backward(where, dy):
    """DX = the slices of dY."""
    axis, sizes = where.value
    ends = [sum(sizes[: number + 1]) for number in range(len(sizes))]
    return tuple(lax.slice_in_dim(dy, end - size, end, axis=axis) for size, end in zip(sizes, ends, strict=True))


def _pairs(x: Array, padding: Any, mode: str) -> tuple[tuple[int, int], ...]:
    """Return (low, high) for each spatial axis, or say what is wrong."""
    if mode not in get_args(Mode):
        raise ValueError(f"pad: mode = {mode!r}, wanted one of {', '.join(get_args(Mode))}.")
    if not 3 <= x.ndim <= 5 or 0 in x.shape[1:]:
        raise ValueError(
            f"pad: x has shape {x.shape}, wanted (batch, *spatial, channels) with one to three spatial axes, none of "
            "them empty."
        )
    pairs = _each(padding, x.ndim - 2)
    whole = all(len(pair) == 2 and all(type(number) is int and number >= 0 for number in pair) for pair in pairs)
    if len(pairs) != x.ndim - 2 or not whole:
        raise ValueError(
            f"pad: padding = {padding!r}, wanted a number of entries >= 0, or a tuple of {x.ndim - 2}, one for each "
            "spatial axis, each a number or a (low, high) pair."
        )
    for n, pair in zip(x.shape[1:-1], pairs, strict=True):
        if mode == "reflect" and max(pair) >= n:
            raise ValueError(
                f"pad: padding {pair} reflects more than an axis of size {n} has beyond its edge, wanted at most "
                f"{n - 1}; replicate has no such limit."
            )
        if mode == "circular" and max(pair) > n:
            raise ValueError(f"pad: padding {pair} goes more than once round an axis of size {n}, wanted at most {n}.")
    return pairs


def _each(padding: Any, axes: int) -> tuple[Any, ...]:
    each = padding if isinstance(padding, tuple) else (padding,) * axes
    return tuple(pair if isinstance(pair, tuple) else (pair, pair) for pair in each)
