"""Save or recompute: a layer whose backward runs its forward again instead of keeping its activations."""

from dataclasses import dataclass
from typing import Any

import jax

from fnn.layers.layer import Layer, layer


@dataclass(frozen=True, eq=False)
class Recompute:
    """The forward of a layer that keeps its input alone, which those who look on can tell from others."""

    inner: Layer

    def __call__(self, params, state, x, *, key=None, train=False) -> tuple[Any, Any]:
        """Return (y, state) of the inner layer."""

        def forward(params, state, x, key):
            return self.inner.apply(params, state, x, key=key, train=train)

        return jax.checkpoint(forward)(params, state, x, key)


def recompute(inner: Layer) -> Layer:
    """y = inner(x), computed again by the backward, which keeps x in place of all that `inner` would keep.

    Values, gradients, params and state are those of `inner`, and so are its keys: a dropout drops the same entries in
    both runs. So memory is traded for time where a network is built, ``block if save else layers.recompute(block)``:
    n blocks of equal size keep n inputs, and what one block keeps while its backward runs.

    What the backward does not need is not computed again: of an inner ``serial(batch_norm, relu, conv)`` only what
    is elementwise, for the product's own output is never asked for.

    On a CPU, XLA removes the barrier between the two runs and merges them again (jaxlib 0.10.2), so there a step takes
    no less memory, unless the block stands inside `repeat`, whose loops keep the runs apart.

    Source: Chen et al. (2016), "Training deep nets with sublinear memory cost", arXiv:1604.06174.

    >>> import jax, jax.numpy as jnp
    >>> from fnn import inspect, layers
    >>> block = layers.serial(layers.dense(8), layers.tanh(), layers.dense(8), layers.tanh())
    >>> x = jnp.ones((1, 8))
    >>> [inspect.summary(net, x).total.bytes_kept for net in (block, layers.recompute(block))]
    [96, 32]
    """
    if not isinstance(inner, Layer):
        hint = "; call it to make the layer" if callable(inner) else ""
        raise TypeError(f"recompute: inner is {inner!r}, wanted a Layer{hint}.")
    return layer("recompute", inner.init, Recompute(inner))
