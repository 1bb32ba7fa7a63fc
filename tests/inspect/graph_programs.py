"""Programs of all kinds whose graphs the tests look at, and how to find a node or a wire in one."""

import functools
from typing import Any, NamedTuple
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

from fnn import inspect, layers, rules

KEY = jax.random.key(0)
ONE: Any = 1.0
HALF: Any = 0.5  # numbers as a user writes them, where a rule takes arrays


def named(graph, name) -> list[Any]:
    """The nodes of that name."""
    return [node for node in graph.nodes if node.name == name]


def leaving(graph, node) -> list[Any]:
    return [wire for wire in graph.wires if wire.source == node.number]


def entering(graph, node) -> list[Any]:
    return sorted((w for w in graph.wires if w.target == node.number), key=lambda w: w.position)


def pair(wire):
    return wire.value.value, wire.gradient.value


def of_input(graph, name) -> Any:
    """Value and gradient of an argument."""
    (node,) = named(graph, name)
    (wire,) = leaving(graph, node)
    return wire


def unfolded(f, *args):
    """The graph with every block of an unrolled program by itself."""
    with mock.patch("fnn.inspect.graphs.folding.fold", lambda program: program):
        return inspect.graph(f, *args)


def near(got, want, digits=1e-12):
    np.testing.assert_allclose(np.asarray(got, np.float64), want, rtol=digits, atol=digits)


class Block(NamedTuple):
    scale: jax.Array
    q: jax.Array
    k: jax.Array
    v: jax.Array
    w: jax.Array
    b: jax.Array


def attend(x, p):
    """A transformer's block, small."""
    h = rules.multiply(x, p.scale)
    q, k, v = (rules.matmul(h, w) for w in (p.q, p.k, p.v))
    a = rules.softmax(rules.multiply(rules.matmul(q, jnp.swapaxes(k, -1, -2)), HALF))
    x = rules.add(x, rules.matmul(a, v))
    return rules.add(x, rules.gelu(rules.linear(x, p.w, p.b)))


def blocks(times, features=4):
    keys = jax.random.split(KEY, 6)
    square = (times, features, features)
    shapes = (square[:2], square, square, square, square, square[:2])
    return Block(*(0.5 * jax.random.normal(key, shape) for key, shape in zip(keys, shapes, strict=True)))


def transformer(params, tokens, mask):
    x = params["embedding"][tokens] * mask[..., None].astype(jnp.float32)
    x, _ = jax.lax.scan(lambda x, p: (attend(x, p), None), x, params["blocks"])
    return rules.softmax_cross_entropy(rules.matmul(x, params["head"]), tokens)


def recurrent(w, u, b, xs, h):
    def step(h, x):
        h = rules.tanh(rules.add(rules.add(rules.multiply(w, x), rules.multiply(u, h)), b))
        return h, h * h

    h, squares = jax.lax.scan(step, h, xs)
    return jnp.sum(squares) + h


def nested(x, w):
    def outer(x, w):
        return jax.lax.scan(lambda x, w: (rules.tanh(rules.multiply(x, w)), None), x, w)[0], None

    return jax.lax.scan(outer, x, w)[0]


def own(w, x):
    h = jax.nn.gelu(x @ w)
    h = jnp.where(h > 0.1, h, jnp.clip(h, 0, 1)) ** 3
    return jnp.mean(h) + jnp.linalg.norm(h) + jax.nn.relu(h).sum() + jax.nn.silu(h)[0, 0]


NET = layers.serial(
    layers.dense(4),
    layers.relu(),
    layers.dropout(0.3),
    layers.repeat(layers.residual(layers.serial(layers.dense(4), layers.tanh())), 3),
    layers.dense(2),
)
PARAMS, STATE = NET.init(KEY, jnp.ones((1, 3)))
X, Y = jax.random.normal(KEY, (5, 3)), jnp.array([0, 1, 1, 0, 1])


def loss(params, state, x, y, key):
    logits, state = NET.apply(params, state, x, key=key, train=True)
    return rules.softmax_cross_entropy(logits, y), state


def scalar_loss(params, state, x, y, key):
    return loss(params, state, x, y, key)[0]


TOKENS = jnp.array([[1, 2, 0, 1], [2, 2, 1, 0]])
TRANSFORMER = {"embedding": jax.random.normal(KEY, (3, 4)), "blocks": blocks(3), "head": jax.random.normal(KEY, (4, 3))}
PROGRAMS = {
    "transformer": (transformer, (TRANSFORMER, TOKENS, TOKENS > 0)),
    "network": (scalar_loss, (PARAMS, STATE, X, Y, KEY)),
    "recurrent": (recurrent, (0.5, 0.2, 0.1, jnp.array([1.0, -2.0, 3.0]), 0.3)),
    "recurrent from zero": (lambda w, xs: recurrent(w, 0.2, 0.1, xs, jnp.float32(0)), (0.5, jnp.array([1.0, -2.0]))),
    "nested": (nested, (0.7, jax.random.normal(KEY, (2, 3)))),
    "own": (own, (jax.random.normal(KEY, (3, 4)), X)),
    "remat": (jax.checkpoint(lambda x: rules.tanh(x) * jnp.sum(x)), (jnp.array([1.0, 2.0]),)),
    "vmap": (jax.jit(jax.vmap(lambda x, y: rules.maximum(x, y) * x)), (X, X[::-1])),
    "branches": (lambda x: jax.lax.cond(x > 0, jnp.sin, jnp.cos, x) * x, (0.5,)),
    "counted": (lambda x: jax.lax.fori_loop(0, 3, lambda i, c: c * c + i.astype(jnp.float32), x), (0.5,)),
    "stopped": (lambda x: x * jax.lax.stop_gradient(jax.lax.while_loop(lambda c: c < 9, lambda c: c * 2, x)), (1.0,)),
}


@functools.cache
def graph_of(name):
    f, args = PROGRAMS[name]
    return inspect.graph(f, *args)
