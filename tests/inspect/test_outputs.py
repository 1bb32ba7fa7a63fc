"""The outputs of a network's layers: values, order, and what has no place outside."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from fnn import inspect, layers, rules

X = jnp.asarray(np.random.default_rng(0).normal(size=(3, 4)), jnp.float32)
KEY = jax.random.key(0)


def test_each_layer_is_there_in_the_order_of_the_forward():
    net = layers.serial(layers.dense(4), layers.residual(layers.tanh()), layers.dropout(0.5))
    params, state = net.init(KEY, X)
    found = inspect.outputs(net, params, state, X)
    h = rules.linear(X, params[0].w, params[0].b)
    wanted = {
        "serial[0].dense": h,
        "serial[1].residual.tanh": rules.tanh(h),
        "serial[1].residual": rules.add(h, rules.tanh(h)),
        "serial[2].dropout": rules.add(h, rules.tanh(h)),
        "serial": rules.add(h, rules.tanh(h)),
    }
    assert list(found) == list(wanted)
    for path, y in wanted.items():
        np.testing.assert_array_equal(found[path], y)
    trained = inspect.outputs(net, params, state, X, key=KEY, train=True)
    np.testing.assert_array_equal(trained["serial"], net.apply(params, state, X, key=KEY, train=True)[0])


def test_layers_in_a_loop_or_computed_again_are_left_out():
    net = layers.serial(layers.repeat(layers.dense(4), 2), layers.recompute(layers.tanh()))
    found = inspect.outputs(net, *net.init(KEY, X), X)
    assert list(found) == ["serial[0].repeat", "serial[1].recompute", "serial"]
    assert all(isinstance(y, jax.Array) and not isinstance(y, Tracer) for y in found.values())
