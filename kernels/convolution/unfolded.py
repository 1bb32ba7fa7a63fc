"""Convolution of arrays that are smaller than the window: the windows unfolded, and one matrix product.

With U[o, j] = X[o stride + j dilation - low], rows of a matrix, Y = U·W, dU = dY·Wᵀ and dW = Uᵀ·dY; dX is dU folded.
XLA on a CPU computes a convolution whose input, or in the backward dY, is smaller than its window along some axis by
naive loops: 3x3 at 2x2, 512 to 512 features, 131 ms instead of 2.7.
"""

from jaxtyping import Array, Float

from fnn.kernels.linear import product
from fnn.kernels.windows import Windows, fold, unfold

MOST = 64
"""Entries of a window, each of which is an operation of the program."""


def forward(x: Float[Array, "..."], w: Float[Array, "..."], where: Windows) -> Float[Array, "..."]:
    """Return Y in the accumulation dtype."""
    rank = x.ndim - 1
    return product(unfold(x, where), w, (tuple(range(rank, 2 * rank)), tuple(range(rank))))


def backward_input(dy: Float[Array, "..."], w: Float[Array, "..."], where: Windows) -> Float[Array, "..."]:
    """Return dX in the accumulation dtype."""
    return fold(product(dy, w, ((dy.ndim - 1,), (w.ndim - 1,))), where)


def backward_weight(x: Float[Array, "..."], dy: Float[Array, "..."], where: Windows) -> Float[Array, "..."]:
    """Return dW in the accumulation dtype."""
    rows = tuple(range(dy.ndim - 1))
    return product(unfold(x, where), dy, (rows, rows))


def suits(where: Windows) -> bool:
    """Return whether an input or output is smaller than the window along an axis, and the window small itself."""
    sizes = zip(where.sizes, where.outputs, where.extent, strict=True)
    return where.size <= MOST and any(min(n, o) < e for n, o, e in sizes)
