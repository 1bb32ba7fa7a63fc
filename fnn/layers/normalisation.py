"""Layers that normalise without a state: layer, RMS, group, instance, weight and local response norm.

Scales start at one and offsets at zero. Batch norm, which has a state, is in `batch_normalisation.py`.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from fnn import rules
from fnn.kernels.numerics import wide
from fnn.layers.layer import Layer, layer, need_features, need_params, stateless
from fnn.layers.scope import LayerError, path
from fnn.rules.normalisation.arguments import need_eps


class LayerNorm(NamedTuple):
    """The parameters of `layer_norm`."""

    scale: Float[Array, " features"]
    offset: Float[Array, " features"]


class RMSNorm(NamedTuple):
    """The parameter of `rms_norm`."""

    scale: Float[Array, " features"]


class GroupNorm(NamedTuple):
    """The parameters of `group_norm`."""

    scale: Float[Array, " channels"]
    offset: Float[Array, " channels"]


class InstanceNorm(NamedTuple):
    """The parameters of `instance_norm`."""

    scale: Float[Array, " channels"]
    offset: Float[Array, " channels"]


def layer_norm(*, eps: float = 1e-5) -> Layer:
    """Normalise each entry of the batch over its features, the last axis. Rule: `rules.layer_norm`."""
    return _scaled("layer_norm", LayerNorm, functools.partial(rules.layer_norm, eps=eps), eps)


def rms_norm(*, eps: float = 1e-5) -> Layer:
    """Divide each entry of the batch by the root mean square of its features, the last axis. Rule: `rules.rms_norm`."""
    return _scaled("rms_norm", RMSNorm, functools.partial(rules.rms_norm, eps=eps), eps)


def group_norm(groups: int, *, eps: float = 1e-5) -> Layer:
    """Normalise the groups of neighbouring channels of each example, over all positions. Rule: `rules.group_norm`.

    x: (batch, *spatial, channels), the channels a multiple of `groups`.
    """
    if groups < 1:
        raise ValueError(f"group_norm: groups = {groups}, wanted at least 1.")
    return _scaled("group_norm", GroupNorm, functools.partial(rules.group_norm, groups=groups, eps=eps), eps)


def instance_norm(*, eps: float = 1e-5) -> Layer:
    """Normalise each channel of each example over its positions. Rule: `rules.instance_norm`."""
    return _scaled("instance_norm", InstanceNorm, functools.partial(rules.instance_norm, eps=eps), eps)


def _scaled(name: str, kind: Any, rule: Callable[..., Any], eps: float) -> Layer:
    """Make the layer y = rule(x, *params), whose params, of the given kind, are a scale and perhaps an offset."""
    need_eps(name, eps)
    starts = {"scale": jnp.ones, "offset": jnp.zeros}

    def init(key, x):
        features = need_features(x)
        return kind(*(starts[field]((features,), x.dtype) for field in kind._fields)), ()

    def apply(params, state, x, *, key=None, train=False):
        need_params(params, kind)
        need_features(x, params.scale.shape[0])
        return rule(x, *params), state

    return layer(name, init, apply)


class WeightNorm(NamedTuple):
    """The parameters of `weight_norm`: the lengths, and the inner layer's parameters, whose w is the direction."""

    g: Float[Array, " out_features"]
    v: Any


def weight_norm(inner: Layer) -> Layer:
    """Use W = g V / |V| in the inner layer: its weight's length and direction are learned apart.

    The inner layer's params have a weight w (..., out_features). It starts as it would by itself: g = |V|.
    Rule: `rules.weight_norm`.
    """
    if not isinstance(inner, Layer):
        raise TypeError(f"weight_norm: got {inner!r}, wanted the Layer whose weight to normalise.")

    def init(key, x):
        params, state = inner.init(key, x)
        _need_weight(params)
        w = wide(params.w)
        g = jnp.sqrt(jnp.square(w).sum(tuple(range(w.ndim - 1))))
        return WeightNorm(g.astype(params.w.dtype), params), state

    def apply(params, state, x, *, key=None, train=False):
        need_params(params, WeightNorm)
        _need_weight(params.v)
        w = rules.weight_norm(params.v.w, params.g)
        return inner.apply(params.v._replace(w=w), state, x, key=key, train=train)

    return layer("weight_norm", init, apply)


def local_response_norm(*, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Layer:
    """Divide each channel by a power of the mean square of its neighbours. Rule: `rules.local_response_norm`."""

    def forward(x):
        need_features(x)
        return rules.local_response_norm(x, size=size, alpha=alpha, beta=beta, k=k)

    return stateless("local_response_norm", forward)


def _need_weight(params: Any) -> None:
    if "w" not in getattr(params, "_fields", ()):
        raise LayerError(
            f"{path()}: the inner layer's params are a {type(params).__name__}, wanted a weight w among them."
        )
