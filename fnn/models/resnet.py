"""Residual networks, with the structure of torchvision's, whose weights fit."""

import math
from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array

from fnn import initializers, layers


def resnet(
    blocks: Sequence[int],
    classes: int = 1000,
    *,
    bottleneck: bool,
    width: int = 64,
    small_images: bool = False,
    zero_init: bool = False,
    recompute: bool = False,
) -> layers.Layer:
    """A residual network: x (batch, height, width, channels) to logits (batch, classes).

        stem      7x7 conv stride 2, batch norm, ReLU, 3x3 max-pool stride 2     (224, 224, 3) -> (56, 56, 64)
        stages    blocks[i] blocks of width 2^i each, the first of stride 2 except in the first stage
        head      global average, dense

    A block is ReLU(body(x) + shortcut(x)). The body is 3x3, 3x3 convolutions, or as a `bottleneck` 1x1, 3x3 and 1x1
    to four times the width; each has a batch norm behind it and all but the last a ReLU. A stride is that of the 3x3
    convolution (v1.5, as torchvision and NVIDIA have it; the paper's is on the first 1x1). The shortcut is the
    identity, or where the shape changes, a 1x1 convolution with a batch norm.

    Args:
        blocks: how many blocks each stage has.
        classes: how many logits.
        bottleneck: which of the two bodies.
        width: features of the stem and the first stage.
        small_images: a stem that is a 3x3 convolution of stride 1 without a pool, for images of 32 to 64 pixels
            (He et al. for CIFAR-10).
        zero_init: start the last scale of each body at 0, so that each block starts as the identity (Goyal et al.).
        recompute: keep of each block its input alone and run its forward again in the backward pass: about a third
            more time for most of the memory. The numbers are the same.

    Convolutions start by N(0, 2 / fan_out), the head by U[-1/√n, 1/√n], as in torchvision.

    Sources: He, Zhang, Ren, Sun, "Deep residual learning for image recognition" (2015), arXiv:1512.03385; Goyal et
    al., "Accurate, large minibatch SGD" (2017), arXiv:1706.02677, section 5.1.
    """
    expansion = 4 if bottleneck else 1

    def block(in_features: int, features: int, stride: int) -> layers.Layer:
        out_features = features * expansion
        if bottleneck:
            convolutions = (conv(features, 1), conv(features, 3, stride), conv(out_features, 1))
        else:
            convolutions = (conv(features, 3, stride), conv(features, 3))
        *inner, last = convolutions
        behind = zero_scaled(layers.batch_norm()) if zero_init else layers.batch_norm()
        between = (layer for convolution in inner for layer in (convolution, layers.batch_norm(), layers.relu()))
        if stride == 1 and in_features == out_features:
            shortcut = layers.identity()
        else:
            shortcut = layers.serial(conv(out_features, 1, stride), layers.batch_norm())
        branches = layers.parallel(layers.serial(*between, last, behind), shortcut)
        whole = layers.serial(branches, layers.add(), layers.relu())
        return layers.recompute(whole) if recompute else whole

    if small_images:
        stem = layers.serial(conv(width, 3), layers.batch_norm(), layers.relu())
    else:
        pool = layers.max_pool(3, stride=2, padding=1)
        stem = layers.serial(conv(width, 7, 2), layers.batch_norm(), layers.relu(), pool)
    stages, in_features = [], width
    for number, count in enumerate(blocks):
        features = width * 2**number
        made = []
        for position in range(count):
            made.append(block(in_features, features, 2 if number > 0 and position == 0 else 1))
            in_features = features * expansion
        stages.append(layers.serial(*made))
    dense = layers.dense(classes, weight=initializers.uniform(1 / math.sqrt(in_features)))
    return layers.serial(stem, *stages, layers.global_average_pool(), dense)


def resnet18(
    classes: int = 1000, *, small_images: bool = False, zero_init: bool = False, recompute: bool = False
) -> layers.Layer:
    """ResNet-18: two plain blocks a stage, 11,689,512 parameters for 1000 classes. See `resnet`."""
    options = {"small_images": small_images, "zero_init": zero_init, "recompute": recompute}
    return resnet((2, 2, 2, 2), classes, bottleneck=False, **options)


def resnet34(
    classes: int = 1000, *, small_images: bool = False, zero_init: bool = False, recompute: bool = False
) -> layers.Layer:
    """ResNet-34: 3, 4, 6 and 3 plain blocks, 21,797,672 parameters for 1000 classes. See `resnet`."""
    options = {"small_images": small_images, "zero_init": zero_init, "recompute": recompute}
    return resnet((3, 4, 6, 3), classes, bottleneck=False, **options)


def resnet50(
    classes: int = 1000, *, small_images: bool = False, zero_init: bool = False, recompute: bool = False
) -> layers.Layer:
    """ResNet-50 v1.5: 3, 4, 6 and 3 bottlenecks, 25,557,032 parameters for 1000 classes. See `resnet`."""
    options = {"small_images": small_images, "zero_init": zero_init, "recompute": recompute}
    return resnet((3, 4, 6, 3), classes, bottleneck=True, **options)


def conv(features: int, window: int, stride: int = 1) -> layers.Layer:
    """A convolution without bias, padded so that stride 1 keeps the size, drawn from N(0, 2 / fan_out)."""
    return layers.conv(features, window, stride=stride, padding=window // 2, bias=False, weight=he_fan_out)


def he_fan_out(key: Array, shape: Sequence[int], dtype=jnp.float32) -> Array:
    """Draw from N(0, 2 / fan_out): the variance of the cotangents is kept, not that of the activations.

    Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers" (2015), equation 14.
    """
    return initializers.gaussian(math.sqrt(2 / initializers.fans(shape).fan_out))(key, shape, dtype)


def zero_scaled(norm: layers.Layer) -> layers.Layer:
    """The same normalisation with a scale that starts at 0."""

    def init(key, x):
        params, state = norm.init(key, x)
        return params._replace(scale=jnp.zeros_like(params.scale)), state

    return layers.Layer(init, norm.apply)
