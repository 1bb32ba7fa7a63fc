"""A layer's start is the same under jit and for shapes alone, and is a tree of immutable arrays."""

import chex
import jax
import numpy as np
from layers_study import every_layer, shapes
from layers_table import LAYERS, inputs


@every_layer
def test_init_is_the_same_under_jit_and_for_shapes_alone(name):
    net, x = LAYERS[name].make(), jax.tree.map(np.float32, inputs(name))
    key, other = jax.random.key(1), jax.random.key(2)
    eager = net.init(key, x)
    jitted = jax.jit(net.init)
    chex.assert_trees_all_equal(eager, net.init(key, shapes(x)), net.init(key, x))
    chex.assert_trees_all_close(eager, jitted(key, x), rtol=1e-6)  # XLA fuses the draws: an ulp or two
    chex.assert_trees_all_equal(jitted(key, x), jitted(key, x))
    chex.assert_trees_all_equal_shapes_and_dtypes(eager, jax.eval_shape(net.init, key, x), jitted(other, x))
    for leaf, from_other in zip(*map(jax.tree.leaves, (eager, jitted(other, x))), strict=True):
        constant = leaf.std() == 0 or (
            leaf.ndim == 1 and np.isin(leaf, (0, 1)).all()
        )  # LSTM's bias is 1 for the forget gate, else 0
        assert constant or (leaf != from_other).any(), "a random start does not depend on the key"


@every_layer
def test_params_and_state_are_immutable_trees_of_arrays(name):
    net, x = LAYERS[name].make(), inputs(name)
    params, state = net.init(jax.random.key(1), x)

    def check(node):
        if isinstance(node, tuple):
            for child in node:
                check(child)
        else:
            assert node is None or isinstance(node, jax.Array), type(node)

    check((params, state))
    assert isinstance(net, tuple)
