"""The all-convolutional network: no pooling, no dense layer, strides instead."""

from fnn import initializers, layers


def all_conv(classes: int = 10, *, width: int = 96, dropout: float = 0.5) -> layers.Layer:
    """All-CNN-C for images of 32x32 pixels, say: x (batch, height, width, channels) to logits (batch, classes).

        3x3 conv, 3x3 conv, 3x3 conv stride 2      w, w, w          32 x 32 -> 16 x 16
        3x3 conv, 3x3 conv, 3x3 conv stride 2      2w, 2w, 2w       16 x 16 -> 8 x 8
        3x3 conv, 1x1 conv, 1x1 conv               2w, 2w, classes
        global average

    Each convolution is followed by a ReLU, each of stride 2 by dropout as well. The convolutions of stride 2 stand
    where others pool; the last one, 1x1, where others have a dense layer, so any size of image of 4x4 and above fits.
    1,369,738 parameters for three channels and ten classes with the paper's width 96; about 86,000 at width 24.

    Source: Springenberg, Dosovitskiy, Brox, Riedmiller, "Striving for simplicity: the all convolutional net" (2014),
    arXiv:1412.6806, table 1. There the input is dropped as well, by 0.2.
    """

    def conv(features: int, window: int = 3, stride: int = 1) -> layers.Layer:
        convolution = layers.conv(features, window, stride=stride, padding="SAME", weight=initializers.he_normal)
        return layers.serial(convolution, layers.relu())

    return layers.serial(
        conv(width),
        conv(width),
        conv(width, stride=2),
        layers.dropout(dropout),
        conv(2 * width),
        conv(2 * width),
        conv(2 * width, stride=2),
        layers.dropout(dropout),
        conv(2 * width),
        conv(2 * width, 1),
        conv(classes, 1),
        layers.global_average_pool(),
    )
