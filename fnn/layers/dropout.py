"""Dropout as a layer: active with train=True, the identity otherwise."""

from fnn import rules
from fnn.layers.layer import Layer, layer
from fnn.layers.scope import LayerError, path


def dropout(rate: float) -> Layer:
    """Drop each entry with probability `rate` in training and scale the rest by 1/(1 - rate). Rule: `rules.dropout`.

    With train=True it needs a key and raises LayerError without one. Raises ValueError unless 0 <= rate < 1.
    """
    if not 0 <= rate < 1:
        raise ValueError(f"dropout: rate = {rate}, wanted the probability of dropping, 0 <= rate < 1.")

    def init(key, x):
        return (), ()

    def apply(params, state, x, *, key=None, train=False):
        if not train or rate == 0:
            return x, state
        if key is None:
            raise LayerError(
                f"{path()}: dropout with train=True needs a key; call apply(..., key=key, train=True), "
                "or train=False to evaluate."
            )
        return rules.dropout(x, key, rate=rate), state

    return layer("dropout", init, apply)
