"""Convolution with a window of one entry: a matrix product at each position, Y = X·W, dX = dY·Wᵀ, dW = Xᵀ·dY.

With a stride only every stride-th entry is seen, and the others get no gradient.
"""

from jax import lax
from jaxtyping import Array, Float

from fnn.kernels.linear import product
from fnn.kernels.windows import Windows, overlap_add, pad, view


def forward(x: Float[Array, "..."], w: Float[Array, "..."], where: Windows) -> Float[Array, "..."]:
    """Return Y in the accumulation dtype."""
    return product(_seen(x, where), _matrix(w), ((x.ndim - 1,), (0,)))


def backward_input(dy: Float[Array, "..."], w: Float[Array, "..."], where: Windows) -> Float[Array, "..."]:
    """Return dX in the accumulation dtype."""
    return overlap_add(lambda entry: product(dy, _matrix(w), ((dy.ndim - 1,), (1,))), where)


def backward_weight(x: Float[Array, "..."], dy: Float[Array, "..."], where: Windows) -> Float[Array, "..."]:
    """Return dW in the accumulation dtype."""
    batch = tuple(range(dy.ndim - 1))
    dw = product(_seen(x, where), dy, (batch, batch))
    return lax.expand_dims(dw, range(len(where.sizes)))


def suits(where: Windows) -> bool:
    """Return whether the window has one entry."""
    return where.size == 1


def _seen(x: Array, where: Windows) -> Array:
    return view(pad(x, where), where, (0,) * len(where.sizes))


def _matrix(w: Array) -> Array:
    return w.reshape(w.shape[-2:])
