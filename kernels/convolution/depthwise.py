"""Depthwise convolution, where each feature has windows of its own: multiply-adds of shifted arrays, no product.

    Y = Σ_j X_j W_j,   dX = Σ_j dY W_j put back,   dW_j = Σ X_j dY over batch and positions

Feature f has `multiplier` windows, w[..., 0, f multiplier + t]; X is stretched to one feature a window and dX summed
over them. XLA on a CPU would compute a dense convolution of the whole width. The sums of dW are taken image by image,
while X and dY of one image are in the cache.
Source: Chollet (2017), "Xception", arXiv:1610.02357.
"""

from functools import partial

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fnn.kernels.convolution.passes import Form
from fnn.kernels.numerics import wide
from fnn.kernels.windows import Windows, overlap_add, pad, view


def form(features: int) -> Form:
    """Return the form for so many features of the input."""
    return Form(forward, partial(backward_input, features=features), backward_weight)


def forward(x: Float[Array, "..."], w: Float[Array, "..."], where: Windows) -> Float[Array, "..."]:
    """Return Y in the accumulation dtype."""
    w = wide(w)
    padded = pad(_stretched(wide(x), w.shape[-1]), where)
    first, *others = [view(padded, where, entry) * _row(w, entry) for entry in where.entries]
    return sum(others, first)


def backward_input(
    dy: Float[Array, "..."], w: Float[Array, "..."], where: Windows, features: int
) -> Float[Array, "..."]:
    """Return dX, of `features` features, in the accumulation dtype."""
    dy, w = wide(dy), wide(w)
    dx = overlap_add(lambda entry: dy * _row(w, entry), where)
    outputs = dx.shape[-1]
    return dx.reshape(*dx.shape[:-1], features, outputs // features).sum(-1) if features < outputs else dx


def backward_weight(x: Float[Array, "..."], dy: Float[Array, "..."], where: Windows) -> Float[Array, "..."]:
    """Return dW in the accumulation dtype."""
    over = tuple(range(x.ndim - 1))

    def add(total, image):
        x, dy = (wide(array)[None] for array in image)
        padded = pad(_stretched(x, dy.shape[-1]), where)
        return total + jnp.stack([(view(padded, where, entry) * dy).sum(over) for entry in where.entries]), None

    start = jnp.zeros((where.size, dy.shape[-1]), wide(dy).dtype)
    sums, _ = lax.scan(add, start, (x, dy))
    return sums.reshape(*where.window, 1, dy.shape[-1])


def _row(w: Array, entry: tuple[int, ...]) -> Array:
    """W_j, with an axis for the batch and each position."""
    return w[entry].reshape((1,) * (w.ndim - 1) + w.shape[-1:])


def _stretched(x: Array, outputs: int) -> Array:
    return x if outputs == x.shape[-1] else jnp.repeat(x, outputs // x.shape[-1], -1)
