"""Linear layer and softmax cross-entropy in one rule that never holds the logits.

Kernel: `fnn.kernels.linear_cross_entropy`. Reduction and weights are those of `fnn.rules.losses.loss`, called here by
hand: what is kept depends on the reduction, which a loss per example knows nothing of.
"""

from math import prod
from typing import cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Integer

from fnn.kernels import embedding as rows_of
from fnn.kernels import linear_cross_entropy as kernel
from fnn.kernels.numerics import wide_dtype
from fnn.rule import rule
from fnn.rules.losses.loss import Reduction, reduce, reduce_backward

_NAME = "linear_cross_entropy"


@rule
def linear_cross_entropy(
    x: Float[Array, "*batch features"],
    w: Float[Array, "features classes"],
    targets: Integer[Array, "*batch"],
    weights: Float[Array, "..."] | None = None,
    b: Float[Array, " classes"] | None = None,
    class_weights: Float[Array, " classes"] | None = None,
    *,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    ignore_label: int | None = None,
    soft_cap: float | None = None,
):
    """ℓ = softmax_cross_entropy(z, targets) with z = X·W + b, or z = c tanh((X·W + b) / c) for a soft cap c.

    x: (..., features), w: (features, classes), b: (classes,), targets: (...) integer labels; weights, class_weights,
    reduction, label_smoothing and ignore_label as in `softmax_cross_entropy`, whose value and gradients these are.
    A tied head passes its table transposed, ``linear_cross_entropy(x, table.T, ...)``.

        dS = dℓ (P Σ u - u) (1 - (z / c)²),   dX = dS·Wᵀ,   dW = Xᵀ·dS,   db = Σ dS,   u, P, da as there

    The logits are made chunk by chunk of rows and forgotten. A mean or a sum is one number and linear in the ℓ_i, so
    the gradients are made in the same pass, for a dL of 1: three products in all, where making the logits again
    would take four. They are what is kept, with no array of the size of the logits, and the backward multiplies them
    by dL. A program that asks for the value alone makes no gradients. With reduction="none" the factors dℓ_i come
    last: the arguments are kept, and the backward makes the logits again.

    A label outside 0..classes-1 is NaN. Raises ValueError for shapes that do not fit, a label_smoothing outside
    [0, 1) and soft_cap <= 0, TypeError for targets that are not integers.
    Sources: Wijmans et al. (2024), "Cut your losses in large-vocabulary language models", arXiv:2411.09009; gradients
    in the forward pass: Hsu et al. (2024), "Liger kernel", arXiv:2410.10989; soft cap: Gemma team (2024),
    arXiv:2408.00118.

    >>> import jax.numpy as jnp
    >>> x, w = jnp.ones((2, 3)), jnp.zeros((3, 10))
    >>> round(float(linear_cross_entropy(x, w, jnp.array([3, 7]))), 4)          # ln 10
    2.3026
    """
    _check(x, w, targets, b, class_weights, label_smoothing, soft_cap)
    options = kernel.Options(label_smoothing, soft_cap)
    arrays = (x.reshape(prod(targets.shape), w.shape[0]), kernel.Head(w, b, class_weights), targets.reshape(-1))
    classes, dtype = w.shape[1], wide_dtype(x.dtype)
    if reduction == "none":
        values = _counted(kernel.values(*arrays, options), targets, classes, ignore_label)
        loss, kept = reduce(_NAME, values, None, weights, reduction)
        return loss, (x, w, targets, b, class_weights, kept)
    mass = _mass(targets, class_weights, ignore_label, dtype)
    one = jnp.ones((), dtype)
    # The loss is linear in the values, so its derivatives by them are those at 0.
    at_zero = reduce(_NAME, jnp.zeros(targets.shape, dtype), mass, weights, reduction)[1]
    factors = _or_ignored(reduce_backward(at_zero, one, reduction)[0], targets, ignore_label)
    values, dx, dhead = kernel.values_and_gradients(*arrays, factors.reshape(-1), options)
    loss, kept = reduce(_NAME, _counted(values, targets, classes, ignore_label), mass, weights, reduction)
    _, dmass, dweights = reduce_backward(kept, one, reduction)
    if class_weights is not None and reduction == "mean":
        dmass = _or_ignored(cast(Array, dmass), targets, ignore_label)
        dhead = _with_mass(dhead, targets, dmass)
    return loss, _cotangents(dx, dhead, dweights, x.shape)


