"""A layer keeps dtypes and shapes, and its state as it is."""

import functools

import chex
import jax
import jax.numpy as jnp
import pytest
from layers_study import every_layer, start, study
from layers_table import BATCH, LAYERS, inputs


@every_layer
@pytest.mark.parametrize("dtype", (jnp.float32, jnp.bfloat16, jnp.float16, jnp.float64))
def test_dtypes_and_shapes_are_kept(name, dtype):
    net = LAYERS[name].make()
    with jax.enable_x64(dtype == jnp.float64):
        x = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, dtype), inputs(name))
        key = jax.eval_shape(lambda: jax.random.key(0))
        params, state = jax.eval_shape(net.init, key, x)
        apply = functools.partial(net.apply, train=True)
        y, new_state = jax.eval_shape(lambda p, s, x, key: apply(p, s, x, key=key), params, state, x, key)
    assert {leaf.dtype for leaf in jax.tree.leaves((params, y))} == {jnp.dtype(dtype)}
    assert all(leaf.shape[0] == BATCH for leaf in jax.tree.leaves(y))
    assert jax.tree.structure(new_state) == jax.tree.structure(state)
    chex.assert_trees_all_equal(new_state, state)  # shapes and dtypes are compared by value


@every_layer
def test_the_output_has_the_shape_that_eval_shape_tells(name):
    net, params, state, x = start(name)
    with jax.enable_x64(True):
        wanted = jax.eval_shape(lambda *args: net.apply(*args)[0], params, state, x)
    chex.assert_trees_all_equal_shapes_and_dtypes(wanted, study(name)["evaluation"])
