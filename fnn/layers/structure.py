"""Layers that only rearrange: flatten, reshape, and the joins of parallel branches, concatenate and add.

Another shape is structural: there is nothing to differentiate, so JAX's own transposes do.
"""

import math

from fnn import rules
from fnn.layers.layer import Layer, stateless
from fnn.layers.scope import LayerError, path


def flatten() -> Layer:
    """(batch, ...) to (batch, features)."""

    def forward(x):
        if x.ndim == 0:
            raise LayerError(f"{path()}: x has shape (), wanted a batch axis first.")
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))

    return stateless("flatten", forward)


def reshape(*shape: int) -> Layer:
    """(batch, ...) to (batch, *shape); one size may be -1."""

    def forward(x):
        try:
            return x.reshape(x.shape[0], *shape)
        except (TypeError, IndexError):
            raise LayerError(
                f"{path()}: x has shape {x.shape}, wanted (batch, ...) with as many entries as {shape}."
            ) from None

    return stateless("reshape", forward)


def concatenate(*, axis: int = -1) -> Layer:
    """Join the outputs of parallel branches along an axis. Rule: `fnn.rules.concatenate`."""

    def forward(xs):
        _need_branches(xs)
        return rules.concatenate(xs, axis=axis)

    return stateless("concatenate", forward)


def add() -> Layer:
    """Sum the outputs of parallel branches, which have one shape. Rule: `fnn.rules.add`."""

    def forward(xs):
        _need_branches(xs)
        total = xs[0]
        for x in xs[1:]:
            if x.shape != total.shape:
                raise LayerError(f"{path()}: the branches have shapes {[x.shape for x in xs]}, wanted one shape.")
            total = rules.add(total, x)
        return total

    return stateless("add", forward)


def _need_branches(xs) -> None:
    if not isinstance(xs, tuple) or not xs:
        raise LayerError(f"{path()}: got {type(xs).__name__}, wanted the tuple of outputs of layers.parallel(...).")
