"""The recurrent rules beside the table: padding, splitting a sequence, precision of the state, and errors."""

from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import rules
from fnn.kernels.recurrence.sequences import block_steps

RULES = {
    "rnn": (rules.rnn, 1, {}),
    "gru": (rules.gru, 3, {}),
    "gru, reset before": (rules.gru, 3, {"reset": "before"}),
    "lstm": (rules.lstm, 4, {}),
}
every_rule = pytest.mark.parametrize("name", RULES)


def weights(gates, inputs=3, hidden=2):
    keys = jax.random.split(jax.random.key(4), 3)
    shapes = (inputs, gates * hidden), (hidden, gates * hidden), (gates * hidden,)
    return [jax.random.normal(k, shape) for k, shape in zip(keys, shapes, strict=True)]


def sequences(batch=3, time=5):
    return jax.random.normal(jax.random.key(5), (batch, time, 3))


@every_rule
def test_padding_does_not_count_even_nan(name):
    rule, gates, static = RULES[name]
    arguments, x, lengths = weights(gates), sequences(), jnp.array([5, 2, 0])

    @jax.jit
    def value_and_gradients(x, arguments):
        def total(x, arguments):
            y, last = rule(x, *arguments, lengths=lengths, **static)
            return jnp.sum(jnp.sin(y)) + sum(jnp.sum(jnp.cos(s)) for s in jax.tree.leaves(last)), (y, last)

        return jax.value_and_grad(total, (0, 1), has_aux=True)(x, arguments)

    padding = jnp.arange(5)[None, :, None] >= lengths[:, None, None]
    (_, (y, last)), (dx, slopes) = value_and_gradients(jnp.where(padding, jnp.nan, x), arguments)
    (_, (y0, last0)), (dx0, slopes0) = value_and_gradients(jnp.where(padding, 7.0, x), arguments)
    jax.tree.map(np.testing.assert_array_equal, (y, last, dx, slopes), (y0, last0, dx0, slopes0))
    assert not np.any(np.where(padding, y, 0)) and not np.any(np.where(padding, dx, 0))
    assert all(not np.any(state[2]) for state in jax.tree.leaves(last))  # no step: the initial state
    short, last_short = rule(x[1:2, :2], *arguments, **static)
    np.testing.assert_allclose(y[1:2, :2], short, atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[1:2], b, atol=1e-6), last, last_short)


def with_states(name):
    """Return a function (params, states) of sequences of lengths 5, 2 and 0, and its params, each rule's fullest."""
    draws = iter(jax.random.split(jax.random.key(6), 12))
    x, lengths, gates = sequences(), jnp.array([5, 2, 0]), 4 if "lstm" in name else RULES[name][1]
    static = {} if name not in RULES else RULES[name][2]
    w, u, b = weights(gates)
    if name == "normalised_lstm":
        params = u, *(jax.random.normal(next(draws), (n,)) for n in (8, 2, 2))
        return lambda params, states: rules.normalised_lstm(
            x @ w, *params, h0=states[0], c0=states[1], lengths=lengths
        ), params
    if name == "lstm":
        params = w, u, b, jax.random.normal(next(draws), (3, 2)), jax.random.normal(next(draws), (2, 2))

        def run(params, states):
            w, u, b, peepholes, projection = params
            return rules.lstm(x, w, u, b, states[0], states[1], lengths, peepholes, projection)

        return run, params
    return lambda params, states: RULES[name][0](x, *params, h0=states[0], lengths=lengths, **static), (w, u, b)


