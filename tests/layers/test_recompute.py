"""Save or recompute: the same numbers, less kept."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fnn
from fnn import layers
from fnn.check import residual_bytes

X = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
KEY = jax.random.key(1)
BLOCK = layers.serial(layers.dense(6), layers.tanh(), layers.dropout(0.4), layers.dense(6), layers.silu())


def counter():
    """Return a layer whose state is the sum of the outputs that it has seen."""

    def apply(params, state, x, *, key=None, train=False):
        return 2 * x, state + x.sum()

    return layers.layer("counter", lambda key, x: ((), jnp.zeros((), x.dtype)), apply)


def loss(net, state, key=KEY):
    return lambda params, x: (net.apply(params, state, x, key=key, train=True)[0] ** 2).sum()


@pytest.mark.parametrize("wrap", (lambda net: net, lambda net: layers.repeat(net, 3)), ids=("one", "repeated"))
def test_values_gradients_params_and_masks_are_those_of_the_inner_layer(wrap):
    saved, again = wrap(BLOCK), wrap(layers.recompute(BLOCK))
    params, state = saved.init(KEY, X)
    jax.tree.map(np.testing.assert_array_equal, again.init(KEY, X), (params, state))
    want, got = (jax.jit(jax.value_and_grad(loss(net, state), (0, 1)))(params, X) for net in (saved, again))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-5), got, want)
    assert (got[1][1] != 0).any()
    other, _ = jax.value_and_grad(loss(again, state, jax.random.key(2)))(params, X)
    assert abs(other - want[0]) > 1e-3  # another key, another mask


def test_kept_is_the_input_and_the_key():
    params, state = layers.recompute(BLOCK).init(KEY, X)
    x = jax.ShapeDtypeStruct((1000, 6), jnp.float32)
    key = jax.random.key_data(KEY)

    def apply(net):
        return lambda x, key: net.apply(params, state, x, key=jax.random.wrap_key_data(key), train=True)[0]

    saved, again = (residual_bytes(apply(net), x, key) for net in (BLOCK, layers.recompute(BLOCK)))
    weights = sum(leaf.nbytes for leaf in jax.tree.leaves(params))
    assert x.size * 4 <= again.total <= x.size * 4 + weights + 100 < saved.total / 2


def test_the_compiled_program_keeps_less():
    """XLA merges the second run with the first where it can, and the memory is that of the layers themselves."""
    block = layers.serial(*4 * [layers.residual(layers.serial(layers.dense(16), layers.tanh()))])
    x, depth = jax.ShapeDtypeStruct((1000, 16), jnp.float32), 5

    def temporaries(block):
        net = layers.serial(*depth * [block])
        params, state = net.init(KEY, x)
        analysis = jax.jit(jax.grad(loss(net, state))).lower(params, x).compile().memory_analysis()
        assert analysis is not None
        return analysis.temp_size_in_bytes / x.size / 4

    saved, again = temporaries(block), temporaries(layers.recompute(block))
    assert saved >= 4 * depth  # what each tanh keeps
    assert again <= saved / 2


def test_on_other_platforms_it_waits_at_a_barrier():
    net = layers.recompute(layers.tanh())
    traced = jax.jit(jax.grad(loss(net, ()), 1)).trace((), X)
    on = {platform: traced.lower(lowering_platforms=(platform,)).as_text() for platform in ("cpu", "cuda")}
    assert ["optimization_barrier" in text for text in on.values()] == [False, True]


def test_what_a_layer_has_from_elsewhere_gets_its_cotangent():
    """A scale that the layer closes over is trained as well, also where it is one of many."""

    def total(wrap):
        def run(x, scale):
            net = wrap(layers.stateless("scaled", lambda x: jnp.tanh(scale * x)))
            return (net.apply((), (), x)[0] ** 2).sum()

        return run

    scales = jnp.array([0.5, 2.0])
    for each, given in ((lambda f: f, (X, scales[0])), (lambda f: jax.vmap(f, (None, 0)), (X, scales))):
        want, got = (each(jax.grad(total(wrap), (0, 1)))(*given) for wrap in (lambda net: net, layers.recompute))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), got, want)


def test_an_input_may_hold_integers_and_keys():
    def drawn(x):
        x, column, key = x
        return x[:, column] * jax.random.normal(key, (len(x),))

    net = layers.recompute(layers.stateless("drawn", drawn))

    def total(x):
        return net.apply((), (), (x, jnp.int32(2), KEY))[0].sum()

    want = np.zeros_like(X)
    want[:, 2] = jax.random.normal(KEY, (len(X),))
    np.testing.assert_array_equal(jax.jit(jax.grad(total))(jnp.asarray(X)), want)


def test_forward_mode_passes_as_through_the_inner_layer():
    net = layers.recompute(layers.serial(layers.dense(6), layers.tanh()))
    params, state = net.init(KEY, X)
    with fnn.autodiff():
        y, dy = jax.jvp(lambda x: net.apply(params, state, x)[0], (X,), (np.ones_like(X),))
    np.testing.assert_allclose(dy, np.asarray(1 - y**2) * np.asarray(params[0].w).sum(0), rtol=1e-4, atol=1e-5)


def test_the_switch_of_repeat_recomputes_each_copy():
    by_switch, by_hand = layers.repeat(BLOCK, 3, recompute=True), layers.repeat(layers.recompute(BLOCK), 3)
    params, state = by_switch.init(KEY, X)
    got, want = (jax.jit(jax.grad(loss(net, state), (0, 1)))(params, X) for net in (by_switch, by_hand))
    jax.tree.map(np.testing.assert_array_equal, got, want)
    kept = [residual_bytes(loss(net, state), params, X).total for net in (by_switch, by_hand, layers.repeat(BLOCK, 3))]
    assert kept[0] == kept[1] < kept[2]


def test_state_is_threaded():
    net = layers.recompute(layers.serial(counter(), counter()))
    params, state = net.init(KEY, X)

    def total(x):
        y, after = net.apply(params, state, x)
        return y.sum(), after

    grads, after = jax.grad(total, has_aux=True)(X)
    np.testing.assert_allclose(after, (X.sum(), 2 * X.sum()), rtol=1e-5)
    np.testing.assert_array_equal(grads, np.full_like(X, 4))


def test_errors_name_the_path():
    net = layers.serial(layers.recompute(layers.serial(layers.dense(3))))
    params, state = net.init(KEY, X)
    with pytest.raises(layers.LayerError, match=r"^serial\[0\].recompute.serial\[0\].dense: x has shape \(5, 2\)"):
        net.apply(params, state, X[:, :2])
    with pytest.raises(layers.LayerError, match=r"recompute.dropout: .*key"):
        layers.recompute(layers.dropout(0.5)).apply((), (), X, train=True)


@pytest.mark.usefixtures("without_run_time_checks")
def test_a_maker_is_no_layer():
    with pytest.raises(TypeError, match=r"recompute: inner is <.*relu.*>, wanted a Layer; call it to make the layer"):
        layers.recompute(layers.relu)  # pyright: ignore[reportArgumentType]
