"""What the properties of layers are read from: the table of `layers_table.py` times one program for each row.

A layer is compiled once in float64, with everything that is asked of it in one program (`study`), and the tests read
the results. The oracle of the gradients is JAX's differentiation of the same network, `fnn.autodiff()`; that the rules
below the layers compute what the textbooks say is the business of the test_rule_ files.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import generator
from layers_table import LAYERS, inputs, moved
from rules_table import assert_close

import fnn
from fnn.layers import Layer

every_layer = pytest.mark.parametrize("name", LAYERS)
stochastic_layers = pytest.mark.parametrize("name", [name for name, row in LAYERS.items() if row.stochastic])
LENGTH = 32  # no sum in the table is longer: batch times features


@functools.lru_cache(4)
def start(name: str) -> tuple[Layer, Any, Any, Any]:
    """Return the layer, random parameters, state and input of a row, in float64."""
    with jax.enable_x64(True):
        net, x = LAYERS[name].make(), inputs(name)
        params, state = jax.jit(net.init)(jax.random.key(1), x)
        return net, moved(name, params), jax.device_get(state), x


@functools.lru_cache(4)
def study(name: str) -> dict[str, Any]:
    """Everything that is asked of one layer in training mode, in float64 and in one compiled program.

    The rows of the loop are the example and the example scaled by 1.1, scanned over a checkpointed layer.
    """
    net, params, state, x = start(name)

    def forward(params, x, key):
        return net.apply(params, state, x, key=key, train=True)[0]

    def pull(function, x, key, dy):
        y, backward = jax.vjp(lambda params, x: function(params, x, key), params, x)
        return y, backward(dy)

    def program(x, key, other, dy):
        rows = jax.tree.map(lambda leaf: jnp.stack([leaf, 1.1 * leaf]), x)
        with fnn.autodiff():
            plain = pull(forward, x, key, dy)
        remembered = jax.checkpoint(forward)
        return {
            "layer": pull(forward, x, key, dy),
            "plain": plain,
            "other key": forward(params, x, other),
            "evaluation": net.apply(params, state, x)[0],
            "vmap": jax.vmap(lambda x: pull(forward, x, key, dy))(rows),
            "scan": jax.lax.scan(lambda _, x: (None, pull(remembered, x, key, dy)), None, rows)[1],
        }

    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(7))
        y = jax.eval_shape(forward, params, x, keys[0])
        draw = generator("cotangent " + name)
        dy = jax.tree.map(lambda leaf: np.asarray(draw.normal(size=leaf.shape)), y)
        compiled = jax.jit(program)
        first, again = (compiled(x, *keys, dy) for _ in range(2))
        eager = forward(params, x, keys[0])
        return jax.device_get(first | {"again": again["layer"], "eager": eager})


def close(got: Any, want: Any, what: str) -> None:
    assert_close(got, want, jnp.float64, LENGTH, what)


def shapes(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), tree)
