"""Layers that change the spatial size of (batch, *spatial, channels): up-sampling, pixel shuffle, pad."""

from fnn import rules
from fnn.kernels.padding import Mode
from fnn.kernels.windows import Size
from fnn.layers.convolution import need_spatial
from fnn.layers.layer import Layer, stateless


def upsample_nearest(factor: Size) -> Layer:
    """(batch, *spatial, channels) to (batch, *(spatial · factor), channels) by copies. Rule: `rules.upsample_nearest`.

    `factor` is a whole number, or a tuple with one for each spatial axis.
    """

    def forward(x):
        need_spatial(x)
        return rules.upsample_nearest(x, factor=factor)

    return stateless("upsample_nearest", forward)


def upsample_linear(factor: Size, *, align_corners: bool = False) -> Layer:
    """(batch, *spatial, channels) to (batch, *(spatial · factor), channels) by interpolation, bilinear on two axes.

    Rule: `fnn.rules.upsample_linear`.
    """

    def forward(x):
        need_spatial(x)
        return rules.upsample_linear(x, factor=factor, align_corners=align_corners)

    return stateless("upsample_linear", forward)


def pixel_shuffle(factor: Size) -> Layer:
    """(batch, *spatial, channels · Π factor) to (batch, *(spatial · factor), channels). Rule: `rules.pixel_shuffle`."""

    def forward(x):
        need_spatial(x)
        return rules.pixel_shuffle(x, factor=factor)

    return stateless("pixel_shuffle", forward)


def pixel_unshuffle(factor: Size) -> Layer:
    """(batch, *spatial, channels) to (batch, *(spatial / factor), channels · Π factor): the inverse of `pixel_shuffle`.

    Rule: `fnn.rules.pixel_unshuffle`.
    """

    def forward(x):
        need_spatial(x)
        return rules.pixel_unshuffle(x, factor=factor)

    return stateless("pixel_unshuffle", forward)


def pad(padding: int | tuple[int | tuple[int, int], ...], *, mode: Mode = "zeros") -> Layer:
    """Put a border around the spatial axes: zeros, or by "reflect", "circular" or "replicate". Rule: `fnn.rules.pad`.

    >>> import jax.numpy as jnp
    >>> from fnn import layers
    >>> layers.pad(1, mode="replicate").apply((), (), jnp.array([[[1.0], [2.0]]]))[0].ravel().tolist()
    [1.0, 1.0, 2.0, 2.0]
    """

    def forward(x):
        need_spatial(x)
        return rules.pad(x, padding=padding, mode=mode)

    return stateless("pad", forward)