@linear_cross_entropy.backward
def linear_cross_entropy_backward(saved, dloss, *, reduction, label_smoothing, ignore_label, soft_cap):
    """dS = dℓ (P Σ u - u) (1 - (z / c)²),  dX = dS·Wᵀ,  dW = Xᵀ·dS,  db = Σ dS; or dL times those of a dL of 1."""
    if reduction != "none":
        return jax.tree.map(lambda gradient: dloss * gradient, saved)
    x, w, targets, b, class_weights, kept = saved
    dvalues, _, dweights = reduce_backward(kept, dloss, reduction)
    factors = _or_ignored(dvalues, targets, ignore_label).reshape(-1)
    arrays = (x.reshape(factors.size, w.shape[0]), kernel.Head(w, b, class_weights), targets.reshape(-1))
    options = kernel.Options(label_smoothing, soft_cap)
    _, dx, dhead = kernel.values_and_gradients(*arrays, factors, options)
    return _cotangents(dx, dhead, dweights, x.shape)


def _cotangents(dx: Array, head: kernel.Head, dweights: Array | None, shape: tuple[int, ...]) -> tuple:
    return dx.reshape(shape), head.w, None, dweights, head.b, head.class_weights


def _with_mass(head: kernel.Head, targets: Array, dmass: Array) -> kernel.Head:
    """Add to the gradient of the class weights that of the sum which the mean divides by: Σ dm at the label."""
    da = cast(Array, head.class_weights)
    return head._replace(class_weights=da + rows_of.backward(targets, dmass[..., None], da.size)[:, 0])


def _mass(targets: Array, class_weights: Array | None, ignore_label: int | None, dtype) -> Array | None:
    """Return what each row counts in a mean: the weight of its class, 0 if ignored; None if all count 1."""
    if class_weights is None:
        return None if ignore_label is None else _or_ignored(jnp.ones(targets.shape, dtype), targets, ignore_label)
    known = (targets >= 0) & (targets < class_weights.size)
    mass = jnp.where(known, class_weights.astype(dtype)[jnp.where(known, targets, 0)], 0.0)
    return _or_ignored(mass, targets, ignore_label)


def _counted(values: Array, targets: Array, classes: int, ignore_label: int | None) -> Array:
    """Return the values in the targets' shape: 0 where the label is ignored, NaN where it names no class."""
    values = values.reshape(targets.shape)
    return _or_ignored(jnp.where((targets >= 0) & (targets < classes), values, jnp.nan), targets, ignore_label)


def _or_ignored(values: Array, targets: Array, ignore_label: int | None) -> Array:
    return values if ignore_label is None else jnp.where(targets == ignore_label, 0.0, values)


def _check(x, w, targets, b, class_weights, label_smoothing, soft_cap) -> None:
    if not jnp.issubdtype(targets.dtype, jnp.integer):
        raise TypeError(
            f"{_NAME}: targets are {targets.dtype}, wanted integer labels; for soft targets use softmax_cross_entropy."
        )
    if w.ndim != 2 or x.ndim == 0 or x.shape[-1] != w.shape[0] or targets.shape != x.shape[:-1]:
        raise ValueError(
            f"{_NAME}: x has shape {x.shape}, w {w.shape} and targets {targets.shape}, wanted (..., features), "
            "(features, classes) and (...); pass a tied table transposed, w = table.T."
        )
    for name, vector in (("b", b), ("class_weights", class_weights)):
        if vector is not None and vector.shape != w.shape[1:]:
            raise ValueError(f"{_NAME}: {name} has shape {vector.shape}, wanted one number a class, {w.shape[1:]}.")
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"{_NAME}: label_smoothing = {label_smoothing}, wanted 0 <= label_smoothing < 1.")
    if soft_cap is not None and not soft_cap > 0:
        raise ValueError(f"{_NAME}: soft_cap = {soft_cap}, wanted a positive number, or None for no cap.")
