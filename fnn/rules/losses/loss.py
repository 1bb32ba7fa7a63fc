"""From a loss per example to a loss: weights and reduction, forward and backward, written once.

A loss gives a value ℓ_i for each example. With weights w_i (1 by default) it becomes

    reduction="none"     L_i = w_i ℓ_i                   dℓ_i = dL_i w_i,    dw_i = dL_i ℓ_i
    reduction="sum"      L = Σ w_i ℓ_i                   dℓ_i = dL w_i,      dw_i = dL ℓ_i
    reduction="mean"     L = Σ w_i ℓ_i / S               dℓ_i = dL w_i / S,  dw_i = dL (ℓ_i - L m_i) / S
                         S = Σ w_i m_i                   dm_i = -dL L w_i / S

where m_i is what example i counts: 1, but 0 for an ignored label and the class weight for a weighted class, as in
PyTorch. The mean of nothing (S = 0) is 0 with gradient 0, so a batch of padding does no harm. A weight belongs to an
example: weights of shape (n,) serve values of shape (n, ...), and each of the values of an example counts.

Losses compute and return float32 or wider. Weights that are None cost nothing; else the values are kept for dw.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, Literal, ParamSpec, TypeVar, cast

import jax.numpy as jnp
from jaxtyping import Array, Float

from fnn.kernels.numerics import wide
from fnn.rule import Rule, Static

P = ParamSpec("P")
Y = TypeVar("Y")
Reduction = Literal["mean", "sum", "none"]
REDUCTIONS = ("mean", "sum", "none")


class Loss(Rule[..., Array]):
    """A rule made of a loss per example; give it the backward per example by ``each_backward``.

    The forward per example, ``each(arrays..., *, static...)``, returns (values, saved), or ((values, mass), saved)
    where examples count differently. ``each_backward(saved, dvalues, *, static...)`` returns one cotangent per
    array; where there is a mass it gets (dvalues, dmass).
    """

    def __init__(self, each: Callable[..., tuple[Any, Any]]):
        signature = inspect.signature(each)
        parameters = list(signature.parameters.values())
        arrays = [p for p in parameters if p.kind is not p.KEYWORD_ONLY]
        required = sum(p.default is p.empty for p in arrays)
        weights = inspect.Parameter(
            "weights",
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=None,
            annotation=cast(Any, Float[Array, "..."]) | None,
        )
        reduction = inspect.Parameter("reduction", inspect.Parameter.KEYWORD_ONLY, default="mean", annotation=Reduction)
        self._weights_index = required
        static = [p for p in parameters if p.kind is p.KEYWORD_ONLY]

        @functools.wraps(each)
        def forward(*arguments, reduction, **config):
            arrays, weights = self._take_weights(arguments)
            values, saved = each(*arrays, **config)
            values, mass = values if isinstance(values, tuple) else (values, None)
            loss, kept = reduce(self.name, values, mass, weights, reduction)
            return loss, (saved, kept)

        order = [*arrays[:required], weights, *arrays[required:], reduction, *static]
        forward.__signature__ = signature.replace(parameters=order)  # pyright: ignore[reportAttributeAccessIssue]
        super().__init__(cast(Callable, forward))

    def each_backward(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Register the backward per example; a decorator that gives the function back."""
        positional = list(inspect.signature(function).parameters.values())
        static = [p for p in positional if p.kind is p.KEYWORD_ONLY]
        reduction = inspect.Parameter("reduction", inspect.Parameter.KEYWORD_ONLY)

        @functools.wraps(function)
        def backward(saved, dloss, *, reduction, **config):
            each_saved, kept = saved
            dvalues, dmass, dweights = reduce_backward(kept, dloss, reduction)
            cotangents = function(each_saved, dvalues if dmass is None else (dvalues, dmass), **config)
            index = self._weights_index
            return (*cotangents[:index], dweights, *cotangents[index:])

        signature = inspect.Signature([*positional[:2], reduction, *static])
        backward.__signature__ = signature  # pyright: ignore[reportAttributeAccessIssue]
        self.backward(backward)
        return function

    def _take_weights(self, arguments: tuple) -> tuple[tuple, Array | None]:
        index = self._weights_index
        return arguments[:index] + arguments[index + 1 :], arguments[index]


def loss(each: Callable[..., tuple[Any, Any]]) -> Loss:
    """Make a loss of ``each(arrays..., *, static...) -> (values per example, saved)``; give it its backward next."""
    return Loss(each)


def reduce(name: str, values: Array, mass: Array | None, weights: Array | None, reduction: str) -> tuple[Array, Any]:
    """Return the reduced loss and what `reduce_backward` needs."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"{name}: reduction = {reduction!r}, wanted one of {', '.join(map(repr, REDUCTIONS))}.")
    shape = Static(values.shape)
    w = None if weights is None else _stretch(name, wide(weights), values)
    weighted = values if w is None else w * values
    kept_values = None if weights is None else values
    if reduction == "none":
        return weighted, (shape, weights, kept_values, mass, None, None)
    total = weighted.sum()
    if reduction == "sum":
        return total, (shape, weights, kept_values, mass, None, None)
    if w is None and mass is None:
        return total / max(values.size, 1), (shape, None, None, None, None, None)
    counted = w if mass is None else mass if w is None else w * mass
    scale = _inverse(cast(Array, counted).sum())
    mean = total * scale
    return mean, (shape, weights, kept_values, mass, scale, mean)


def reduce_backward(kept: Any, dloss: Array, reduction: str) -> tuple[Array, Array | None, Array | None]:
    """Return (dvalues, dmass or None, dweights or None)."""
    shape, weights, values, mass, scale, mean = kept
    if reduction == "mean" and scale is None:
        return jnp.broadcast_to(dloss / max(_size(shape.value), 1), shape.value), None, None
    g = dloss if scale is None else dloss * scale
    g = jnp.broadcast_to(g, shape.value)
    w = None if weights is None else _stretch("weights", wide(weights), g)
    dvalues = g if w is None else g * w
    dmass = None
    if mass is not None:
        dmass = jnp.zeros_like(g) if mean is None else -dvalues * mean
    dweights = None
    if weights is not None:
        excess = values if mean is None else values - mean if mass is None else values - mean * mass
        dweights = (g * excess).sum(tuple(range(weights.ndim, g.ndim)))
    return dvalues, dmass, dweights


def _inverse(total: Array) -> Array:
    nothing = total == 0
    return jnp.where(nothing, 0.0, 1 / jnp.where(nothing, 1.0, total))


def _stretch(name: str, weights: Array, values: Array) -> Array:
    if weights.shape != values.shape[: weights.ndim]:
        raise ValueError(
            f"{name}: weights have shape {weights.shape}, wanted one weight an example: the leading axes of the "
            f"values' shape {values.shape}."
        )
    trailing = tuple(range(weights.ndim, values.ndim))
    return jnp.broadcast_to(jnp.expand_dims(weights, trailing), values.shape)


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for axis in shape:
        size *= axis
    return size


def same_shape(name: str, **arrays: Array) -> None:
    """Raise ValueError unless all arrays have one shape: a loss never broadcasts, (n, 1) against (n,) is a mistake."""
    shapes = {key: array.shape for key, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        given = ", ".join(f"{key} {shape}" for key, shape in shapes.items())
        raise ValueError(f"{name}: the shapes differ, {given}; wanted equal shapes, a loss does not broadcast.")
