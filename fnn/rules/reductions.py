"""Sums and means over axes, and the inner product. Accumulation is in float32 or wider."""

from math import prod

import jax.numpy as jnp
from jaxtyping import Array, Float

from fnn.kernels.numerics import wide
from fnn.rule import Static, rule

Axes = int | tuple[int, ...] | None


@rule
def sum(x: Float[Array, "..."], *, axis: Axes = None, keepdims: bool = False):
    """Y = Σ x over the axes (all by default), dx = dy for every summand. Keeps nothing."""
    return _sum("sum", x, axis, keepdims), Static(x.shape)


@sum.backward
def sum_backward(shape, dy, *, axis, keepdims):
    """dx = dy, stretched to x's shape."""
    return _stretch(dy, shape.value, axis, keepdims)


@rule
def mean(x: Float[Array, "..."], *, axis: Axes = None, keepdims: bool = False):
    """Y = Σ x / n over the axes (all by default), dx = dy / n. Keeps nothing.

    The mean of no entries is NaN, and has no gradient to give.
    """
    count = _count(x.shape, _axes("mean", x.ndim, axis))
    total = wide(_sum("mean", wide(x), axis, keepdims))
    return (total / count if count else jnp.full_like(total, jnp.nan)).astype(x.dtype), Static(x.shape)


@mean.backward
def mean_backward(shape, dy, *, axis, keepdims):
    """dx = dy / n."""
    count = _count(shape.value, _axes("mean", len(shape.value), axis))
    return _stretch(wide(dy) / max(count, 1), shape.value, axis, keepdims)


@rule
def dot(x: Float[Array, "... n"], y: Float[Array, "... n"]):
    """Z = Σ x y over the last axis, dx = dz y, dy = dz x. Shapes must be equal. Keeps x and y."""
    if x.shape != y.shape or x.ndim == 0:
        raise ValueError(f"dot: x has shape {x.shape} and y {y.shape}, wanted equal shapes with at least one axis.")
    return (wide(x) * wide(y)).sum(-1).astype(x.dtype), (x, y)


@dot.backward
def dot_backward(saved, dz):
    """dx = dz y, dy = dz x."""
    x, y = map(wide, saved)
    dz = wide(dz)[..., None]
    return dz * y, dz * x


def _axes(name: str, ndim: int, axis: Axes) -> tuple[int, ...]:
    """Return the axes as distinct non-negative numbers, or say what is wrong with them."""
    given = tuple(range(ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
    axes = tuple(number % ndim if -ndim <= number < ndim else ndim for number in given)
    if ndim in axes or len(set(axes)) < len(axes):
        raise ValueError(f"{name}: axis = {axis} for an array of {ndim} axes, wanted distinct axes of the array.")
    return axes


def _count(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    return prod(shape[axis] for axis in axes)


def _sum(name: str, x: Array, axis: Axes, keepdims: bool) -> Array:
    return wide(x).sum(_axes(name, x.ndim, axis), keepdims=keepdims).astype(x.dtype)


def _stretch(dy: Array, shape: tuple[int, ...], axis: Axes, keepdims: bool) -> Array:
    axes = _axes("sum", len(shape), axis)
    kept = tuple(1 if number in axes else size for number, size in enumerate(shape))
    return jnp.broadcast_to(dy.reshape(kept), shape)
