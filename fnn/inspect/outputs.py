"""What every layer of a network gives for an input: its feature maps, say."""

from typing import Any

import jax
from jax.core import Tracer

from fnn.layers import Layer
from fnn.layers.scope import Call, observing


def outputs(net: Layer, params: Any, state: Any, x: Any, *, key: Any = None, train: bool = False) -> dict[str, Any]:
    """Return the output of each layer for x by the layer's path, in the order in which the layers end.

    A combinator comes after the layers that it holds. Layers in a loop or a `recompute` are left out, and stand in
    the output of what holds them: their values have no place outside.

    >>> import jax, jax.numpy as jnp
    >>> from fnn import layers
    >>> net = layers.serial(layers.dense(4), layers.relu())
    >>> found = outputs(net, *net.init(jax.random.key(0), jnp.ones((1, 3))), jnp.ones((2, 3)))
    >>> {path: y.shape for path, y in found.items()}
    {'serial[0].dense': (2, 4), 'serial[1].relu': (2, 4), 'serial': (2, 4)}
    """
    found: dict[str, Any] = {}

    def keep(call: Call) -> Any:
        if not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(call.y)):
            found[call.path] = call.y
        return call.y

    with observing(keep):
        net.apply(params, state, x, key=key, train=train)
    return found
