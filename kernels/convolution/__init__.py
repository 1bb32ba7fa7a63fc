"""Convolution over windows: Y = Σ_j X_j·W_j, dX = Σ_j dY·W_jᵀ put back, dW_j = X_jᵀ·dY.

x: (batch, *spatial, in), w: (*window, in/groups, out), y and dy: (batch, *outputs, out). X_j is entry j of every window
(`fnn.kernels.windows.view`), W_j the matrix at that entry. With groups, features fall into as many equal runs, and
each run of outputs sees one run of inputs. Sums accumulate in float32 or wider, and results come in that dtype.
"""

from jaxtyping import Array, Float

from fnn.kernels.convolution import direct
from fnn.kernels.convolution.direct import mirror as mirror
from fnn.kernels.windows import Windows


def forward(x: Float[Array, "..."], w: Float[Array, "..."], where: Windows, groups: int = 1) -> Float[Array, "..."]:
    """Return Y."""
    return direct.forward(x, w, where, groups)


def backward_input(
    dy: Float[Array, "..."], w: Float[Array, "..."], where: Windows, groups: int = 1
) -> Float[Array, "..."]:
    """Return dX."""
    return direct.backward_input(dy, w, where, groups)


def backward_weight(
    x: Float[Array, "..."], dy: Float[Array, "..."], where: Windows, groups: int = 1
) -> Float[Array, "..."]:
    """Return dW."""
    return direct.backward_weight(x, dy, where, groups)
