"""The operations that the vision benchmark times: fnn's rule, what one would write in JAX instead, and torch's.

The plain programs are those of flax.linen, of `jax.nn` or of a textbook, and autodiff makes their backward passes:
``lax.conv_general_dilated``, ``lax.reduce_window``, means and variances by jnp, ``jax.image.resize``,
``jax.random.bernoulli``. torch's take the module torch first, which this file does not import, and images
(batch, channels, *spatial) whose memory is laid out channels last. In names, /2 is a stride of 2, as papers write it.
"""

import itertools

import jax
import jax.numpy as jnp
from jax import lax

from experiments.benchmarks.operations import Case
from fnn import rules


def convolution(
    name: str,
    x: tuple[int, ...],
    outputs: int,
    window: int,
    *,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    goal: float = 1.0,
) -> Case:
    """A convolution padded so that stride 1 keeps the size."""
    rank = len(x) - 2
    w = (*[window] * rank, x[-1] // groups, outputs)
    pad = (window - 1) // 2 * dilation
    letters = "DHW"[-rank:]
    numbers = (f"N{letters}C", f"{letters}IO", f"N{letters}C")

    def ours(x, w):
        return rules.conv(x, w, stride=stride, padding=pad, dilation=dilation, groups=groups)

    def plain(x, w):
        return lax.conv_general_dilated(
            x,
            w,
            window_strides=(stride,) * rank,
            padding=((pad, pad),) * rank,
            rhs_dilation=(dilation,) * rank,
            dimension_numbers=numbers,
            feature_group_count=groups,
        )

    def torch(module, x, w):
        call = getattr(module.nn.functional, f"conv{rank}d")
        return call(x, w, stride=stride, padding=pad, dilation=dilation, groups=groups)

    return Case(name, (x, w), ours, plain, torch, goal)


def transposed(name: str, x: tuple[int, ...], outputs: int, *, goal: float) -> Case:
    """A transposed 4x4 convolution of stride 2, which doubles the size."""

    def ours(x, w):
        return rules.conv_transpose(x, w, stride=2, padding=1)

    def plain(x, w):
        # lax turns the window by half a turn against what everybody calls a transposed convolution.
        return lax.conv_transpose(x, w[::-1, ::-1], (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    def torch(module, x, w):
        return module.nn.functional.conv_transpose2d(x, w.transpose(0, 1), stride=2, padding=1)

    return Case(name, (x, (4, 4, x[-1], outputs)), ours, plain, torch, goal)


def max_pool(name: str, x: tuple[int, ...], window: int, padding: int, *, goal: float) -> Case:
    """A max-pool of stride 2."""

    def ours(x):
        return rules.max_pool(x, window=window, stride=2, padding=padding)

    def plain(x):
        pads = ((0, 0), (padding, padding), (padding, padding), (0, 0))
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, window, window, 1), (1, 2, 2, 1), pads)

    def torch(module, x):
        return module.nn.functional.max_pool2d(x, window, 2, padding)

    return Case(name, (x,), ours, plain, torch, goal)


def average_pool(name: str, x: tuple[int, ...]) -> Case:
    """A 2x2 average-pool of stride 2."""

    def plain(x):
        return lax.reduce_window(x, 0.0, lax.add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID") / 4

    def torch(module, x):
        return module.nn.functional.avg_pool2d(x, 2)

    return Case(name, (x,), lambda x: rules.average_pool(x, window=2), plain, torch)


def global_average(name: str, x: tuple[int, ...]) -> Case:
    """The mean over all positions."""

    def torch(module, x):
        return x.mean((2, 3))

    return Case(name, (x,), lambda x: rules.global_average_pool(x), lambda x: x.mean((1, 2)), torch)


def scaled(x, axes: tuple[int, ...], scale, offset):
    """Return x with mean 0 and variance 1 over the axes, times scale, plus offset."""
    features = (1,) * (x.ndim - scale.ndim) + scale.shape
    y = (x - x.mean(axes, keepdims=True)) * lax.rsqrt(x.var(axes, keepdims=True) + 1e-5)
    return y * scale.reshape(features) + offset.reshape(features)


def batch_norm(name: str, x: tuple[int, ...]) -> Case:
    """Batch normalisation in training."""

    def torch(module, x, scale, offset):
        return module.nn.functional.batch_norm(x, None, None, scale, offset, training=True)

    def plain(x, scale, offset):
        return scaled(x, (0, 1, 2), scale, offset)

    def ours(x, scale, offset):
        return rules.batch_norm(x, scale, offset, eps=1e-5)[0]

    return Case(name, (x, x[-1:], x[-1:]), ours, plain, torch)


def group_norm(name: str, x: tuple[int, ...], groups: int, *, goal: float) -> Case:
    """Group normalisation."""

    def ours(x, scale, offset):
        return rules.group_norm(x, scale, offset, groups=groups, eps=1e-5)

    def plain(x, scale, offset):
        shape = (groups, x.shape[-1] // groups)
        split = x.reshape(*x.shape[:-1], *shape)
        return scaled(split, (1, 2, 4), scale.reshape(shape), offset.reshape(shape)).reshape(x.shape)

    def torch(module, x, scale, offset):
        return module.nn.functional.group_norm(x, groups, scale, offset)

    return Case(name, (x, x[-1:], x[-1:]), ours, plain, torch, goal)


def layer_norm(name: str, x: tuple[int, ...], *, goal: float) -> Case:
    """Layer normalisation of rows."""

    def ours(x, scale, offset):
        return rules.layer_norm(x, scale, offset)

    def plain(x, scale, offset):
        return scaled(x, (-1,), scale, offset)

    def torch(module, x, scale, offset):
        return module.nn.functional.layer_norm(x, x.shape[-1:], scale, offset)

    return Case(name, (x, x[-1:], x[-1:]), ours, plain, torch, goal)


def upsample(method: str, name: str, x: tuple[int, ...], *, goal: float) -> Case:
    """Up-sampling by 2, nearest or bilinear."""
    rule = rules.upsample_nearest if method == "nearest" else rules.upsample_linear

    def plain(x):
        batch, height, width, channels = x.shape
        return jax.image.resize(x, (batch, 2 * height, 2 * width, channels), method)

    def torch(module, x):
        return module.nn.functional.interpolate(x, scale_factor=2, mode=method)

    return Case(name, (x,), lambda x: rule(x, factor=2), plain, torch, goal)


def dropout(name: str, x: tuple[int, ...], rate: float, *, goal: float) -> Case:
    """Dropout, with a key."""

    def plain(x, key):
        return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0.0)

    def torch(module, x):
        return module.nn.functional.dropout(x, rate)

    return Case(name, (x,), lambda x, key: rules.dropout(x, key, rate=rate), plain, torch, goal, random=True)


def field(batch: int = 32) -> list[Case]:
    """Return the operations that a vision library is compared by, at common sizes; `batch` scales the batches."""
    n, half, quarter = batch, max(batch // 2, 1), max(batch // 4, 1)
    return [
        convolution("3x3 conv, 64 -> 128", (n, 32, 32, 64), 128, 3),
        convolution("1x1 conv, 256 -> 256", (n, 14, 14, 256), 256, 1, goal=0.6),
        convolution("3x3 conv, 32 groups", (quarter, 28, 28, 256), 256, 3, groups=32, goal=0.05),
        convolution("3x3 conv, 4 groups", (quarter, 28, 28, 128), 128, 3, groups=4, goal=0.05),
        convolution("depthwise 3x3 conv", (half, 28, 28, 128), 128, 3, groups=128, goal=0.1),
        transposed("transposed 4x4 conv, /2", (half, 14, 14, 128), 64, goal=0.2),
        convolution("3x3x3 conv", (max(quarter // 2, 1), 16, 16, 16, 16), 32, 3, goal=0.4),
        convolution("3x3 conv, dilation 2", (quarter, 28, 28, 64), 64, 3, dilation=2),
        max_pool("2x2 max-pool, /2", (2 * n, 28, 28, 64), 2, 0, goal=0.15),
        max_pool("3x3 max-pool, /2", (2 * n, 28, 28, 64), 3, 1, goal=0.3),
        average_pool("2x2 average-pool, /2", (2 * n, 28, 28, 64)),
        upsample("nearest", "nearest up-sampling x2", (n, 28, 28, 64), goal=0.4),
        upsample("bilinear", "bilinear up-sampling x2", (n, 28, 28, 64), goal=1.0),
        group_norm("group norm, 8 groups", (n, 28, 28, 64), 8, goal=0.5),
        batch_norm("batch norm", (n, 28, 28, 64)),
        layer_norm("layer norm", (128 * n, 1024), goal=0.5),
        dropout("dropout 0.1", (128 * n, 1000), 0.1, goal=0.6),
    ]


def resnet50(batch: int = 8) -> list[Case]:
    """Return the kinds of layers of ResNet-50 on images of 224x224."""
    stages = [(56, 64), (28, 128), (14, 256), (7, 512)]
    blocks = [
        (
            convolution(f"1x1 conv, {4 * width} -> {width}", (batch, size, size, 4 * width), width, 1, goal=0.6),
            convolution(f"3x3 conv, {width}", (batch, size, size, width), width, 3),
            convolution(f"1x1 conv, {width} -> {4 * width}", (batch, size, size, width), 4 * width, 1, goal=0.6),
        )
        for size, width in stages
    ]
    return [
        convolution("7x7 conv, 3 -> 64, /2", (batch, 224, 224, 3), 64, 7, stride=2),
        max_pool("3x3 max-pool, /2", (batch, 112, 112, 64), 3, 1, goal=0.3),
        *itertools.chain.from_iterable(blocks),
        convolution("3x3 conv, 128, /2", (batch, 56, 56, 128), 128, 3, stride=2),
        convolution("3x3 conv, 512, /2", (batch, 14, 14, 512), 512, 3, stride=2),
        convolution("1x1 conv, 256 -> 512, /2", (batch, 56, 56, 256), 512, 1, stride=2, goal=0.6),
        batch_norm("batch norm, 64", (batch, 112, 112, 64)),
        batch_norm("batch norm, 256", (batch, 56, 56, 256)),
        batch_norm("batch norm, 2048", (batch, 7, 7, 2048)),
        global_average("global average-pool", (batch, 7, 7, 2048)),
    ]
