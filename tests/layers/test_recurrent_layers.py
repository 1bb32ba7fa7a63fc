"""The recurrent layers: carried states, padded sequences, both directions, how they start, and errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import layers
from fnn.layers import LayerError

KEY = jax.random.key(2)
MAKERS = {"rnn": layers.rnn, "gru": layers.gru, "lstm": layers.lstm}
every_layer = pytest.mark.parametrize("name", MAKERS)


def sequences(batch=2, time=5):
    return jax.random.normal(jax.random.key(5), (batch, time, 3))


@every_layer
def test_a_carried_state_goes_on_with_the_same_parameters(name):
    x = sequences()
    plain, carrying = MAKERS[name](4), MAKERS[name](4, carry=True)
    params, nothing = plain.init(KEY, x)
    same, state = carrying.init(KEY, x)
    jax.tree.map(np.testing.assert_array_equal, params, same)
    assert nothing == () and not any(np.any(leaf) for leaf in jax.tree.leaves(state))
    y, _ = plain.apply(params, (), x)
    steps = []
    for t in range(x.shape[1]):
        one, state = carrying.apply(params, state, x[:, t : t + 1])
        steps.append(one)
    np.testing.assert_allclose(np.concatenate(steps, 1), y, atol=1e-6)


def test_padded_sequences_are_each_of_them_alone():
    x, lengths = sequences(3), jnp.array([5, 2, 3])
    net = layers.serial(layers.bidirectional(layers.lstm(4, projection=3), layers.gru(4)), layers.rnn(2))
    params, state = net.init(KEY, x)
    y, _ = net.apply(params, state, layers.Padded(x, lengths))
    assert isinstance(y, layers.Padded) and y.lengths is lengths
    for row, length in enumerate([5, 2, 3]):
        alone, _ = net.apply(params, state, x[row : row + 1, :length])
        np.testing.assert_allclose(y.x[row : row + 1, :length], alone, atol=1e-6)
        assert not np.any(y.x[row, length:])


def test_backward_runs_from_the_end():
    x = sequences()
    net = layers.bidirectional(layers.rnn(2), layers.rnn(2))
    params, state = net.init(KEY, x)
    moved = x.at[:, -1].add(1.0)
    changed = np.abs(net.apply(params, state, moved)[0] - net.apply(params, state, x)[0]).max((0, 2))
    forward = np.abs(net.apply(params, state, moved)[0] - net.apply(params, state, x)[0])[..., :2].max((0, 2))
    assert not forward[:-1].any() and forward[-1] > 0 and changed[0] > 0


def test_how_they_start():
    params, _ = layers.lstm(4, peepholes=True).init(KEY, sequences())
    np.testing.assert_array_equal(params.b, np.repeat([0.0, 1.0, 0.0, 0.0], 4))
    for gate in np.split(np.asarray(params.u), 4, 1):
        np.testing.assert_allclose(gate.T @ gate, np.eye(4), atol=1e-5)
    assert params.peepholes.shape == (3, 4) and not params.peepholes.any()
    assert layers.gru(4, reset="before").init(KEY, sequences())[0].recurrent_b is None
    assert all(layers.gru(4, bias=False).init(KEY, sequences())[0][k] is None for k in (2, 3))


X, CARRYING = jnp.ones((2, 5, 3)), layers.lstm(4, carry=True)
PARAMS, STATE = CARRYING.init(KEY, X)
ERRORS = [
    (lambda: CARRYING.apply(PARAMS, STATE, X[:, :0]), r"lstm: x has shape \(2, 0, 3\), wanted .* with a step in time"),
    (lambda: CARRYING.apply(PARAMS, STATE, X[0]), r"lstm: x has shape \(5, 3\), wanted \(batch, time, features\)"),
    (lambda: CARRYING.apply(PARAMS, STATE, X[..., :2]), r"lstm: x has shape \(2, 5, 2\), wanted \(\.\.\., 3\)"),
    (lambda: CARRYING.apply(PARAMS, STATE, X[:1]), r"lstm: state has shapes \(\(2, 4\), \(2, 4\)\), wanted \(\(1, 4\)"),
    (lambda: CARRYING.apply(PARAMS, (), X), r"lstm: state is a tuple, wanted HiddenAndCell, as init makes it"),
    (lambda: CARRYING.apply((), STATE, X), r"lstm: params are a tuple, wanted LSTM"),
    (
        lambda: CARRYING.apply(PARAMS, STATE, layers.Padded(X, jnp.array([5, 6]))),
        r"lstm: the length of row 1 is 6, wanted one of 0\.\.5",
    ),
    (
        lambda: CARRYING.apply(PARAMS, STATE, layers.Padded(X, jnp.array([-1, 5]))),
        r"lstm: the length of row 0 is -1, wanted one of 0\.\.5",
    ),
    (lambda: CARRYING.apply(PARAMS, STATE, layers.Padded(X, jnp.ones(3, int))), r"lstm: got a Padded with x of shape"),
]


@pytest.mark.usefixtures("without_run_time_checks")
@pytest.mark.parametrize(("call", "sentence"), ERRORS)
def test_what_cannot_be_is_a_sentence_with_the_path(call, sentence):
    with pytest.raises(LayerError, match=sentence):
        call()


@pytest.mark.usefixtures("without_run_time_checks")
def test_what_is_no_layer():
    with pytest.raises(ValueError, match="rnn: hidden = 0, wanted at least 1"):
        layers.rnn(0)
    with pytest.raises(ValueError, match="lstm: projection = 0, wanted at least 1 feature, or None"):
        layers.lstm(3, projection=0)
    with pytest.raises(TypeError, match=r"reversed_time: inner is .* wanted a Layer; call it to make the layer"):
        layers.bidirectional(layers.rnn(3), layers.rnn)  # pyright: ignore[reportArgumentType]
