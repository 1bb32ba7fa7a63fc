"""Layers with parameters along the last axis: dense, bias, scale, prelu."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from fnn import initializers, rules
from fnn.layers.layer import Layer, layer, need_features, need_params


class Dense(NamedTuple):
    """The parameters of `dense`: weight and bias, the bias None if there is none."""

    w: Float[Array, "in_features out_features"]
    b: Float[Array, " out_features"] | None


def dense(
    out_features: int,
    *,
    bias: bool = True,
    weight: initializers.Initializer = initializers.xavier_uniform,
) -> Layer:
    """Y = X·W + b: x (..., in_features) to y (..., out_features). Rule: `fnn.rules.linear`.

    The weight starts by `weight` (Xavier uniform, as in Keras), the bias at zero; both take x's dtype.
    """
    if out_features < 1:
        raise ValueError(f"dense: out_features = {out_features}, wanted at least 1.")

    def init(key, x):
        in_features = need_features(x)
        w = weight(key, (in_features, out_features), x.dtype)
        return Dense(w, jnp.zeros((out_features,), x.dtype) if bias else None), ()

    def apply(params, state, x, *, key=None, train=False):
        need_params(params, Dense)
        need_features(x, params.w.shape[0])
        return rules.linear(x, params.w, params.b), state

    return layer("dense", init, apply)


class Bias(NamedTuple):
    """The parameter of `bias`."""

    b: Float[Array, " features"]


def bias() -> Layer:
    """Y = X + b, one b a feature, starting at zero."""

    def init(key, x):
        return Bias(jnp.zeros((need_features(x),), x.dtype)), ()

    def apply(params, state, x, *, key=None, train=False):
        need_params(params, Bias)
        need_features(x, params.b.shape[0])
        return rules.add(x, params.b), state

    return layer("bias", init, apply)


class Scale(NamedTuple):
    """The parameter of `scale`."""

    s: Float[Array, " features"]


def scale() -> Layer:
    """Y = X s, one s a feature, starting at one."""

    def init(key, x):
        return Scale(jnp.ones((need_features(x),), x.dtype)), ()

    def apply(params, state, x, *, key=None, train=False):
        need_params(params, Scale)
        need_features(x, params.s.shape[0])
        return rules.multiply(x, params.s), state

    return layer("scale", init, apply)


class PReLU(NamedTuple):
    """The parameter of `prelu`: one slope, or one a feature."""

    slope: Float[Array, "..."]


def prelu(*, initial: float = 0.25, per_feature: bool = False) -> Layer:
    """Y = max(X, 0) + a min(X, 0) with a learned slope a. Rule: `fnn.rules.prelu`."""

    def init(key, x):
        features = need_features(x)
        return PReLU(jnp.full((features,) if per_feature else (), initial, x.dtype)), ()

    def apply(params, state, x, *, key=None, train=False):
        need_params(params, PReLU)
        return rules.prelu(x, params.slope), state

    return layer("prelu", init, apply)
