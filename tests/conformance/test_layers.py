"""Every property of every layer: the table of `layers_table.py` times the laws of contract 2 of the design.

A layer is compiled once in float64, with everything that is asked of it in one program (`study`), and the tests read
the results. The oracle of the gradients is JAX's differentiation of the same network, `fnn.autodiff()`; that the rules
below the layers compute what the textbooks say is the business of test_rule_properties.py.
"""

import functools
import inspect
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import generator
from layers_table import BATCH, LAYERS, inputs, moved
from rules_table import assert_close

import fnn
from fnn import layers
from fnn.layers import Layer, LayerError

every_layer = pytest.mark.parametrize("name", LAYERS)
stochastic_layers = pytest.mark.parametrize("name", [name for name, row in LAYERS.items() if row.stochastic])
MAKERS = {"activation", "layer", "stateless"}  # they make layers of rules and functions, and are no layers themselves
LENGTH = 32  # no sum in the table is longer: batch times features


@functools.cache
def start(name: str) -> tuple[Layer, Any, Any, Any]:
    """Return the layer, random parameters, state and input of a row, in float64."""
    with jax.enable_x64(True):
        net, x = LAYERS[name].make(), inputs(name)
        params, state = jax.jit(net.init)(jax.random.key(1), x)
        return net, moved(name, params), jax.device_get(state), x


@functools.cache
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
        # Unoptimised code compiles in two thirds of the time.
        compiled = jax.jit(program, compiler_options={"xla_backend_optimization_level": 0})
        first, again = (compiled(x, *keys, dy) for _ in range(2))
        eager = forward(params, x, keys[0])
        return jax.device_get(first | {"again": again["layer"], "eager": eager, "dy": dy})


def close(got: Any, want: Any, what: str) -> None:
    assert_close(got, want, jnp.float64, LENGTH, what)


def shapes(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), tree)


def test_the_table_holds_every_public_layer():
    public = {name for name, value in vars(layers).items() if inspect.isfunction(value)} - MAKERS
    assert {name.split("-")[0] for name in LAYERS} == public


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
        assert leaf.std() == 0 or (leaf != from_other).any(), "a random start does not depend on the key"


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


@every_layer
def test_gradients_are_those_of_autodiff(name):
    row, found = LAYERS[name], study(name)
    if row.surrogate:
        close(found["layer"][1][1], found["dy"], "the straight-through cotangent")
        close(found["layer"][0], found["plain"][0], "output")
        return
    close(found["layer"], found["plain"], "output and cotangents of params and x")
    if name != "step":
        assert all(np.any(leaf) for leaf in jax.tree.leaves(found["layer"][1])), "a cotangent is all zero"


@every_layer
def test_eager_and_jit_agree_and_repeat_bitwise(name):
    found = study(name)
    close(found["eager"], found["layer"][0], "eager output")
    chex.assert_trees_all_equal(found["again"], found["layer"])


@every_layer
def test_vmap_is_a_loop_and_checkpoint_in_scan_changes_nothing(name):
    found = study(name)
    first = jax.tree.map(lambda leaf: leaf[0], found["scan"])
    close(first, found["layer"], "checkpointed in a scan")
    close(found["vmap"], found["scan"], "vmap")


@every_layer
def test_no_tracer_leaks_and_numpy_is_welcome(name):
    net, params, state, x = start(name)
    assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves((params, x)))

    def total(params, x, key):
        y, new_state = net.apply(params, state, x, key=key, train=True)
        return sum(leaf.sum() for leaf in jax.tree.leaves(y)), new_state

    with jax.enable_x64(True), jax.checking_leaks():
        jax.make_jaxpr(jax.grad(total, (0, 1), has_aux=True))(params, x, jax.random.key(3))


@stochastic_layers
def test_a_stochastic_layer_draws_from_its_key(name):
    found = study(name)
    assert any(
        np.any(a != b) for a, b in zip(*map(jax.tree.leaves, (found["layer"][0], found["other key"])), strict=True)
    )
    assert any(
        np.any(a != b) for a, b in zip(*map(jax.tree.leaves, (found["layer"][0], found["evaluation"])), strict=True)
    )


@stochastic_layers
def test_training_without_a_key_names_the_layer(name):
    net, params, state, x = start(name)
    paths = {
        "dropout": "dropout",
        "serial": "serial[1].dropout",
        "parallel": "parallel[2].dropout",
        "repeat": "repeat[:3].serial[1].dropout",
    }
    with jax.enable_x64(True), pytest.raises(LayerError) as raised:
        net.apply(params, state, x, train=True)
    assert str(raised.value).startswith(paths[name] + ": ") and "needs a key" in str(raised.value)


@pytest.mark.parametrize("name", [name for name, row in LAYERS.items() if not row.stochastic])
def test_a_layer_without_chance_is_the_same_in_training(name):
    chex.assert_trees_all_close(study(name)["evaluation"], study(name)["layer"][0], rtol=1e-14)
