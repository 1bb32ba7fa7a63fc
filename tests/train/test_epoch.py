"""Epochs: every example once, means weighted by batches, one trace a shape, and no trace of where a chunk ends."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_training import ADAM, COUNT, KEY, NET, TRAIN, examples, fit, line, loss

from fnn import layers, optim, train
from fnn.data import Examples
from fnn.train import epoch as epoch_module
from fnn.train.epoch import Epoch
from fnn.train.failures import copy
from fnn.train.step import metric_shapes


def leaves(result):
    return [np.asarray(leaf) for leaf in jax.tree.leaves((result.params, result.state))]


def assert_same(one, other):
    for a, b in zip(leaves(one), leaves(other), strict=True):
        np.testing.assert_array_equal(a, b)


def begin(batch_size):
    params, model = NET.init(KEY, TRAIN.x)
    state = train.start(ADAM, params, model, KEY)
    data = jax.tree.map(jnp.asarray, TRAIN)
    shapes = metric_shapes(loss, params, model, jax.tree.map(lambda leaf: leaf[:batch_size], data), KEY)
    return state, Epoch(loss, ADAM, data, COUNT, batch_size, shapes)


def test_splits_of_an_epoch_give_the_same_bits():
    start, run = begin(5)
    order = run.order(start)
    wanted = run.advance(copy(start), run.zeros(), order, 0, 5)
    for cuts in ((0, 1, 2, 3, 4, 5), (0, 2, 5), (0, 4, 5), (0, 0, 3, 5)):
        state, sums, finite = copy(start), run.zeros(), False
        for first, last in itertools.pairwise(cuts):
            state, sums, finite = run.advance(state, sums, order, first, last)
        assert bool(finite) and int(state.number) == 5
        for got, want in zip(
            *map(jax.tree.leaves, ((state.optimizer, sums), (wanted[0].optimizer, wanted[1]))), strict=True
        ):
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("seconds", (1e-12, 1e6))
def test_the_length_of_chunks_does_not_change_the_result(monkeypatch, seconds):
    wanted = fit(batch_size=1)
    monkeypatch.setattr(epoch_module, "_CHUNK_SECONDS", seconds)
    got = fit(batch_size=1)
    assert_same(got, wanted)
    assert got.history.values("loss") == wanted.history.values("loss")


def test_same_key_same_bits_and_another_key_others():
    assert_same(fit(), fit())
    one, other = fit(), fit(key=jax.random.key(6))
    assert all((a != b).any() for a, b in zip(leaves(one), leaves(other), strict=True))


def counting(count):
    """Return a net whose state counts how often each example was seen, and the loss that does it."""
    net = layers.layer(
        "counting",
        lambda key, x: (jnp.zeros(()), jnp.zeros((count,), jnp.int32)),
        lambda params, state, x, *, key=None, train=False: (x, state),
    )

    def seen(params, state, batch, key):
        return params * 0.0, (state + (batch.y == jnp.arange(count)[None]).sum(0), {})

    return net, seen


@pytest.mark.parametrize("batch_size", (1, 5, 11, 21, 22, None))
def test_every_example_is_seen_once_an_epoch(batch_size):
    net, seen = counting(COUNT)
    data = Examples(TRAIN.x, np.arange(COUNT, dtype=np.int32)[:, None])  # a column of numbers, and no labels
    given = {"net": net, "loss": seen, "optimizer": optim.sgd(0.1), "examples": data}
    result = fit(**given, epochs=3, batch_size=batch_size)
    np.testing.assert_array_equal(result.state, np.full(COUNT, 3))
    steps = -(-COUNT // (batch_size or COUNT))
    assert result.history.values("step") == [steps, 2 * steps, 3 * steps]
    assert result.history.values("epoch") == [1, 2, 3]


def test_orders_are_permutations_that_change_with_the_epoch_and_the_key():
    state, run = begin(5)
    later, other = state._replace(number=state.number + 5), state._replace(key=jax.random.key(8))
    orders = [np.asarray(run.order(s)) for s in (state, state, later, other)]
    assert all(sorted(order.tolist()) == list(range(COUNT)) for order in orders)
    assert (orders[0] == orders[1]).all() and (orders[0] != orders[2]).any() and (orders[0] != orders[3]).any()
    _, whole = begin(COUNT)
    assert whole.order(state) is None


@pytest.mark.parametrize("batch_size", (1, 5, 22, None))
def test_rows_hold_means_over_examples(batch_size):
    net, squares = line()

    def told(params, state, batch, key):
        value, (state, _) = squares(params, state, batch, key)
        return value, (state, {"first": batch.x[:, 0].mean(), "size": jnp.float32(len(batch.x))})

    data = Examples(TRAIN.x, np.linspace(-3, 2, COUNT, dtype=np.float32))
    row = fit(net=net, loss=told, optimizer=optim.sgd(0.0), examples=data, batch_size=batch_size).history.rows[1]
    size = batch_size or COUNT
    rtol = atol = 16 * float(np.finfo(np.float32).eps)
    np.testing.assert_allclose(row["loss"], (data.y.astype(np.float64) ** 2).mean() / 2, rtol, atol)
    np.testing.assert_allclose(row["first"], TRAIN.x[:, 0].astype(np.float64).mean(), rtol, atol)
    rest = COUNT % size
    np.testing.assert_allclose(row["size"], ((COUNT - rest) * size + rest**2) / COUNT, rtol, atol)
    assert row["seconds"] > 0 and row["samples_per_second"] == pytest.approx(COUNT / row["seconds"])


def test_full_batch_is_gradient_descent_by_hand():
    net, squares = line()
    data = Examples(TRAIN.x, TRAIN.x.sum(1))
    result = fit(net=net, loss=squares, optimizer=optim.sgd(0.2), examples=data, batch_size=None, epochs=4)
    w, losses = np.zeros(4), []
    for _ in range(4):
        error = data.x @ w - data.y
        losses.append((error**2).mean() / 2)
        w -= 0.2 * data.x.T @ error / COUNT
    np.testing.assert_allclose(result.params.w[:, 0], w, rtol=1e-5)
    np.testing.assert_allclose(result.history.values("loss"), losses, rtol=1e-5)


def test_one_sample_learning_goes_through_the_order_by_hand():
    net, squares = line()
    data = Examples(TRAIN.x, TRAIN.x.sum(1))
    optimizer = optim.sgd(0.1)
    result = fit(net=net, loss=squares, optimizer=optimizer, examples=data, batch_size=1, epochs=1)
    key = result.train_state.key
    state = train.start(optimizer, *net.init(KEY, data.x), key)
    w = np.zeros(4)
    for i in Epoch(squares, optimizer, data, COUNT, 1, {}).order(state):
        w -= 0.1 * data.x[i] * (data.x[i] @ w - data.y[i])
    np.testing.assert_allclose(result.params.w[:, 0], w, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("batch_size", "shapes"), ((5, 2), (11, 1), (None, 1)))
def test_one_trace_a_shape(batch_size, shapes, monkeypatch):
    """The loss is traced by fit, which asks for its metrics' shapes, and for each batch shape; each once for all."""
    monkeypatch.setattr(epoch_module, "_CHUNK_SECONDS", 1e-12)
    traces = 0

    def counted(params, state, batch, key):
        nonlocal traces
        traces += 1
        return loss(params, state, batch, key)

    given = {"loss": counted, "optimizer": optim.adam(0.01), "batch_size": batch_size, "evaluate": examples(1)}
    result = fit(**given, epochs=3)
    assert traces == 1 + shapes
    fit(**given, epochs=5)
    fit(**given, epochs=1, resume=result.train_state)
    assert traces == 1 + shapes
