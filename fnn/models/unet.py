"""U-Net: down to few pixels and up again, each level handing its detail across."""

from fnn import initializers, layers


def unet(
    classes: int = 2, *, width: int = 16, depth: int = 3, batch_norm: bool = True, transposed: bool = False
) -> layers.Layer:
    """U-Net for segmentation: x (batch, height, width, channels) to logits (batch, height, width, classes).

    A level is two 3x3 convolutions, the way down (max-pool, the next level, up-sampling) beside the identity, both
    joined, and two 3x3 convolutions more:

        detour(f) = serial(max_pool(2), level(2f), up(f))
        level(f)  = serial(block(f), parallel(identity(), detour(f)), concatenate(), block(f))

    `depth` levels with `width` features on the first, twice as many on each below, and a block at the bottom. `up` is
    bilinear up-sampling and a 1x1 convolution, or with `transposed` the paper's transposed convolution 2x2 of stride
    2. Convolutions pad, so the answer has the image's size, which must be a multiple of 2^depth; the paper's are
    valid and crop. 450,210 parameters for one channel and two classes as it stands.

    Source: Ronneberger, Fischer, Brox, "U-Net: convolutional networks for biomedical image segmentation" (2015),
    arXiv:1505.04597, figure 1 (width 64, depth 4); batch normalisation is later custom.
    """

    def block(features: int) -> layers.Layer:
        def conv() -> tuple[layers.Layer, ...]:
            convolution = layers.conv(features, 3, padding=1, bias=not batch_norm, weight=initializers.he_normal)
            return convolution, *([layers.batch_norm()] if batch_norm else []), layers.relu()

        return layers.serial(*conv(), *conv())

    def up(features: int) -> layers.Layer:
        if transposed:
            return layers.conv_transpose(features, 2, stride=2)
        return layers.serial(layers.conv(features, 1), layers.upsample_linear(2))

    def level(features: int, below: int) -> layers.Layer:
        if below == 0:
            return block(features)
        detour = layers.serial(layers.max_pool(2), level(2 * features, below - 1), up(features))
        across = layers.parallel(layers.identity(), detour)
        return layers.serial(block(features), across, layers.concatenate(), block(features))

    return layers.serial(level(width, depth), layers.conv(classes, 1))
