"""Products of matrices: linear (the dense layer), matmul, bilinear. Kernels: `fnn.kernels.linear`.

The products accumulate in float32 or wider and come back in the dtype of the array that they belong to.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from fnn.kernels import linear as kernel
from fnn.kernels.numerics import wide_dtype
from fnn.rule import Static, rule
from fnn.rules.broadcasting import unbroadcast


@rule
def linear(
    x: Float[Array, "*batch inputs"], w: Float[Array, "inputs outputs"], b: Float[Array, " outputs"] | None = None
):
    """Y = X·W + b.

    x: (..., in_features), any leading batch axes; w: (in_features, out_features); b: (out_features,) or None.
    y: (..., out_features).

        dX = dY·Wᵀ,   dW = Xᵀ·dY,   db = Σ dY over the batch

    Keeps x and w: dW needs the one, dX the other, and both stand in memory already. Raises ValueError for shapes
    that do not fit. Source: Goodfellow, Bengio and Courville (2016), section 6.5.

    >>> import jax, jax.numpy as jnp
    >>> x, w = jnp.array([[1.0, 2.0]]), jnp.array([[3.0], [4.0]])
    >>> linear(x, w).tolist()
    [[11.0]]
    >>> jax.grad(lambda w: linear(x, w).sum())(w).tolist()
    [[1.0], [2.0]]
    """
    if w.ndim != 2 or x.ndim == 0 or x.shape[-1] != w.shape[0]:
        raise ValueError(
            f"linear: x has shape {x.shape} and w {w.shape}, wanted x (..., in_features) and w "
            "(in_features, out_features) with the same in_features."
        )
    if b is not None and b.shape != w.shape[1:]:
        raise ValueError(f"linear: b has shape {b.shape}, wanted w's out_features {w.shape[1:]}.")
    return kernel.forward(x, w, b), (x, w, Static(b is not None))


@linear.backward
def linear_backward(saved, dy):
    """DX = dY·Wᵀ,  dW = Xᵀ·dY,  db = Σ dY over the batch."""
    x, w, has_bias = saved
    db = kernel.backward_bias(dy) if has_bias.value else None
    return kernel.backward_input(dy, w), kernel.backward_weight(x, dy), db


@rule
def matmul(x: Float[Array, "... n k"], y: Float[Array, "... k m"]):
    """Z = X·Y for matrices, or for stacks of them whose leading axes broadcast.

    x: (..., n, k), y: (..., k, m), z: (..., n, m).

        dX = dZ·Yᵀ,   dY = Xᵀ·dZ, each summed over the axes along which it was stretched

    Keeps x and y. Raises ValueError for vectors (use dot) and for shapes that do not fit.
    """
    if x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-2]:
        raise ValueError(
            f"matmul: x has shape {x.shape} and y {y.shape}, wanted (..., n, k) and (..., k, m); "
            "for vectors use dot, for a layer linear."
        )
    try:
        jnp.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    except ValueError:
        raise ValueError(
            f"matmul: the leading axes {x.shape[:-2]} and {y.shape[:-2]} do not broadcast; they must be equal or 1."
        ) from None
    return _matmul(x, y).astype(x.dtype), (x, y)


@matmul.backward
def matmul_backward(saved, dz):
    """DX = dZ·Yᵀ, dY = Xᵀ·dZ."""
    x, y = saved
    return unbroadcast(_matmul(dz, y.mT), x.shape), unbroadcast(_matmul(x.mT, dz), y.shape)


def _matmul(x: Array, y: Array) -> Array:
    leading = jnp.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    x = jnp.broadcast_to(x, leading + x.shape[-2:])
    y = jnp.broadcast_to(y, leading + y.shape[-2:])
    batch = tuple(range(len(leading)))
    return kernel.product(x, y, ((x.ndim - 1,), (y.ndim - 2,)), (batch, batch))


@rule
def bilinear(
    x1: Float[Array, "*batch inputs1"],
    x2: Float[Array, "*batch inputs2"],
    w: Float[Array, "inputs1 inputs2 outputs"],
    b: Float[Array, " outputs"] | None = None,
):
    """Y_k = Σ_ij X1_i W_ijk X2_j + b_k.

    x1: (..., in1_features), x2: (..., in2_features), w: (in1_features, in2_features, out_features),
    b: (out_features,) or None. y: (..., out_features).

        dX1_i = Σ_jk W_ijk X2_j dY_k,   dX2_j = Σ_ik W_ijk X1_i dY_k
        dW_ijk = Σ X1_i X2_j dY_k over the batch,   db = Σ dY over the batch

    Keeps x1, x2 and w. Raises ValueError for shapes that do not fit.
    """
    if w.ndim != 3 or x1.shape[:-1] != x2.shape[:-1] or (*x1.shape[-1:], *x2.shape[-1:]) != w.shape[:2]:
        raise ValueError(
            f"bilinear: x1 has shape {x1.shape}, x2 {x2.shape} and w {w.shape}, wanted x1 (..., in1_features), "
            "x2 (..., in2_features) with the same leading axes, and w (in1_features, in2_features, out_features)."
        )
    if b is not None and b.shape != w.shape[2:]:
        raise ValueError(f"bilinear: b has shape {b.shape}, wanted w's out_features {w.shape[2:]}.")
    y = _einsum("...i,...j,ijk->...k", x1, x2, w)
    if b is not None:
        y = y + jnp.broadcast_to(b.astype(y.dtype), y.shape)
    return y.astype(x1.dtype), (x1, x2, w, Static(b is not None))


@bilinear.backward
def bilinear_backward(saved, dy):
    """dX1 = W·X2·dY, dX2 = W·X1·dY, dW = Σ X1 ⊗ X2 ⊗ dY, db = Σ dY."""
    x1, x2, w, has_bias = saved
    dx1 = _einsum("ijk,...j,...k->...i", w, x2, dy)
    dx2 = _einsum("ijk,...i,...k->...j", w, x1, dy)
    dw = _einsum("...i,...j,...k->ijk", x1, x2, dy)
    return dx1, dx2, dw, kernel.backward_bias(dy) if has_bias.value else None


def _einsum(formula: str, *operands: Array) -> Array:
    return jnp.einsum(formula, *operands, preferred_element_type=wide_dtype(jnp.result_type(*operands)))
