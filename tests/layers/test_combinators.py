"""Combinators: how they nest, thread keys, params and state, and what they refuse."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import layers
from fnn.layers import LayerError

X = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
KEY = jax.random.key(1)


def counter():
    """Return a layer whose state counts its calls and whose output is x plus the count."""
    return layers.layer(
        "counter",
        lambda key, x: ((), jnp.zeros((), jnp.float32)),
        lambda params, state, x, *, key=None, train=False: (x + state, state + 1),
    )


def run(net, x: Any = X, *, params=None, state=None, key=None, train=False):
    start = net.init(KEY, x)
    params, state = (given if given is not None else own for given, own in zip((params, state), start, strict=True))
    return net.apply(params, state, x, key=key, train=train)


def test_serial_applies_in_order_and_nests():
    parts = (layers.dense(4), layers.tanh(), layers.dense(3))
    flat, nested = layers.serial(*parts), layers.serial(layers.serial(*parts[:2]), parts[2])
    params, state = flat.init(KEY, X)
    h = np.tanh(X @ np.asarray(params[0].w) + np.asarray(params[0].b))
    np.testing.assert_allclose(run(flat)[0], h @ np.asarray(params[2].w), rtol=1e-5, atol=1e-6)
    regrouped = ((params[0], params[1]), params[2])
    got, _ = nested.apply(regrouped, ((state[0], state[1]), state[2]), X)
    np.testing.assert_array_equal(got, flat.apply(params, state, X)[0])


def test_empty_serial_is_the_identity():
    y, state = run(layers.serial())
    np.testing.assert_array_equal(y, X)
    assert layers.serial().init(KEY, X) == ((), ()) and state == ()


def test_keys_are_folded_by_position():
    drop = layers.dropout(0.5)
    net = layers.serial(layers.dense(6), drop, drop, layers.parallel(drop, layers.serial(drop)))
    params, state = net.init(KEY, X)
    np.testing.assert_array_equal(params[0].w, layers.dense(6).init(jax.random.fold_in(KEY, 0), X)[0].w)
    key = jax.random.key(9)

    def dropped(x, *positions):
        folded = key
        for position in positions:
            folded = jax.random.fold_in(folded, position)
        return drop.apply((), (), x, key=folded, train=True)[0]

    h = layers.dense(6).apply(params[0], (), X)[0]
    h = dropped(dropped(h, 1), 2)
    left, right = net.apply(params, state, X, key=key, train=True)[0]
    np.testing.assert_array_equal(left, dropped(h, 3, 0))
    np.testing.assert_array_equal(right, dropped(h, 3, 1, 0))


def test_a_layer_put_in_moves_the_keys_behind_it_and_no_others():
    short = layers.serial(layers.dense(6), layers.dense(6), layers.dense(6))
    long = layers.serial(layers.dense(6), layers.dense(6), layers.relu(), layers.dense(6))
    (a, b, c), _ = short.init(KEY, X)
    (a2, b2, _, c2), _ = long.init(KEY, X)
    np.testing.assert_array_equal(a.w, a2.w)
    np.testing.assert_array_equal(b.w, b2.w)
    assert (np.asarray(c.w) != np.asarray(c2.w)).all()


def test_parallel_gives_every_layer_the_same_input_and_joins_as_asked():
    branches = layers.parallel(layers.dense(3), layers.relu(), layers.identity())
    params, state = branches.init(KEY, X)
    outputs, new_state = branches.apply(params, state, X)
    np.testing.assert_allclose(outputs[0], X @ np.asarray(params[0].w), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(outputs[1], np.maximum(X, 0))
    np.testing.assert_array_equal(outputs[2], X)
    assert new_state == ((), (), ())
    joined = run(layers.serial(branches, layers.concatenate()))[0]
    np.testing.assert_allclose(joined[:, 3:], np.concatenate([np.maximum(X, 0), X], -1))
    doubled, added = run(
        layers.serial(layers.parallel(layers.identity(), layers.relu(), layers.identity()), layers.add())
    )
    np.testing.assert_allclose(doubled, X + np.maximum(X, 0) + X, rtol=1e-6)
    assert added == (((), (), ()), ())


def test_residual_adds_its_input_in_both_passes():
    net = layers.residual(layers.scale())
    s = np.linspace(-1, 1, 6, dtype=np.float32)
    y, pull = jax.vjp(lambda params, x: net.apply(params, (), x)[0], layers.Scale(jnp.asarray(s)), X)
    np.testing.assert_allclose(y, X * (1 + s), rtol=1e-6, atol=1e-6)
    dy = np.cos(X)
    dparams, dx = pull(jnp.asarray(dy))
    np.testing.assert_allclose(dx, dy * (1 + s), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(dparams.s, (dy * X).sum(0), rtol=1e-4, atol=1e-5)


def body():
    return layers.serial(layers.dense(6), layers.tanh(), layers.dropout(0.3), counter())


def test_repeat_is_a_serial_of_its_layer_with_the_params_unstacked():
    times = 3
    repeated, unrolled = layers.repeat(body(), times), layers.serial(*[body()] * times)
    stacked, state = repeated.init(KEY, X)
    rows = tuple(jax.tree.map(lambda leaf, i=i: leaf[i], (stacked, state)) for i in range(times))
    params, states = zip(*rows, strict=True)
    assert stacked[0].w.shape == (times, 6, 6) and len({float(p[0].w[0, 0]) for p in params}) == times

    def total(net, params, state, x):
        y, new_state = net.apply(params, state, x, key=KEY, train=True)
        return (y * jnp.cos(x)).sum(), (y, new_state)

    gradient = jax.jit(jax.grad(total, (1, 3), has_aux=True), static_argnums=0)
    (dstacked, dx), (y, new_state) = gradient(repeated, stacked, state, X)
    (dparams, dx2), (y2, new_states) = gradient(unrolled, params, states, X)
    np.testing.assert_allclose(y, y2, rtol=1e-5, atol=1e-6)  # the same masks: position i draws from fold_in(key, i)
    np.testing.assert_allclose(dx, dx2, rtol=1e-4, atol=1e-5)
    for i in range(times):
        np.testing.assert_allclose(dstacked[0].w[i], dparams[i][0].w, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(dstacked[0].b[i], dparams[i][0].b, rtol=1e-4, atol=1e-5)
        assert new_state[3][i] == new_states[i][3] == 1


def test_dropout_in_repeat_draws_a_new_mask_each_time():
    ones = np.ones((64, 64), np.float32)
    y = run(layers.repeat(layers.dropout(0.5), 4), ones, key=KEY, train=True)[0]
    kept = np.asarray(y > 0).mean()
    assert abs(kept - 1 / 16) < 5 * (1 / 16 / ones.size) ** 0.5  # one mask four times over would keep a half
    assert set(np.unique(y)) == {0.0, 16.0}


def test_the_program_of_repeat_does_not_grow_with_times():
    def size(times):
        net = layers.repeat(body(), times)
        params, state = net.init(KEY, X)
        gradient = jax.grad(lambda p: net.apply(p, state, X, key=KEY, train=True)[0].sum())
        return sum(1 for line in str(jax.make_jaxpr(gradient)(params)).splitlines() if "=" in line)

    assert size(2) == size(7)


def test_state_passes_through_nested_combinators():
    net = layers.serial(counter(), layers.parallel(counter(), layers.repeat(counter(), 2)), layers.add())
    params, state = net.init(KEY, X)
    y = X
    for calls in range(1, 3):
        y, state = net.apply(params, state, X)
        assert [float(leaf) for leaf in np.hstack(jax.tree.leaves(state))] == [calls] * 4
    # The second call adds 1 in each counter: X + 1, then +1 on the left and twice +1 on the right.
    np.testing.assert_allclose(y, (X + 2) + (X + 3), rtol=1e-6)


def deep(*inside):
    return layers.serial(layers.relu(), layers.parallel(layers.identity(), layers.residual(layers.serial(*inside))))


WIDE = np.ones((5, 7), np.float32)
DENSE = layers.Dense(jnp.ones((6, 6)), None)
WRONG = {
    "shape": (
        lambda: deep(layers.dense(6)).apply(((), ((), (DENSE,))), ((), ((), ((),))), WIDE),
        "serial[1].parallel[1].residual.serial[0].dense: x has shape (5, 7), wanted (..., 6).",
    ),
    "shape in repeat": (
        lambda: run(layers.repeat(layers.serial(layers.relu(), layers.dense(7)), 2)),
        "repeat: the inner layer turns float32[5, 6] into float32[5, 7], wanted the same shape and dtype out.",
    ),
    "shape in residual": (
        lambda: run(layers.serial(layers.residual(layers.dense(4)))),
        "serial[0].residual: the inner layer turns float32[5, 6] into float32[5, 4], wanted the same",
    ),
    "integers": (
        lambda: run(deep(layers.dense(6)), X.astype(np.int32)),
        "serial[0].relu: x is int32, wanted floating point",
    ),
    "branches not joined": (
        lambda: run(layers.serial(layers.parallel(layers.relu(), layers.relu()), layers.dense(2))),
        "serial[1].dense: got a tuple of arrays, wanted one array; join the branches first.",
    ),
    "branches of two shapes": (
        lambda: run(layers.serial(layers.parallel(layers.dense(2), layers.dense(3)), layers.add())),
        "serial[1].add: the branches have shapes [(5, 2), (5, 3)], wanted one shape.",
    ),
    "params of a shorter network": (
        lambda: run(layers.serial(layers.serial(layers.relu(), layers.relu())), params=(((),),)),
        "serial[0].serial: params is a tuple of 1, wanted a tuple of 2, one entry for each layer.",
    ),
    "params in a list": (
        lambda: run(layers.parallel(layers.relu(), layers.relu()), params=[(), ()]),
        "parallel: params is a list, wanted a tuple of 2",
    ),
    "state left out": (
        lambda: run(layers.serial(layers.dense(2), layers.relu()), state=()),
        "serial: state is a tuple of 0, wanted a tuple of 2",
    ),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_wrong_input_is_told_with_the_path_before_compilation(wrong):
    call, message = wrong
    with pytest.raises(LayerError) as raised:
        jax.eval_shape(call)  # no values exist here: whatever raises, raises before XLA sees anything
    assert str(raised.value).startswith(message)


NOT_MADE: Any = layers.relu
NO_LAYERS = {
    "serial": (lambda: layers.serial(layers.dense(2), NOT_MADE), "serial: argument 1 is <function relu"),
    "parallel": (lambda: layers.parallel(NOT_MADE), "parallel: argument 0 is <function relu"),
    "residual": (lambda: layers.residual(NOT_MADE), "residual: argument 0 is <function relu"),
    "repeat": (lambda: layers.repeat(NOT_MADE, 2), "repeat: argument 0 is <function relu"),
}


@pytest.mark.parametrize("wrong", NO_LAYERS.values(), ids=NO_LAYERS.keys())
def test_a_function_in_place_of_a_layer_is_refused_where_it_is_given(wrong, without_run_time_checks):
    make, message = wrong
    with pytest.raises(TypeError) as raised:
        make()
    assert str(raised.value).startswith(message) and str(raised.value).endswith("call it to make the layer.")


def test_a_list_of_layers_is_refused(without_run_time_checks):
    with pytest.raises(TypeError, match=r"serial: argument 0 is \[.*, wanted a Layer"):
        layers.serial([layers.relu()])  # pyright: ignore[reportArgumentType]


def test_repeat_wants_at_least_one():
    with pytest.raises(ValueError, match="repeat: times = 0, wanted at least 1"):
        layers.repeat(layers.relu(), 0)