@pytest.mark.parametrize("name", [*RULES, "normalised_lstm"])
@pytest.mark.parametrize("start", (np.nan, np.inf))
def test_a_row_without_steps_may_start_from_anything(name, start):
    """Its state comes back as it was, and its cotangent; the gradients of the weights do not see it."""
    run, params = with_states(name)

    @jax.jit
    def results(params, states):
        y, backward = jax.vjp(run, params, states)
        return y, backward(jax.tree.map(jnp.ones_like, y))

    states = [jax.random.normal(jax.random.key(n), (3, 2)) for n in range(2)]
    ((y, last), (slopes, _)), ((y0, last0), (slopes0, _)) = (
        results(params, [state.at[2].set(value) for state in states]) for value in (start, 1.0)
    )
    jax.tree.map(np.testing.assert_array_equal, (y, slopes), (y0, slopes0))
    for state, state0 in zip(jax.tree.leaves(last), jax.tree.leaves(last0), strict=True):
        np.testing.assert_array_equal(state[:2], state0[:2])
        np.testing.assert_array_equal(state[2], start)


@every_rule
def test_a_sequence_in_two_parts_is_the_sequence(name):
    rule, gates, static = RULES[name]
    arguments, x = weights(gates), sequences()
    y, last = rule(x, *arguments, **static)
    first, middle = rule(x[:, :2], *arguments, **static)
    states = dict(zip(("h0", "c0"), jax.tree.leaves(middle), strict=False))
    rest, end = rule(x[:, 2:], *arguments, **states, **static)
    np.testing.assert_allclose(np.concatenate([first, rest], 1), y, atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), end, last)


@pytest.mark.parametrize("name", ("gru", "gru, reset before", "lstm"))
def test_a_backward_in_blocks_of_steps_is_that_of_all_at_once(name):
    """256 sequences of 6 steps go back in two blocks, 64 at once: the rows do not know of each other."""
    rule, gates, static = RULES[name]
    assert [block_steps((6, batch, 128 * gates)) for batch in (64, 256)] == [6, 3]
    arguments = [0.3 * w for w in weights(gates, hidden=128)]
    x, lengths = sequences(batch=256, time=6), jnp.arange(256) % 7
    if name == "lstm":
        keys = jax.random.split(jax.random.key(8))
        peepholes, projection = jax.random.normal(keys[0], (3, 128)), jax.random.normal(keys[1], (128, 128)) / 10
        static = {"peepholes": peepholes, "projection": projection}
    states = [k for k in static if k != "reset"]

    @jax.jit
    def gradients(x, lengths, arguments, others):
        def total(x, arguments, others):
            options = static | dict(zip(states, others, strict=True))
            y, last = rule(x, *arguments, lengths=lengths, **options)
            return jnp.sum(jnp.sin(y)) + sum(jnp.sum(jnp.cos(s)) for s in jax.tree.leaves(last))

        return jax.grad(total, (0, 1, 2))(x, arguments, others)

    others = [static[k] for k in states]
    dx, *slopes = gradients(x, lengths, arguments, others)
    parts = [gradients(x[i : i + 64], lengths[i : i + 64], arguments, others) for i in range(0, 256, 64)]
    np.testing.assert_allclose(dx, np.concatenate([part[0] for part in parts]), atol=1e-6 * np.abs(dx).max())
    for slope, *of_parts in zip(jax.tree.leaves(slopes), *(jax.tree.leaves(part[1:]) for part in parts), strict=True):
        np.testing.assert_allclose(slope, sum(of_parts), atol=1e-5 * np.abs(slope).max())


@pytest.mark.parametrize(("rule", "gates"), [(rules.lstm, 4), (rules.gru, 3)])
def test_both_passes_of_long_sequences_take_less_memory_than_the_c_library_keeps(rule, gates):
    shapes = [jax.ShapeDtypeStruct(s, "f4") for s in ((32, 100, 128), (128, gates * 256), (256, gates * 256))]
    gradients = jax.jit(jax.grad(lambda *arguments: rule(*arguments)[0].sum(), (0, 1, 2)))
    compiled: Any = gradients.lower(*shapes).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 2**25


def test_blocks_divide_the_steps_or_are_all():
    sizes = {steps: block_steps((steps, 32, 1024)) for steps in (1, 16, 97, 100, 94)}
    assert sizes == {1: 1, 16: 16, 97: 97, 100: 10, 94: 94}


