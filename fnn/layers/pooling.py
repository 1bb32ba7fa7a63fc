"""Pools as layers: (batch, *spatial, features) to fewer positions, or to none. Rules: `fnn.rules.pooling`.

Sizes are a number for every spatial axis, or a tuple of one for each. Nothing is learned.
"""

from fnn import rules
from fnn.kernels.windows import Padding, Size
from fnn.layers.convolution import need_spatial
from fnn.layers.layer import Layer, stateless


def max_pool(window: Size, *, stride: Size | None = None, padding: Padding = "VALID", dilation: Size = 1) -> Layer:
    """Return the layer that takes the maximum of each window; the stride is the window unless it is given.

    Rule: `fnn.rules.max_pool`.

    >>> import jax.numpy as jnp
    >>> from fnn import layers
    >>> layers.max_pool(3, stride=2, padding="SAME").apply((), (), jnp.ones((5, 28, 28, 16)))[0].shape
    (5, 14, 14, 16)
    """

    def forward(x):
        need_spatial(x)
        return rules.max_pool(x, window=window, stride=stride, padding=padding, dilation=dilation)

    return stateless("max_pool", forward)


def average_pool(
    window: Size,
    *,
    stride: Size | None = None,
    padding: Padding = "VALID",
    dilation: Size = 1,
    count_padding: bool = False,
) -> Layer:
    """Return the layer that takes the mean of each window, of its entries that are no padding unless they count.

    Rule: `fnn.rules.average_pool`.
    """

    def forward(x):
        need_spatial(x)
        return rules.average_pool(
            x, window=window, stride=stride, padding=padding, dilation=dilation, count_padding=count_padding
        )

    return stateless("average_pool", forward)


def l2_pool(window: Size, *, stride: Size | None = None, padding: Padding = "VALID", dilation: Size = 1) -> Layer:
    """Return the layer that takes the length of each window, sqrt(Σ x²). Rule: `fnn.rules.l2_pool`."""

    def forward(x):
        need_spatial(x)
        return rules.l2_pool(x, window=window, stride=stride, padding=padding, dilation=dilation)

    return stateless("l2_pool", forward)


def global_max_pool() -> Layer:
    """(batch, *spatial, features) to (batch, features) by the maximum. Rule: `fnn.rules.global_max_pool`."""

    def forward(x):
        need_spatial(x)
        return rules.global_max_pool(x)

    return stateless("global_max_pool", forward)


def global_average_pool() -> Layer:
    """(batch, *spatial, features) to (batch, features) by the mean. Rule: `fnn.rules.global_average_pool`."""

    def forward(x):
        need_spatial(x)
        return rules.global_average_pool(x)

    return stateless("global_average_pool", forward)


def adaptive_max_pool(size: Size) -> Layer:
    """(batch, *spatial, features) to (batch, *size, features), whatever the input's size, by the maximum.

    Rule: `fnn.rules.adaptive_max_pool`.
    """

    def forward(x):
        need_spatial(x)
        return rules.adaptive_max_pool(x, size=size)

    return stateless("adaptive_max_pool", forward)


def adaptive_average_pool(size: Size) -> Layer:
    """(batch, *spatial, features) to (batch, *size, features), whatever the input's size, by the mean.

    Rule: `fnn.rules.adaptive_average_pool`.
    """

    def forward(x):
        need_spatial(x)
        return rules.adaptive_average_pool(x, size=size)

    return stateless("adaptive_average_pool", forward)
