"""Convolution over windows: Y = Σ_j X_j·W_j, dX = Σ_j dY·W_jᵀ put back, dW_j = X_jᵀ·dY.

x: (batch, *spatial, in), w: (*window, in/groups, out), y and dy: (batch, *outputs, out). X_j is entry j of every window
(`fnn.kernels.windows.view`), W_j the matrix at that entry. With groups, features fall into as many equal runs, and
each run of outputs sees one run of inputs. Sums accumulate in float32 or wider, and results come in that dtype.

The same form computes the three passes of a convolution; `form` chooses it by shape.
"""

import enum
import math

import jax
from jaxtyping import Array, Float

from fnn.kernels.convolution import depthwise, direct, pointwise, split, unfolded, winograd
from fnn.kernels.convolution.direct import mirror as mirror
from fnn.kernels.windows import Windows


class Form(enum.Enum):
    """How a convolution is computed: one file each."""

    DIRECT = "direct"
    POINTWISE = "pointwise"
    DEPTHWISE = "depthwise"
    GROUPS = "split, by group"
    VOLUME = "split, by plane"
    UNFOLDED = "unfolded"
    WINOGRAD = "winograd"


def form(where: Windows, batch: int, inputs: int, outputs: int, groups: int) -> Form:
    """Choose the form for windows over `batch` arrays of `inputs` features that give `outputs`.

    On GPUs it is DIRECT: cuDNN chooses by itself. Time of forward and both gradients as a share of DIRECT's, on two
    cores of an AMD EPYC (Zen 4), jax 0.10.2, float32, `python -m experiments bench_vision`:

        POINTWISE   56x56, 64 to 256        0.30        DEPTHWISE   28x28, 128 features        0.09
                    56x56, 256 to 512, s 2  0.37        GROUPS      28x28, 256 in 32 groups    0.006
        WINOGRAD    32x32, 64 to 128        0.53                    28x28, 128 in 4 groups     0.06
                    56x56, 64 to 64         0.65        VOLUME      16x16x16, 16 to 32         0.21
                    28x28, 128 to 128       0.76
                    14x14, 256 to 256       1.00        and at 7x7, 512 to 512, 2.0: few tiles for their weights
        UNFOLDED    2x2, 512 to 512         0.03                    4x4, 128 to 128, 5x5       0.15
                    4x4, 256 to 512, s 2    0.06        arrays as large as the window: 3x3 0.85, 5x5 1.25
    """
    if jax.default_backend() != "cpu":
        return Form.DIRECT
    if groups > 1:
        return Form.DEPTHWISE if groups == inputs else Form.GROUPS
    if pointwise.suits(where):
        return Form.POINTWISE
    if len(where.sizes) == 3:
        return Form.VOLUME
    if unfolded.suits(where):
        return Form.UNFOLDED
    positions = batch * math.prod(where.outputs)
    if winograd.suits(where) and min(inputs, outputs) >= 32 and positions >= 32 * max(inputs, outputs):
        return Form.WINOGRAD
    return Form.DIRECT


def forward(x: Float[Array, "..."], w: Float[Array, "..."], where: Windows, groups: int = 1) -> Float[Array, "..."]:
    """Return Y."""
    match form(where, len(x), x.shape[-1], w.shape[-1], groups):
        case Form.POINTWISE:
            return pointwise.forward(x, w, where)
        case Form.DEPTHWISE:
            return depthwise.forward(x, w, where)
        case Form.GROUPS:
            return split.by_group(direct.forward, x, w, where, groups)
        case Form.VOLUME:
            return split.volume_forward(forward, x, w, where)
        case Form.WINOGRAD:
            return winograd.forward(x, w, where)
        case Form.UNFOLDED:
            return unfolded.forward(x, w, where)
        case Form.DIRECT:
            return direct.forward(x, w, where, groups)


def backward_input(
    dy: Float[Array, "..."], w: Float[Array, "..."], where: Windows, groups: int = 1
) -> Float[Array, "..."]:
    """Return dX."""
    inputs = w.shape[-2] * groups
    match form(where, len(dy), inputs, w.shape[-1], groups):
        case Form.POINTWISE:
            return pointwise.backward_input(dy, w, where)
        case Form.DEPTHWISE:
            return depthwise.backward_input(dy, w, where, inputs)
        case Form.GROUPS:
            return split.by_group(direct.backward_input, dy, w, where, groups)
        case Form.VOLUME:
            return split.volume_backward_input(backward_input, dy, w, where)
        case Form.WINOGRAD:
            return winograd.backward_input(dy, w, where)
        case Form.UNFOLDED:
            return unfolded.backward_input(dy, w, where)
        case Form.DIRECT:
            return direct.backward_input(dy, w, where, groups)


def backward_weight(
    x: Float[Array, "..."], dy: Float[Array, "..."], where: Windows, groups: int = 1
) -> Float[Array, "..."]:
    """Return dW."""
    match form(where, len(x), x.shape[-1], dy.shape[-1], groups):
        case Form.POINTWISE:
            return pointwise.backward_weight(x, dy, where)
        case Form.DEPTHWISE:
            return depthwise.backward_weight(x, dy, where)
        case Form.GROUPS:
            return split.by_group(direct.backward_weight, x, dy, where, groups)
        case Form.VOLUME:
            return split.volume_backward_weight(backward_weight, x, dy, where)
        case Form.WINOGRAD:
            return winograd.backward_weight(x, dy, where)
        case Form.UNFOLDED:
            return unfolded.backward_weight(x, dy, where)
        case Form.DIRECT:
            return direct.backward_weight(x, dy, where, groups)
