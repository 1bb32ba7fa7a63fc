"""Units that pair features: the gated linear units, and maxout.

A gated unit splits the axis into halves (A, B). The input is kept once; autodiff keeps the gate's parts as well.
"""

from collections.abc import Callable

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fnn.kernels.numerics import wide
from fnn.rule import Static, rule
from fnn.rules.activations.smooth_gates import gelu, gelu_derivative, silu, silu_derivative


@rule
def glu(x: Float[Array, "..."], *, axis: int = -1):
    """Y = A σ(B) with X = [A, B] along the axis; dA = dY σ(B), dB = dY A σ(B) σ(-B). Keeps X.

    X: (..., 2 features), Y: (..., features). Raises ValueError when the axis is odd.
    Source: Dauphin et al. (2017), arXiv:1612.08083.
    """
    a, b = _halves("glu", x, axis)
    return (wide(a) * lax.logistic(wide(b))).astype(x.dtype), x


@glu.backward
def glu_backward(x, dy, *, axis):
    """DA = dY σ(B), dB = dY A σ(B) σ(-B)."""
    a, b = map(wide, jnp.split(x, 2, axis))
    gate = lax.logistic(b)
    da = wide(dy) * gate
    return jnp.concatenate([da, da * a * lax.logistic(-b)], axis)


@rule
def swiglu(x: Float[Array, "..."], *, axis: int = -1):
    """Y = silu(A) B with X = [A, B] along the axis; dA = dY B silu'(A), dB = dY silu(A). Keeps X.

    X: (..., 2 features), Y: (..., features). Raises ValueError when the axis is odd.
    Source: Shazeer (2020), arXiv:2002.05202.
    """
    a, b = _halves("swiglu", x, axis)
    return (silu.plain(wide(a)) * wide(b)).astype(x.dtype), x


@swiglu.backward
def swiglu_backward(x, dy, *, axis):
    """dA = dY B silu'(A), dB = dY silu(A)."""
    return _gated_backward(silu.plain, silu_derivative, x, dy, axis)


@rule
def geglu(x: Float[Array, "..."], *, axis: int = -1):
    """Y = gelu(A) B with X = [A, B] along the axis; dA = dY B gelu'(A), dB = dY gelu(A). Keeps X.

    X: (..., 2 features), Y: (..., features). Raises ValueError when the axis is odd.
    Source: Shazeer (2020), arXiv:2002.05202.
    """
    a, b = _halves("geglu", x, axis)
    return (gelu.plain(wide(a)) * wide(b)).astype(x.dtype), x


@geglu.backward
def geglu_backward(x, dy, *, axis):
    """dA = dY B gelu'(A), dB = dY gelu(A)."""
    return _gated_backward(gelu.plain, gelu_derivative, x, dy, axis)


def _gated_backward(gate: Callable, derivative: Callable, x: Array, dy: Array, axis: int) -> Array:
    a, b = map(wide, jnp.split(x, 2, axis))
    dy = wide(dy)
    return jnp.concatenate([dy * b * derivative(a), dy * gate(a)], axis)


def _halves(name: str, x: Array, axis: int) -> list[Array]:
    if not -x.ndim <= axis < x.ndim or x.shape[axis] % 2:
        raise ValueError(f"{name}: x has shape {x.shape}, wanted an even number of features along axis {axis}.")
    return jnp.split(x, 2, axis)


@rule
def maxout(x: Float[Array, "... features"], *, pieces: int = 2):
    """Y_j = max over k of X_{j·pieces + k}: each run of `pieces` features gives its largest.

    X: (..., features · pieces), Y: (..., features). The cotangent goes to the winner, the first one at a tie; a NaN
    wins. Keeps one small integer an output; autodiff keeps a floating mask of the input's size and the number of
    ties. Raises ValueError when the features are no multiple of `pieces`. Source: Goodfellow et al. (2013),
    arXiv:1302.4389.
    """
    if pieces < 1 or x.ndim == 0 or x.shape[-1] % pieces:
        raise ValueError(f"maxout: x has shape {x.shape}, wanted a multiple of pieces = {pieces} on its last axis.")
    split = x.reshape(*x.shape[:-1], x.shape[-1] // pieces, pieces)
    index_dtype = jnp.uint8 if pieces <= 256 else jnp.uint32
    return split.max(-1), (split.argmax(-1).astype(index_dtype), Static(x.shape))


@maxout.backward
def maxout_backward(saved, dy, *, pieces):
    """DX = dY at the winner, 0 elsewhere."""
    winner, shape = saved
    index = lax.broadcasted_iota(winner.dtype, (*winner.shape, pieces), winner.ndim)
    dx = jnp.where(index == winner[..., None], dy[..., None], jnp.zeros((), dy.dtype))
    return dx.reshape(shape.value)
