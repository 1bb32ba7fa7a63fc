"""Combinators: they take layers and return a layer, so networks nest without end.

Shapes are threaded by `jax.eval_shape`, and each layer's key is the given key folded with the layer's position, so
nobody splits keys by hand.
"""

import jax
import jax.numpy as jnp

from fnn import rules
from fnn.layers.layer import Layer, abstract, fold, layer, output_shape
from fnn.layers.recompute import recompute as recomputed
from fnn.layers.scope import LayerError, path, repetition, scope


def serial(*layers: Layer) -> Layer:
    """One layer after the other: y = l_n(... l_1(x)). params and state are tuples, one entry a layer.

    >>> import jax, jax.numpy as jnp
    >>> from fnn import layers
    >>> net = layers.serial(layers.dense(4), layers.relu(), layers.dense(2))
    >>> params, state = net.init(jax.random.key(0), jnp.ones((1, 3)))
    >>> params[0].w.shape, params[1], net.apply(params, state, jnp.ones((5, 3)))[0].shape
    ((3, 4), (), (5, 2))
    """
    _need_layers("serial", layers)

    def init(key, x):
        params, states = [], []
        for position, child in enumerate(layers):
            with scope(f"[{position}]"):
                p, s = child.init(fold(key, position), x)
                x = output_shape(child, p, s, x)
            params.append(p)
            states.append(s)
        return tuple(params), tuple(states)

    def apply(params, state, x, *, key=None, train=False):
        _need_entries(params, state, layers)
        states = []
        for position, child in enumerate(layers):
            with scope(f"[{position}]"):
                x, s = child.apply(params[position], state[position], x, key=fold(key, position), train=train)
            states.append(s)
        return x, tuple(states)

    return layer("serial", init, apply)


def parallel(*layers: Layer) -> Layer:
    """Every layer on the same input: y = (l_1(x), ..., l_n(x)); join them with concatenate() or add()."""
    _need_layers("parallel", layers)

    def init(key, x):
        pairs = []
        for position, child in enumerate(layers):
            with scope(f"[{position}]"):
                pairs.append(child.init(fold(key, position), x))
        return tuple(p for p, _ in pairs), tuple(s for _, s in pairs)

    def apply(params, state, x, *, key=None, train=False):
        _need_entries(params, state, layers)
        pairs = []
        for position, child in enumerate(layers):
            with scope(f"[{position}]"):
                child_key = fold(key, position)
                pairs.append(child.apply(params[position], state[position], x, key=child_key, train=train))
        return tuple(y for y, _ in pairs), tuple(s for _, s in pairs)

    return layer("parallel", init, apply)


def residual(inner: Layer) -> Layer:
    """Y = X + inner(X): the cotangent reaches X on both ways. Source: He et al. (2015), arXiv:1512.03385."""
    _need_layers("residual", (inner,))

    def init(key, x):
        params, state = inner.init(key, x)
        _need_same(x, output_shape(inner, params, state, x))
        return params, state

    def apply(params, state, x, *, key=None, train=False):
        y, state = inner.apply(params, state, x, key=key, train=train)
        _need_same(x, y)
        return rules.add(x, y), state

    return layer("residual", init, apply)


def repeat(inner: Layer, times: int, *, recompute: bool = False) -> Layer:
    """`times` copies of one layer in series, each with its own parameters, compiled once.

    params and state are those of `inner` with a leading axis of size `times`; the body is scanned over them, so the
    size of the program does not grow with depth. The layer must give the shape and dtype that it takes.

    The backward walks the copies from last to first. It uses what each saved in the forward, or with `recompute` only
    the input of each, of which it runs the forward again: the same numbers, for about a third more time and memory
    that grows by one input a copy. See `layers.recompute`.
    """
    _need_layers("repeat", (inner,))
    inner = recomputed(inner) if recompute else inner
    if times < 1:
        raise ValueError(f"repeat: times = {times}, wanted at least 1.")

    def init(key, x):
        params, state = jax.vmap(lambda k: inner.init(k, x))(jax.random.split(key, times))
        one_params, one_state = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), (params, state)
        )
        _need_same(x, output_shape(inner, one_params, one_state, x))
        return params, state

    def apply(params, state, x, *, key=None, train=False):
        def body(x, each):
            p, s, position = each
            with repetition(times, position):
                y, s = inner.apply(p, s, x, key=fold(key, position), train=train)
            _need_same(x, y)
            return y, s

        return jax.lax.scan(body, x, (params, state, jnp.arange(times)))

    return layer("repeat", init, apply)


def _need_layers(name: str, layers: tuple) -> None:
    for position, child in enumerate(layers):
        if not isinstance(child, Layer):
            hint = "; call it to make the layer" if callable(child) else ""
            raise TypeError(f"{name}: argument {position} is {child!r}, wanted a Layer{hint}.")


def _need_entries(params, state, layers: tuple) -> None:
    for name, given in (("params", params), ("state", state)):
        if not isinstance(given, tuple) or len(given) != len(layers):
            got = f"a tuple of {len(given)}" if isinstance(given, tuple) else f"a {type(given).__name__}"
            raise LayerError(f"{path()}: {name} is {got}, wanted a tuple of {len(layers)}, one entry for each layer.")


def _need_same(x, y) -> None:
    if abstract(x) != abstract(y):
        raise LayerError(
            f"{path()}: the inner layer turns {_describe(x)} into {_describe(y)}, wanted the same shape and dtype out."
        )


def _describe(x) -> str:
    return ", ".join(f"{leaf.dtype}{list(leaf.shape)}" for leaf in jax.tree.leaves(abstract(x)))
