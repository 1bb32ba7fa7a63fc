"""Dropout as layers: active with train=True, the identity otherwise. They differ in what is dropped together."""

from collections.abc import Callable

from fnn import rules
from fnn.layers.layer import Layer, layer
from fnn.layers.scope import LayerError, path


def dropout(rate: float) -> Layer:
    """Drop each entry with probability `rate` in training and scale the rest by 1/(1 - rate). Rule: `rules.dropout`.

    With train=True it needs a key and raises LayerError without one. Raises ValueError unless 0 <= rate < 1.
    """
    return _dropping("dropout", rate, lambda ndim: ())


def spatial_dropout(rate: float) -> Layer:
    """Drop whole positions, all channels at once; otherwise as `dropout`. x: (batch, *spatial, channels)."""
    return _dropping("spatial_dropout", rate, lambda ndim: (ndim - 1,))


def channel_dropout(rate: float) -> Layer:
    """Drop whole channels, that is feature maps at all positions; otherwise as `dropout`.

    x: (batch, *spatial, channels). Neighbouring positions are alike, so dropping single ones would hide nothing.
    Source: Tompson et al. (2015), arXiv:1411.4280, who name it SpatialDropout, as Keras does; Dropout2d in PyTorch.
    """
    return _dropping("channel_dropout", rate, lambda ndim: tuple(range(1, ndim - 1)))


def stochastic_depth(rate: float) -> Layer:
    """Drop whole examples; otherwise as `dropout`. As the last layer inside `residual` it skips the block at random.

    Source: Huang et al. (2016), arXiv:1603.09382, with the scale 1/(1 - rate) in training instead of 1 - rate after it.

    >>> from fnn import layers
    >>> block = layers.residual(layers.serial(layers.dense(6), layers.tanh(), layers.stochastic_depth(0.2)))
    """
    return _dropping("stochastic_depth", rate, lambda ndim: tuple(range(1, ndim)))


def _dropping(name: str, rate: float, shared: Callable[[int], tuple[int, ...]]) -> Layer:
    """Make the layer that drops together what differs only along the axes `shared(ndim)`."""
    if not 0 <= rate < 1:
        raise ValueError(f"{name}: rate = {rate}, wanted the probability of dropping, 0 <= rate < 1.")

    def init(key, x):
        return (), ()

    def apply(params, state, x, *, key=None, train=False):
        if not train or rate == 0:
            return x, state
        if key is None:
            raise LayerError(
                f"{path()}: {name} with train=True needs a key; call apply(..., key=key, train=True), "
                "or train=False to evaluate."
            )
        if name != "dropout" and x.ndim < 2:
            raise LayerError(f"{path()}: x has shape {x.shape}, wanted (batch, *spatial, channels).")
        return rules.dropout(x, key, rate=rate, shared=shared(x.ndim)), state

    return layer(name, init, apply)
