"""Convolutional layers over (batch, *spatial, features): conv, depthwise_conv, conv_transpose."""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fnn import initializers, rules
from fnn.kernels import windows as geometry
from fnn.kernels.windows import Padding, Size
from fnn.layers.layer import Layer, layer, need_features, need_params
from fnn.layers.scope import LayerError, path


class Conv(NamedTuple):
    """The parameters of a convolution: weight and bias, the bias None if there is none."""

    w: Float[Array, "*window in_features_over_groups out_features"]
    b: Float[Array, " out_features"] | None


def conv(
    out_features: int,
    window: Size,
    *,
    stride: Size = 1,
    padding: Padding = "VALID",
    padding_mode: Literal["zeros", "reflect", "circular", "replicate"] = "zeros",
    dilation: Size = 1,
    groups: int = 1,
    bias: bool = True,
    weight: initializers.Initializer = initializers.xavier_uniform,
) -> Layer:
    """Y[o] = Σ_j X[o stride + j dilation - low]·W[j] + b. Rule: `fnn.rules.conv`.

    x: (batch, *spatial, in_features) with one to three spatial axes, y: (batch, *outputs, out_features). Sizes are
    numbers or one for each spatial axis. A padding mode other than zeros fills the border by `fnn.rules.pad`. The
    weight starts by `weight` (Xavier uniform, as in Keras), with groups that of each group as if it stood alone, the
    bias at zero; both take x's dtype.

    >>> import jax, jax.numpy as jnp
    >>> from fnn import layers
    >>> net = layers.conv(8, 3, stride=2, padding="SAME")
    >>> params, state = net.init(jax.random.key(0), jnp.ones((1, 28, 28, 1)))
    >>> params.w.shape, net.apply(params, state, jnp.ones((5, 28, 28, 1)))[0].shape
    ((3, 3, 1, 8), (5, 14, 14, 8))
    """
    _need_positive("conv", "out_features", out_features)
    _need_positive("conv", "groups", groups)
    if out_features % groups:
        raise ValueError(f"conv: out_features = {out_features}, wanted a multiple of groups = {groups}.")

    def init(key, x):
        return _start("conv", key, x, window, groups, out_features, bias, weight), ()

    def apply(params, state, x, *, key=None, train=False):
        _need_conv(params, x, groups)
        return _forward(params, x, stride, padding, padding_mode, dilation, groups), state

    return layer("conv", init, apply)


def depthwise_conv(
    window: Size,
    *,
    multiplier: int = 1,
    stride: Size = 1,
    padding: Padding = "VALID",
    padding_mode: Literal["zeros", "reflect", "circular", "replicate"] = "zeros",
    dilation: Size = 1,
    bias: bool = True,
    weight: initializers.Initializer = initializers.xavier_uniform,
) -> Layer:
    """Each feature convolved with `multiplier` windows of its own: a `conv` whose groups are the features.

    y: (batch, *outputs, in_features · multiplier), the outputs of one feature next to each other.
    Source: Chollet (2017), "Xception", arXiv:1610.02357.
    """
    _need_positive("depthwise_conv", "multiplier", multiplier)

    def init(key, x):
        features = need_features(x)
        return _start("depthwise_conv", key, x, window, features, features * multiplier, bias, weight), ()

    def apply(params, state, x, *, key=None, train=False):
        need_params(params, Conv)
        features = params.w.shape[-1] // multiplier
        _need_conv(params, x, features)
        return _forward(params, x, stride, padding, padding_mode, dilation, features), state

    return layer("depthwise_conv", init, apply)


def conv_transpose(
    out_features: int,
    window: Size,
    *,
    stride: Size = 1,
    padding: Padding = "VALID",
    output_padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
    bias: bool = True,
    weight: initializers.Initializer = initializers.xavier_uniform,
) -> Layer:
    """The adjoint of a convolution, which up-samples by its stride. Rule: `fnn.rules.conv_transpose`.

    x: (batch, *spatial, in_features), y: (batch, *outputs, out_features); with padding 'SAME' outputs = spatial ·
    stride. `padding` is that of the convolution, cut from the output; `output_padding` adds entries at the end.
    """
    _need_positive("conv_transpose", "out_features", out_features)
    _need_positive("conv_transpose", "groups", groups)
    if out_features % groups:
        raise ValueError(f"conv_transpose: out_features = {out_features}, wanted a multiple of groups = {groups}.")

    def init(key, x):
        return _start("conv_transpose", key, x, window, groups, out_features, bias, weight), ()

    def apply(params, state, x, *, key=None, train=False):
        _need_conv(params, x, groups)
        y = rules.conv_transpose(
            x,
            params.w,
            params.b,
            stride=stride,
            padding=padding,
            output_padding=output_padding,
            dilation=dilation,
            groups=groups,
        )
        return y, state

    return layer("conv_transpose", init, apply)


def need_spatial(x) -> int:
    """Return how many spatial axes x has; raise unless it is a float array (batch, *spatial, features) with 1 to 3."""
    need_features(x)
    if not 3 <= len(x.shape) <= 5:
        raise LayerError(
            f"{path()}: x has shape {x.shape}, wanted (batch, *spatial, features) with one to three spatial axes."
        )
    return len(x.shape) - 2


def _start(name: str, key, x, window: Size, groups: int, out_features: int, bias: bool, weight) -> Conv:
    axes, in_features = need_spatial(x), need_features(x)
    if in_features % groups:
        raise LayerError(f"{path()}: x has {in_features} features, wanted a multiple of groups = {groups}.")
    of_group = (*geometry.positive(name, "window", window, axes), in_features // groups, out_features // groups)
    if groups == 1:
        w = weight(key, of_group, x.dtype)
    else:
        runs = jax.vmap(lambda key: weight(key, of_group, x.dtype))(jax.random.split(key, groups))
        w = jnp.moveaxis(runs, 0, -2).reshape(*of_group[:-1], out_features)
    return Conv(w, jnp.zeros((out_features,), x.dtype) if bias else None)


def _need_conv(params, x, groups: int) -> None:
    need_params(params, Conv)
    axes = need_spatial(x)
    need_features(x, params.w.shape[-2] * groups)
    if axes != params.w.ndim - 2:
        raise LayerError(
            f"{path()}: x has shape {x.shape}, {axes} spatial axes, wanted {params.w.ndim - 2} as the window "
            f"{params.w.shape[:-2]} has."
        )


def _forward(params: Conv, x, stride, padding, padding_mode, dilation, groups) -> Array:
    if padding_mode != "zeros":
        where = geometry.windows("conv", x.shape[1:-1], params.w.shape[:-2], stride, padding, dilation)
        x, padding = rules.pad(x, padding=where.padding, mode=padding_mode), "VALID"
    return rules.conv(x, params.w, params.b, stride=stride, padding=padding, dilation=dilation, groups=groups)


def _need_positive(name: str, what: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name}: {what} = {value}, wanted at least 1.")
