"""Losses with a margin or an angle: hinges, cosine distance, triplet.

At the kink of a hinge, where the margin is just met, the gradient is 0: a met margin asks for nothing.
"""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, Num

from fnn.kernels.numerics import wide, wide_dtype
from fnn.rules.losses.loss import loss, same_shape


@loss
def hinge(scores: Float[Array, "..."], labels: Num[Array, "..."]):
    """ℓ = max(0, 1 - y s) with labels y = ±1; ds = -dℓ y, dy = -dℓ s where y s < 1, else 0. Keeps s and y.

    Source: Cortes and Vapnik (1995).
    """
    slack = _slack("hinge", scores, labels)
    return jnp.maximum(slack, 0.0), (scores, labels)


@hinge.each_backward
def hinge_backward(saved, dvalues):
    """ds = -dℓ y, dy = -dℓ s where the margin is not met."""
    scores, labels = saved
    return _slack_backward(scores, labels, jnp.where(_slack("hinge", scores, labels) > 0, dvalues, 0.0))


@loss
def squared_hinge(scores: Float[Array, "..."], labels: Num[Array, "..."]):
    """ℓ = max(0, 1 - y s)², ds = -2 dℓ y max(0, 1 - y s), dy likewise with s. Keeps s and y. Smooth."""
    slack = jnp.maximum(_slack("squared_hinge", scores, labels), 0.0)
    return jnp.square(slack), (scores, labels)


@squared_hinge.each_backward
def squared_hinge_backward(saved, dvalues):
    """ds = -2 dℓ y max(0, 1 - y s), dy = -2 dℓ s max(0, 1 - y s)."""
    scores, labels = saved
    slack = jnp.maximum(_slack("squared_hinge", scores, labels), 0.0)
    return _slack_backward(scores, labels, 2 * dvalues * slack)


def _slack(name: str, scores: Array, labels: Array) -> Array:
    same_shape(name, scores=scores, labels=labels)
    return 1 - labels.astype(wide_dtype(scores.dtype)) * wide(scores)


def _slack_backward(scores: Array, labels: Array, dslack: Array) -> tuple[Array, Array]:
    return -dslack * labels.astype(dslack.dtype), -dslack * wide(scores)


@loss
def multiclass_hinge(scores: Float[Array, "*batch classes"], labels: Int[Array, "*batch"], *, margin: float = 1.0):
    """ℓ = Σ over c ≠ y of max(0, margin + s_c - s_y), with the integer label y.

    ds_c = dℓ for each class c ≠ y inside the margin, ds_y = -dℓ times their number. Keeps s and the labels. A label
    outside the classes is NaN. PyTorch's MultiMarginLoss divides this sum by the number of classes.
    Source: Weston and Watkins (1999).
    """
    if scores.ndim == 0 or labels.shape != scores.shape[:-1]:
        raise ValueError(
            f"multiclass_hinge: scores have shape {scores.shape} and labels {labels.shape}, wanted scores "
            "(..., classes) and a label for each row of them."
        )
    s, is_label = wide(scores), _is_label(scores, labels)
    inside = _excess(s, is_label, margin)
    value = jnp.where(is_label, 0.0, jnp.maximum(inside, 0.0)).sum(-1)
    in_range = (labels >= 0) & (labels < scores.shape[-1])
    return jnp.where(in_range, value, jnp.nan), (scores, labels)


@multiclass_hinge.each_backward
def multiclass_hinge_backward(saved, dvalues, *, margin):
    """ds_c = dℓ inside the margin, ds_y = -Σ of those."""
    scores, labels = saved
    is_label = _is_label(scores, labels)
    pushed = (_excess(wide(scores), is_label, margin) > 0) & ~is_label
    ds = jnp.where(pushed, dvalues[..., None], 0.0)
    return jnp.where(is_label, -ds.sum(-1, keepdims=True), ds), None


def _is_label(scores: Array, labels: Array) -> Array:
    return lax.broadcasted_iota(labels.dtype, scores.shape, scores.ndim - 1) == labels[..., None]


def _excess(s: Array, is_label: Array, margin: float) -> Array:
    return margin + s - jnp.where(is_label, s, 0.0).sum(-1, keepdims=True)


@loss
def cosine_distance(x: Float[Array, "*batch features"], y: Float[Array, "*batch features"]):
    """ℓ = 1 - c with c = x·y / (|x| |y|) along the last axis.

        dx = -dℓ (ŷ - c x̂) / |x|,   dy = -dℓ (x̂ - c ŷ) / |y|,   x̂ = x/|x|, ŷ = y/|y|

    A zero vector has no direction: its cosine is 0 and its gradient 0. Keeps x, y and three numbers a row.
    """
    same_shape("cosine_distance", x=x, y=y)
    a, b = wide(x), wide(y)
    rx, ry = _inverse_norm(a), _inverse_norm(b)
    cosine = (a * b).sum(-1) * rx * ry
    return 1 - cosine, (x, y, rx, ry, cosine)


@cosine_distance.each_backward
def cosine_distance_backward(saved, dvalues):
    """dx = -dℓ (ŷ - c x̂) / |x|, dy = -dℓ (x̂ - c ŷ) / |y|."""
    x, y, rx, ry, cosine = saved
    unit_x, unit_y = wide(x) * rx[..., None], wide(y) * ry[..., None]
    c = cosine[..., None]
    dx = -(dvalues * rx)[..., None] * (unit_y - c * unit_x)
    dy = -(dvalues * ry)[..., None] * (unit_x - c * unit_y)
    return dx, dy


@loss
def triplet_margin(
    anchor: Float[Array, "*batch features"],
    positive: Float[Array, "*batch features"],
    negative: Float[Array, "*batch features"],
    *,
    margin: float = 1.0,
):
    """ℓ = max(0, |a - p| - |a - n| + margin), Euclidean along the last axis.

        da = dℓ (u - v),   dp = -dℓ u,   dn = dℓ v,   u = (a - p)/|a - p|, v = (a - n)/|a - n|,   0 if ℓ = 0

    The direction of a zero difference is taken as 0. Keeps a - p, a - n and two numbers a row.
    Source: Schroff, Kalenichenko and Philbin (2015).
    """
    same_shape("triplet_margin", anchor=anchor, positive=positive, negative=negative)
    near, far = wide(anchor) - wide(positive), wide(anchor) - wide(negative)
    r_near, r_far = _inverse_norm(near), _inverse_norm(far)
    excess = jnp.square(near).sum(-1) * r_near - jnp.square(far).sum(-1) * r_far + margin
    active = excess > 0
    return jnp.maximum(excess, 0.0), (near, far, jnp.where(active, r_near, 0.0), jnp.where(active, r_far, 0.0))


@triplet_margin.each_backward
def triplet_margin_backward(saved, dvalues, *, margin):
    """da = dℓ (u - v), dp = -dℓ u, dn = dℓ v."""
    near, far, r_near, r_far = saved
    du = (dvalues * r_near)[..., None] * near
    dv = (dvalues * r_far)[..., None] * far
    return du - dv, -du, dv


def _inverse_norm(x: Array) -> Array:
    """1/|x| along the last axis, 0 for a zero vector."""
    total = jnp.square(x).sum(-1)
    return jnp.where(total > 0, lax.rsqrt(jnp.where(total > 0, total, 1.0)), 0.0)
