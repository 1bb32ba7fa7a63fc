"""VGG: blocks of 3x3 convolutions, a pool between them, and a large dense head."""

from collections.abc import Sequence

from fnn import initializers, layers

VGG11 = ((64,), (128,), (256, 256), (512, 512), (512, 512))
"""The features of each convolution, block by block: column A of the paper's table 1."""
VGG16 = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Column D."""


def vgg(
    blocks: Sequence[Sequence[int]],
    classes: int = 1000,
    *,
    hidden: Sequence[int] = (4096, 4096),
    pooled: int = 7,
    batch_norm: bool = False,
    dropout: float = 0.5,
) -> layers.Layer:
    """A VGG network of any configuration: x (batch, height, width, channels) to logits (batch, classes).

    Each block is its 3x3 convolutions, a ReLU behind each (behind batch normalisation with `batch_norm`), and a 2x2
    max-pool, which halves the image. What is left is averaged down, or repeated up, to `pooled` x `pooled` pixels,
    and then come dense layers of `hidden` units, ReLU and dropout behind each, and the logits. The paper's sizes fit
    images of 224x224 pixels; for 32x32, ``pooled=1, hidden=()`` leaves the features' average and one dense layer.

    Source: Simonyan, Zisserman, "Very deep convolutional networks for large-scale image recognition" (2014),
    arXiv:1409.1556; the adaptive pool is torchvision's.
    """

    def conv(features: int) -> layers.Layer:
        convolution = layers.conv(features, 3, padding=1, weight=initializers.he_normal)
        return layers.serial(convolution, *([layers.batch_norm()] if batch_norm else []), layers.relu())

    def dense(units: int) -> layers.Layer:
        weight = layers.dense(units, weight=initializers.he_normal)
        return layers.serial(weight, layers.relu(), *([layers.dropout(dropout)] if dropout else []))

    return layers.serial(
        *(layers.serial(*map(conv, block), layers.max_pool(2)) for block in blocks),
        layers.adaptive_average_pool(pooled),
        layers.flatten(),
        *map(dense, hidden),
        layers.dense(classes),
    )


def vgg11(classes: int = 1000, *, batch_norm: bool = False) -> layers.Layer:
    """VGG-11: 8 convolutions and 3 dense layers, 132,863,336 parameters for 1000 classes (132,868,840 with norms)."""
    return vgg(VGG11, classes, batch_norm=batch_norm)


def vgg16(classes: int = 1000, *, batch_norm: bool = False) -> layers.Layer:
    """VGG-16: 13 convolutions and 3 dense layers, 138,357,544 parameters for 1000 classes (138,365,992 with norms)."""
    return vgg(VGG16, classes, batch_norm=batch_norm)
