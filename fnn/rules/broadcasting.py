"""Broadcasting and its adjoint: an axis that was stretched in the forward is summed in the backward."""

import jax.numpy as jnp
from jaxtyping import Array

from fnn.kernels.numerics import wide


def broadcast(name: str, x: Array, y: Array) -> tuple[Array, Array]:
    """Stretch x and y to their common shape (NumPy's rules), or say that they have none."""
    try:
        shape = jnp.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        raise ValueError(
            f"{name}: the shapes {x.shape} and {y.shape} do not broadcast; axes, counted from the last, must be "
            "equal or 1."
        ) from None
    return jnp.broadcast_to(x, shape), jnp.broadcast_to(y, shape)


def unbroadcast(dz: Array, shape: tuple[int, ...]) -> Array:
    """Sum dz over the axes that broadcasting `shape` to dz's shape had added or stretched.

    Broadcasting copies x along those axes; the gradient of a copy is the sum of the cotangents. Sums accumulate in
    float32 or wider.
    """
    if dz.shape == shape:
        return dz
    added = dz.ndim - len(shape)
    stretched = tuple(added + axis for axis, size in enumerate(shape) if size == 1 and dz.shape[added + axis] != 1)
    return wide(dz).sum(tuple(range(added)) + stretched).reshape(shape).astype(dz.dtype)