def test_the_state_is_wider_than_half_precision():
    # 0.001 is added 256 times, which bfloat16 would stop counting at 0.25: half of its last place is 0.0005 there.
    x, one = jnp.full((1, 256, 1), 0.001, jnp.bfloat16), jnp.ones((1, 1), jnp.bfloat16)
    large = jnp.array([20.0, 20.0, 0.0, 20.0], jnp.bfloat16)  # the gates are open
    w = jnp.array([[0.0, 0.0, 1.0, 0.0]], jnp.bfloat16)
    _, (_, c) = rules.lstm(x, w, 0 * jnp.ones((1, 4), jnp.bfloat16), large)
    assert abs(float(c[0, 0]) - 0.256) < 0.003 and c.dtype == one.dtype


X, W, U = jnp.ones((2, 3, 4)), jnp.ones((4, 8)), jnp.ones((2, 8))
GRU = jnp.ones((4, 6)), jnp.ones((2, 6))
ERRORS = [
    (lambda: rules.lstm(X[:, :0], W, U), r"lstm: x has shape \(2, 0, 4\), without a step in time; wanted at least one"),
    (lambda: rules.lstm(X[0], W, U), r"lstm: x has shape \(3, 4\) and w \(4, 8\), wanted x \(batch, time, features\)"),
    (lambda: rules.lstm(X, W, U[:1]), r"lstm: w has shape \(4, 8\) and u \(1, 8\), wanted .* u \(2, 4 hidden\)"),
    (lambda: rules.lstm(X, W, U, jnp.ones(3)), r"lstm: b has shape \(3,\), wanted one number for each column of w"),
    (lambda: rules.lstm(X, W, U, None, jnp.ones((2, 3))), r"lstm: h0 has shape \(2, 3\), wanted .* = \(2, 2\)"),
    (lambda: rules.lstm(X, W, U, c0=jnp.ones((1, 2))), r"lstm: c0 has shape \(1, 2\), wanted .* = \(2, 2\)"),
    (lambda: rules.lstm(X, W, U, peepholes=jnp.ones((2, 2))), r"lstm: peepholes have shape \(2, 2\), wanted \(3, hid"),
    (lambda: rules.lstm(X, W, U, projection=jnp.ones((3, 2))), r"lstm: projection has shape \(3, 2\), wanted \(hidden"),
    (lambda: rules.lstm(X, W, U, lengths=jnp.ones(2)), r"lstm: lengths are float32\[2\], wanted one integer for each"),
    (lambda: rules.lstm(X, W, U, lengths=jnp.ones(3, int)), r"lstm: lengths are int32\[3\], wanted one integer"),
    (
        lambda: rules.rnn(X, W[:, :2], U[:, :2], activation=cast(Any, "sigmoid")),
        r"rnn: activation = 'sigmoid', wanted 'tanh' or",
    ),
    (lambda: rules.gru(X, *GRU, reset=cast(Any, "never")), r"gru: reset = 'never', wanted 'after' or 'before'"),
    (lambda: rules.gru(X, *GRU, None, jnp.ones(2), reset="before"), r"gru: recurrent_b was given with reset='before'"),
    (lambda: rules.gru(X, *GRU, None, jnp.ones(3)), r"gru: recurrent_b has shape \(3,\), wanted \(hidden,\) = \(2,\)"),
    (lambda: rules.reverse_sequences(X, jnp.ones(3, int)), r"reverse_sequences: lengths are int32\[3\], wanted one"),
    (lambda: rules.reverse_sequences(jnp.ones(3)), r"reverse_sequences: x has shape \(3,\), wanted \(batch, time"),
]


@pytest.mark.usefixtures("without_run_time_checks")
@pytest.mark.parametrize(("call", "sentence"), ERRORS)
def test_what_cannot_be_is_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
