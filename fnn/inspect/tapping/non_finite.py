"""The first value that is not finite, by name."""

from typing import NamedTuple

import numpy as np

from fnn.inspect.tapping.result import Taps


class NonFinite(NamedTuple):
    """Where the first value that is not finite arose."""

    path: str
    """The layer's path, or "loss", or a parameter's path."""
    kind: str
    """"output", "cotangent" (of the layer's output), or "gradient" (of the parameter)."""

    def __str__(self) -> str:
        return f"the {self.kind} of {self.path}" if self.path != "loss" else "the loss itself"


def find_non_finite(taps: Taps) -> NonFinite | None:
    """Return the first value of a step that is not finite, None if all of them are. On the host.

    First means: in the order of the forward pass through the layers and their repetitions, then the loss, then in the
    order of the backward pass, then the parameters' gradients. A cotangent is that of the layer's output: what comes
    after the layer made it.

    >>> import jax, jax.numpy as jnp
    >>> from fnn import inspect, layers, rules
    >>> net = layers.serial(layers.relu(), layers.stateless("root", rules.sqrt))
    >>> watched = jax.jit(inspect.taps(lambda x: net.apply(((), ()), ((), ()), x)[0].sum()))
    >>> print(inspect.find_non_finite(watched(jnp.array([4.0, 0.0]))[2]))
    the cotangent of serial[0].relu
    """
    rows = taps.rows()
    for path, row in rows:
        if row.output.not_finite > 0:
            return NonFinite(path, "output")
    if not np.isfinite(taps.loss):
        return NonFinite("loss", "output")
    for path, row in reversed(rows):
        if row.cotangent.not_finite > 0:
            return NonFinite(path, "cotangent")
    for path, entry in taps.params.items():
        if entry.not_finite > 0:
            return NonFinite(path, "gradient")
    return None
