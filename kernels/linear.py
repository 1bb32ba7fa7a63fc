"""Matrix products of a dense layer: Y = X·W + b, dX = dY·Wᵀ, dW = Xᵀ·dY, db = Σ dY.

x: (..., in_features), w: (in_features, out_features), b: (out_features,), y and dy: (..., out_features). Leading axes
are the batch and are folded into one, so each product is a single matrix product whatever their number. Products
accumulate in float32 or wider (`preferred_element_type`) and are returned in the dtype of the array they belong to.
"""

import math

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fnn.kernels.numerics import wide, wide_dtype


def forward(
    x: Float[Array, "*batch inputs"], w: Float[Array, "inputs outputs"], b: Float[Array, " outputs"] | None = None
) -> Float[Array, "*batch outputs"]:
    """Return X·W + b."""
    y = product(x, w, ((x.ndim - 1,), (0,)))
    if b is not None:
        y = y + lax.broadcast_in_dim(wide(b).astype(y.dtype), y.shape, (y.ndim - 1,))
    return y.astype(x.dtype)


def backward_input(
    dy: Float[Array, "*batch outputs"], w: Float[Array, "inputs outputs"]
) -> Float[Array, "*batch inputs"]:
    """Return dX = dY·Wᵀ."""
    return product(dy, w, ((dy.ndim - 1,), (1,))).astype(dy.dtype)


def backward_weight(
    x: Float[Array, "*batch inputs"], dy: Float[Array, "*batch outputs"]
) -> Float[Array, "inputs outputs"]:
    """Return dW = Xᵀ·dY, in the accumulation dtype.

    Of two matrices, for XLA would write Xᵀ down where more axes than one are contracted: 37 ms of the 520 of a small
    transformer's step, whose X is widest where the activation goes out.
    """
    rows = math.prod(x.shape[:-1])
    return product(x.reshape(rows, x.shape[-1]), dy.reshape(rows, dy.shape[-1]), ((0,), (0,)))


def backward_bias(dy: Float[Array, "*batch outputs"]) -> Float[Array, " outputs"]:
    """Return db = Σ dY over the batch, in the accumulation dtype."""
    return wide(dy).sum(tuple(range(dy.ndim - 1)))


def product(x: Array, y: Array, contract: tuple[tuple[int, ...], tuple[int, ...]], batch=((), ())) -> Array:
    """Contract axes of x with axes of y, accumulating in float32 or wider; the result keeps that dtype."""
    dtype = jnp.promote_types(x.dtype, y.dtype)
    x, y = x.astype(dtype), y.astype(dtype)
    return lax.dot_general(x, y, (contract, batch), preferred_element_type=wide_dtype(dtype))
