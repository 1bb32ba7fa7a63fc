"""Convolution over windows: Y = Σ_j X_j·W_j, dX = Σ_j dY·W_jᵀ put back, dW_j = X_jᵀ·dY.

x: (batch, *spatial, in), w: (*window, in/groups, out), y and dy: (batch, *outputs, out). X_j is entry j of every window
(`fnn.kernels.windows.view`), W_j the matrix at that entry. With groups, features fall into as many equal runs, and
each run of outputs sees one run of inputs. Sums accumulate in float32 or wider, and results come in that dtype.

The same form computes the three passes of a convolution; `form` chooses it by shape.
"""

import math

import jax
from jaxtyping import Array, Float

from fnn.kernels.convolution import depthwise, direct, pointwise, split, unfolded, winograd
from fnn.kernels.convolution.direct import mirror as mirror
from fnn.kernels.convolution.passes import Form
from fnn.kernels.windows import Windows

DIRECT = direct.form()
POINTWISE = Form(pointwise.forward, pointwise.backward_input, pointwise.backward_weight)
UNFOLDED = Form(unfolded.forward, unfolded.backward_input, unfolded.backward_weight)
WINOGRAD = Form(winograd.forward, winograd.backward_input, winograd.backward_weight)


def form(where: Windows, batch: int, inputs: int, outputs: int, groups: int) -> Form:
    """Choose the form for windows over `batch` arrays of `inputs` features that give `outputs`.

    On GPUs it is DIRECT: cuDNN chooses by itself. Time of forward and both gradients as a share of DIRECT's, on two
    cores of an AMD EPYC (Zen 4), jax 0.10.2, float32, `python -m experiments bench_vision`:

        POINTWISE   56x56, 64 to 256        0.30        depthwise   28x28, 128 features        0.09
                    56x56, 256 to 512, s 2  0.37        by group    28x28, 256 in 32 groups    0.006
        WINOGRAD    32x32, 64 to 128        0.53                    28x28, 128 in 4 groups     0.06
                    56x56, 64 to 64         0.65        by plane    16x16x16, 16 to 32         0.21
                    28x28, 128 to 128       0.76
                    14x14, 256 to 256       1.00        and at 7x7, 512 to 512, 2.0: few tiles for their weights
        UNFOLDED    2x2, 512 to 512         0.03                    4x4, 128 to 128, 5x5       0.15
                    4x4, 256 to 512, s 2    0.06        arrays as large as the window: 3x3 0.85, 5x5 1.25
    """
    if jax.default_backend() != "cpu":
        return direct.form(groups)
    if groups > 1:
        return depthwise.form(groups) if groups == inputs else split.by_group(DIRECT, groups)
    if pointwise.suits(where):
        return POINTWISE
    if len(where.sizes) == 3:
        return split.by_plane(form(where.along(slice(1, None)), batch * where.outputs[0], inputs, outputs, 1))
    if unfolded.suits(where):
        return UNFOLDED
    positions = batch * math.prod(where.outputs)
    if winograd.suits(where) and min(inputs, outputs) >= 32 and positions >= 32 * max(inputs, outputs):
        return WINOGRAD
    return DIRECT


def forward(x: Float[Array, "..."], w: Float[Array, "..."], where: Windows, groups: int = 1) -> Float[Array, "..."]:
    """Return Y."""
    return form(where, len(x), x.shape[-1], w.shape[-1], groups).forward(x, w, where)


def backward_input(
    dy: Float[Array, "..."], w: Float[Array, "..."], where: Windows, groups: int = 1
) -> Float[Array, "..."]:
    """Return dX."""
    return form(where, len(dy), w.shape[-2] * groups, w.shape[-1], groups).backward_input(dy, w, where)


def backward_weight(
    x: Float[Array, "..."], dy: Float[Array, "..."], where: Windows, groups: int = 1
) -> Float[Array, "..."]:
    """Return dW."""
    return form(where, len(x), x.shape[-1], dy.shape[-1], groups).backward_weight(x, dy, where)
