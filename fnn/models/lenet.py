"""LeNet-5, the first convolutional network that read handwriting for a living."""

from collections.abc import Callable, Sequence

from fnn import layers


def lenet(
    classes: int = 10,
    *,
    features: tuple[int, int] = (6, 16),
    hidden: Sequence[int] = (120, 84),
    activation: Callable[[], layers.Layer] = layers.relu,
    pool: Callable[[int], layers.Layer] = layers.max_pool,
    batch_norm: bool = False,
) -> layers.Layer:
    """LeNet-5 for images of 28x28 pixels: x (batch, 28, 28, channels) to logits (batch, classes).

        5x5 conv, activation, pool       (28, 28, 1) -> (28, 28, 6)  -> (14, 14, 6)
        5x5 conv, activation, pool       (14, 14, 6) -> (10, 10, 16) -> (5, 5, 16)
        dense, activation, twice         400 -> 120 -> 84
        dense                            84 -> classes

    The first convolution pads by 2, which makes of 28x28 the 32x32 pixels of the paper. As it stands it is the modern
    form, ReLU and max-pool. ``lenet(activation=layers.tanh, pool=layers.average_pool)`` is the classical one,
    but for three things that nobody builds any more: the learned scale and bias of each sub-sampling, the partial
    connections to the second convolution, and the radial basis functions at the end. Either has 61,706 parameters for
    one channel and ten classes. `features` and `hidden` make it wider: (20, 50) and (500,) are those of Caffe's LeNet.
    `batch_norm` normalises what each convolution gives, which then has no bias.

    Source: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition" (1998).

    >>> import jax
    >>> x = jax.ShapeDtypeStruct((1, 28, 28, 1), "float32")
    >>> params, _ = jax.eval_shape(lenet().init, jax.random.key(0), x)
    >>> sum(leaf.size for leaf in jax.tree.leaves(params))
    61706
    """
    first, second = features

    def conv(size: int, padding: int) -> tuple[layers.Layer, ...]:
        convolution = layers.conv(size, 5, padding=padding, bias=not batch_norm)
        return convolution, *([layers.batch_norm()] if batch_norm else []), activation(), pool(2)

    dense = (layer for units in hidden for layer in (layers.dense(units), activation()))
    return layers.serial(*conv(first, 2), *conv(second, 0), layers.flatten(), *dense, layers.dense(classes))
