"""Positions: learned and sinusoidal, carried from call to call, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import layers
from fnn.layers import Padded

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
MAKERS = {
    "learned": lambda carry=False: layers.learned_positions(6, carry=carry),
    "sinusoidal": lambda carry=False: layers.sinusoidal_positions(base=100.0, carry=carry),
}


def test_learned_are_rows_of_a_table():
    net = MAKERS["learned"]()
    params, state = net.init(KEY, X)
    assert params.w.shape == (6, 3) and 0.01 < params.w.std() < 0.03
    np.testing.assert_array_equal(net.apply(params, state, X)[0], X + np.asarray(params.w)[None, :5])


def test_sinusoidal_are_sines_and_cosines():
    y, _ = MAKERS["sinusoidal"]().apply((), (), 0 * X)
    for i in range(5):
        want = [np.sin(i), np.cos(i), np.sin(i * 100 ** (-2 / 3))]
        np.testing.assert_allclose(y[:, i], [want, want], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", MAKERS)
def test_carried_positions_go_on_where_the_last_call_ended(name):
    plain, net = MAKERS[name](), MAKERS[name](carry=True)
    params, state = net.init(KEY, X)
    assert state.position == 0
    first, state = jax.jit(net.apply)(params, state, X[:, :2])
    rest, state = jax.jit(net.apply)(params, state, X[:, 2:])
    want, _ = plain.apply(params, (), X)
    np.testing.assert_allclose(np.concatenate([first, rest], 1), want, rtol=0, atol=1e-6)
    assert state.position == 5
    with pytest.raises(layers.LayerError, match="state is a tuple, wanted Position"):
        net.apply(params, (), X)


@pytest.mark.parametrize("name", MAKERS)
def test_padded_comes_back_padded(name):
    net = MAKERS[name]()
    x = Padded(jnp.asarray(X), jnp.array([5, 1]))
    params, state = net.init(KEY, x)
    y, _ = net.apply(params, state, x)
    np.testing.assert_array_equal(y.x, net.apply(params, state, X)[0])
    assert y.lengths.tolist() == [5, 1]


def test_beyond_the_context():
    net = MAKERS["learned"](carry=True)
    params, state = net.init(KEY, X)
    _, state = net.apply(params, state, X)
    y, _ = jax.jit(net.apply)(params, state, X[:, :2])
    assert jnp.isfinite(y[:, 0]).all() and jnp.isnan(y[:, 1]).all()
    with pytest.raises(layers.LayerError, match="the sequence has 7 positions and the context is 6"):
        net.apply(params, state, X[:, :2])
    with pytest.raises(layers.LayerError, match="the sequence has 10 positions and the context is 6"):
        MAKERS["learned"]().apply(params, (), np.concatenate([X, X], 1))


def test_refused():
    with pytest.raises(ValueError, match="context = 0"):
        layers.learned_positions(0)
    with pytest.raises(ValueError, match="base = 0"):
        layers.sinusoidal_positions(base=0)
    for make in MAKERS.values():
        with pytest.raises(layers.LayerError, match=r"x has shape \(2, 3\), wanted \(batch, time, features\)"):
            make().init(KEY, X[:, 0])
