"""What all pools ask of their input."""

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array

from fnn.kernels.windows import Padding, Size, Windows, positive, windows


def spatial(name: str, x: Array) -> tuple[int, ...]:
    """Return the sizes of x's spatial axes; raise unless it is a float array (batch, *spatial, channels)."""
    if not 3 <= x.ndim <= 5:
        raise ValueError(
            f"{name}: x has shape {x.shape}, wanted (batch, *spatial, channels) with one to three spatial axes."
        )
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise TypeError(f"{name}: x is {x.dtype}, wanted floating point; cast it first.")
    if 0 in x.shape[1:-1]:
        raise ValueError(f"{name}: the spatial axes have sizes {x.shape[1:-1]}, wanted no empty axis.")
    return x.shape[1:-1]


def pooled(name: str, x: Array, window: Size, stride: Size | None, padding: Padding, dilation: Size) -> Windows:
    """Return the windows of a pool over x; the stride is the window unless it is given."""
    return windows(name, spatial(name, x), window, window if stride is None else stride, padding, dilation)


def wanted(name: str, size: Size, sizes: Sequence[int]) -> tuple[int, ...]:
    """Return how many outputs each spatial axis is to have."""
    return positive(name, "size", size, len(sizes))
