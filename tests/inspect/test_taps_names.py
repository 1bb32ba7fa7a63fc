"""Who is seen under which name: points of a user's own function, a layer called again, a layer that remats itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from taps_oracle import EPS, KEY, X, agrees

from fnn import inspect, layers


def mine(w, x):
    """A user's own function, without a layer."""
    h = jnp.tanh(x @ w["in"])
    h = inspect.tap("hidden", h, slope=1 - h * h)
    pair = inspect.tap("pair", {"y": h @ w["out"], "n": jnp.arange(3), "h": h[0]})
    return jnp.sum(inspect.tap("hidden", pair["y"]) ** 2)


def test_named_points_of_a_users_own_function():
    w = {"in": np.float32(np.random.default_rng(1).normal(size=(3, 4))), "out": np.eye(4, 2, dtype=np.float32)}
    value, taps = (lambda out: (out[0][0], out[2]))(jax.jit(inspect.taps(mine))(w, X))
    np.testing.assert_allclose(value, mine(w, X), rtol=8 * EPS)
    h = np.tanh(X @ w["in"])
    y = h @ w["out"]
    assert [*taps.layers] == ["hidden", "pair", "hidden#2"]
    agrees(taps.layers["hidden"].output, h)
    np.testing.assert_allclose(taps.layers["hidden"].saturated, (1 - h * h < 0.05).mean())
    agrees(taps.layers["hidden"].cotangent, 2 * y @ w["out"].T)
    agrees(taps.layers["hidden#2"].cotangent, 2 * y)
    pair = taps.layers["pair"].output  # a pytree's floating-point leaves together, its units one after the other
    both = np.concatenate([h[0], y.ravel()])
    np.testing.assert_allclose(pair.rms, np.sqrt(np.square(both).mean()), rtol=64 * EPS)
    assert pair.zero_by_unit.shape == (6,)


def test_a_tap_is_nothing_outside_taps():
    assert inspect.tap("x", X) is X


def test_each_call_of_a_layer_has_its_own_row():
    net = layers.dense(3)
    params, state = net.init(KEY, X)

    def thrice(params, x):
        for _ in range(3):
            x, _ = net.apply(params, state, x)
        return x.sum()

    taps = jax.jit(inspect.taps(thrice))(params, X)[2]
    x = X
    for path in ("dense", "dense#2", "dense#3"):
        x = x @ params.w
        agrees(taps.layers[path].output, x)


def test_a_layer_that_checkpoints_within_itself_is_seen_in_every_place():
    inner = layers.serial(layers.dense(3), layers.tanh())

    def apply(params, state, x, *, key=None, train=False):
        return checkpointed(params, x), state

    checkpointed = jax.checkpoint(lambda params, x: inner.apply(params, ((), ()), x)[0])
    block = layers.layer("block", inner.init, apply)
    net = layers.serial(layers.repeat(block, 2), layers.repeat(block, 2), block)
    params, state = net.init(KEY, X)
    taps = jax.jit(inspect.taps(lambda params, x: net.apply(params, state, x)[0].sum()))(params, X)[2]
    assert all(row.calls == 1 for _, row in taps.rows())
    x = X
    for path, p in (("serial[0].repeat[:2]", params[0]), ("serial[1].repeat[:2]", params[1])):
        for i in range(2):
            x = np.tanh(x @ p[0].w[i])
            agrees(taps.layers[f"{path}.block.serial[1].tanh"].output, x, index=(i,))
    agrees(taps.layers["serial[2].block.serial[1].tanh"].output, np.tanh(x @ params[2][0].w))


def test_scopes_name_the_runs_of_what_is_traced_once():
    block = jax.checkpoint(lambda w, x: inspect.tap("mlp", jnp.tanh(x @ w)))
    ws = np.random.default_rng(2).normal(size=(3, 3, 3)).astype(np.float32)

    def together(ws, x):
        for w in ws:
            x = block(w, x)
        return x.sum()

    def apart(ws, x):
        for i, w in enumerate(ws):
            with inspect.scope(f"block[{i}]"):
                x = block(w, x)
        return x.sum()

    seen = jax.jit(inspect.taps(together))(ws, X)[2]
    assert [*seen.layers] == ["mlp"] and seen.layers["mlp"].calls == 3
    seen, x = jax.jit(inspect.taps(apart))(ws, X)[2], X
    for i, w in enumerate(ws):
        x = np.tanh(x @ w)
        agrees(seen.layers[f"block[{i}].mlp"].output, x)


def test_a_custom_derivative_lets_no_tap_in():
    @jax.custom_vjp
    def own(x):
        return inspect.tap("inside", x)

    own.defvjp(lambda x: (own(x), None), lambda saved, dy: (dy,))
    with pytest.raises(jax.errors.UnexpectedTracerError):
        inspect.taps(lambda x: own(x).sum())(X)


def test_called_by_itself_it_compiles_and_takes_what_is_no_array():
    def f(params, x, activation, times):
        for _ in range(times):
            x = inspect.tap("h", activation(x * params["w"]))
        return x.mean(), {"times": times}

    (_, aux), grads, seen = inspect.taps(f)({"w": 0.5}, X, jnp.tanh, 2)
    assert aux["times"] == 2 and [*seen.layers] == ["h", "h#2"]
    want = jax.grad(lambda p: f(p, X, jnp.tanh, 2)[0])({"w": 0.5})["w"]
    np.testing.assert_allclose(grads["w"], want, rtol=64 * EPS)
