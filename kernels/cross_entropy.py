"""Softmax cross-entropy on logits: two numbers a row are kept, the probabilities are made again in the backward.

    ℓ = Σ_c u_c (s - (z_c - m)),   m = max_c z_c,   s = log Σ_c exp(z_c - m),   u_c = a_c t_c
    dz_c = dℓ (P_c Σ u - u_c),   P_c = exp(z_c - m - s)

m and s are kept apart: their sum, the log-sum-exp, would lose the digits of s where m is large.

t is the target distribution along the last axis and a the class weights (1 by default). Integer labels never become
an array of one-hot rows in memory: `distribution` compares them with the class numbers, which fuses into its use.
Where u_c = 0 the term is 0 even for a logit of -inf, so masked classes do no harm.
"""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fnn.kernels.numerics import wide, wide_dtype
from fnn.kernels.softmax import normaliser


def distribution(targets: Array, classes: int, label_smoothing: float, dtype) -> Float[Array, "... classes"]:
    """Return the target distribution: one-hot rows of integer labels, or soft targets as given, smoothed.

    Smoothing by ε mixes in the uniform distribution: (1 - ε) t + ε / classes.
    """
    if jnp.issubdtype(targets.dtype, jnp.integer):
        index = lax.broadcasted_iota(targets.dtype, (*targets.shape, classes), targets.ndim)
        t = (index == targets[..., None]).astype(dtype)
    else:
        t = targets.astype(dtype)
    return (1 - label_smoothing) * t + label_smoothing / classes if label_smoothing else t


def forward(
    logits: Float[Array, "*batch classes"], u: Float[Array, "*batch classes"]
) -> tuple[Float[Array, "*batch"], tuple[Float[Array, "*batch"], Float[Array, "*batch"]]]:
    """Return (ℓ, (m, s))."""
    norm = normaliser(logits, -1)
    return (u * surprisal(logits, norm, u)).sum(-1), norm


def surprisal(logits: Array, norm: tuple[Array, Array], u: Array | None = None) -> Float[Array, "*batch classes"]:
    """Return s - (z - m) = -log P, and 0 for an impossible class that no target asks for."""
    maximum, log_total = norm
    shifted = wide(logits) - maximum[..., None]
    if u is not None:
        shifted = jnp.where((u == 0) & (shifted == -jnp.inf), log_total[..., None], shifted)
    return log_total[..., None] - shifted


def backward(
    logits: Float[Array, "*batch classes"],
    norm: tuple[Float[Array, "*batch"], Float[Array, "*batch"]],
    u: Float[Array, "*batch classes"],
    total: Float[Array, "*batch"] | None,
    dvalues: Float[Array, "*batch"],
) -> Float[Array, "*batch classes"]:
    """Return dz = dℓ (P Σ u - u); `total` is Σ u, None where it is 1."""
    p = jnp.exp(-surprisal(logits, norm))
    if total is not None:
        p = p * total[..., None]
    return (dvalues[..., None] * (p - u)).astype(wide_dtype(logits.dtype))
