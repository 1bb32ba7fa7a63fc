"""The whole run: what it returns, how it goes on, which optimizers it takes, and every bad input that it can meet."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_training import ADAM, COUNT, KEY, NET, TEST, TRAIN, examples, fit, line, loss

from fnn import data, layers, optim, rules, train
from fnn.data import Examples
from fnn.train.epoch import Epoch


def assert_same(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_a_result_has_everything():
    result = fit(evaluate=TEST, epochs=12)
    rows = result.history.rows
    wanted = {"epoch", "step", "loss", "accuracy", "test_loss", "test_accuracy", "seconds", "samples_per_second"}
    assert len(rows) == 12 and set(rows[0]) == wanted
    assert rows[-1]["loss"] < rows[0]["loss"] and rows[-1]["test_accuracy"] > 0.6
    found = train.evaluate(NET, result.params, result.state, TEST)
    assert found == {"loss": rows[-1]["test_loss"], "accuracy": rows[-1]["test_accuracy"]}
    assert_same(result.params, ADAM.params(result.train_state.optimizer))
    assert jax.tree.structure(result.params) == jax.tree.structure(NET.init(KEY, TRAIN.x)[0])
    assert "params" not in repr(result)


def test_resuming_is_one_longer_run():
    """Bit for bit: orders and keys depend on the run's key and the number of steps done alone."""
    first, straight = fit(epochs=2), fit(epochs=5)
    resumed = fit(epochs=3, resume=first.train_state, key=jax.random.key(99))  # the key is the train state's own
    assert_same(resumed.params, straight.params)
    assert_same(resumed.train_state.optimizer, straight.train_state.optimizer)
    assert resumed.history.values("loss") == straight.history.values("loss")[2:]
    assert resumed.history.values("step") == [15, 20, 25] and resumed.history.values("epoch") == [1, 2, 3]
    assert_same(fit(epochs=3, resume=first.train_state).params, straight.params)  # resume donated nothing of ours


def test_raw_keys_and_jax_arrays_serve_as_well():
    result = fit(key=jax.random.PRNGKey(3), examples=jax.tree.map(jnp.asarray, TRAIN))
    assert np.isfinite(result.history.values("loss")).all()


def test_the_examples_may_be_any_tree_with_an_x():
    rows = RowsOf(TRAIN.x, {"label": TRAIN.y, "weight": np.ones(COUNT, np.float32)})

    def weighted(params, state, batch, key):
        logits, state = NET.apply(params, state, batch.x, key=key, train=True)
        return rules.softmax_cross_entropy(logits, batch.more["label"]) * batch.more["weight"].mean(), (state, {})

    got, wanted = fit(examples=rows, loss=weighted), fit()
    np.testing.assert_allclose(got.history.values("loss"), wanted.history.values("loss"), rtol=1e-5)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class RowsOf:
    x: Any
    more: dict


def test_the_average_of_the_iterates_is_the_result():
    net, squares = line()
    given = Examples(TRAIN.x, TRAIN.x.sum(1))
    optimizer = optim.average(optim.sgd(0.1))
    result = fit(net=net, loss=squares, optimizer=optimizer, examples=given, evaluate=given)
    run = Epoch(squares, optimizer, jax.tree.map(jnp.asarray, given), COUNT, 5, {})
    state = train.start(optimizer, *net.init(KEY, given.x), result.train_state.key)
    step, iterates = jax.jit(train.step(squares, optimizer)), []
    for _ in range(2):
        order = run.order(state)
        for index in range(5):
            state, _ = step(state, run.batch(order, index))
            iterates.append(np.asarray(optimizer.params(state.optimizer).w))
    np.testing.assert_allclose(result.params.w, np.mean(iterates, 0), rtol=1e-5)
    assert np.abs(result.params.w - iterates[-1]).max() > 1e-3
    error = given.x @ np.asarray(result.params.w)[:, 0] - given.y
    assert result.history.rows[-1]["test_loss"] == pytest.approx((error**2).mean(), rel=1e-4)


def test_schedule_free_keeps_its_own_solution():
    optimizer = optim.schedule_free_adamw(0.05)
    result = fit(optimizer=optimizer, epochs=6, evaluate=TEST)
    assert_same(result.params, optim.solution(optimizer, result.train_state.optimizer))
    gradient_point = optimizer.params(result.train_state.optimizer)
    assert any((a != b).any() for a, b in zip(*map(jax.tree.leaves, (result.params, gradient_point)), strict=True))
    assert result.history.rows[-1]["test_loss"] < result.history.rows[0]["test_loss"]


def test_a_gate_is_learned_by_one_output_and_integer_truth_values():
    net = layers.serial(layers.dense(1))

    def squares(params, state, batch, key):
        y, state = net.apply(params, state, batch.x)
        return rules.squared_error(y[:, 0], batch.y.astype(y.dtype)), (state, {})

    gate = data.and_gate()
    result = fit(
        net=net, loss=squares, optimizer=optim.sgd(0.3), examples=gate, evaluate=gate, batch_size=None, epochs=100
    )
    answers = train.predict(net, result.params, result.state, gate.x)[:, 0] > 0.5
    np.testing.assert_array_equal(answers, gate.y == 1)
    assert set(result.history.rows[0]) >= {"test_loss"} and "test_accuracy" not in result.history.rows[0]


def with_x(*at, value=np.nan):
    x = TRAIN.x.copy()
    x[at] = value
    return TRAIN._replace(x=x)


def with_y(at, value):
    y = TRAIN.y.copy()
    y[at] = value
    return TRAIN._replace(y=y)


def returning(result):
    def wrong_loss(params, state, batch, key):
        value, (state, metrics) = loss(params, state, batch, key)
        return result(value, state, metrics)

    return wrong_loss


BAD = {
    "no epochs": ({"epochs": 0}, ValueError, "fit: epochs = 0, wanted at least 1"),
    "no batch": ({"batch_size": 0}, ValueError, "batch_size is 0"),
    "large batch": ({"batch_size": 23}, ValueError, "a batch of 23 cannot be drawn from 22 examples"),
    "no x": ({"examples": (TRAIN.x, TRAIN.y)}, TypeError, "the examples are a tuple without a field x"),
    "lists": ({"examples": TRAIN._replace(x=[[1.0]] * COUNT)}, TypeError, "wanted NumPy or JAX arrays"),
    "empty": ({"examples": Examples(TRAIN.x[:0], TRAIN.y[:0])}, ValueError, "the examples are empty"),
    "lengths": ({"examples": TRAIN._replace(y=TRAIN.y[:9])}, ValueError, "x has 22, y has 9"),
    "nan": ({"examples": with_x(3, 1)}, ValueError, "NaN or infinite; the first is nan at index (3, 1)"),
    "infinite": ({"examples": with_x(0, 2, value=-np.inf)}, ValueError, "the first is -inf at index (0, 2)"),
    "nan held out": ({"evaluate": with_x(3, 1)}, ValueError, "the first is nan at index (3, 1)"),
    "text": ({"examples": TRAIN._replace(x=np.array(["a"] * COUNT))}, TypeError, "training wants numbers"),
    "label 3": ({"examples": with_y(7, 3)}, ValueError, "label 3 at index 7 is out of range"),
    "label -1": ({"examples": with_y(7, -1)}, ValueError, "label -1 at index 7 is out of range"),
    "label held out": ({"evaluate": with_y(7, 9)}, ValueError, "label 9 at index 7 is out of range"),
    "integer x": (
        {"examples": TRAIN._replace(x=np.ones((COUNT, 4), np.uint8))},
        layers.LayerError,
        "serial[0].dense: x is uint8, wanted floating point; scale images to float32 first",
    ),
    "features held out": (
        {"evaluate": TEST._replace(x=TEST.x[:, :3])},
        layers.LayerError,
        "serial[0].dense: x has shape (31, 3), wanted (..., 4).",
    ),
    "labels left out": ({"evaluate": TEST.x}, TypeError, "evaluate: the examples are a ndarray, wanted fields x and y"),
    "rank": ({"examples": TRAIN._replace(x=TRAIN.x[..., None, None])}, ValueError, "shape"),
    "wrong metrics": (
        {"evaluate": TEST, "metrics": lambda outputs, y: {"matrix": train.confusion_matrix(outputs, y)}},
        ValueError,
        "the metric 'matrix' has shape (3, 3), wanted a scalar",
    ),
    "loss alone": ({"loss": returning(lambda v, s, m: v)}, TypeError, "wanted (scalar, (state, metrics))"),
    "no scalar": ({"loss": returning(lambda v, s, m: (v[None], (s, m)))}, ValueError, "the loss has shape (1,)"),
    "second loss": ({"loss": returning(lambda v, s, m: (v, (s, {"loss": v})))}, TypeError, 'without the name "loss"'),
    "array metric": ({"loss": returning(lambda v, s, m: (v, (s, {"a": v[None]})))}, ValueError, "the metric 'a' has"),
    "state": ({"loss": returning(lambda v, s, m: (v, (s[:1], m)))}, TypeError, "returned a state of another structure"),
    "layer not made": ({"net": layers.relu}, TypeError, "fit: net is <function relu"),
    "optimizer not made": ({"optimizer": optim.adam}, TypeError, "wanted Optimizer; call it to make one"),
    "no held-out loss": (
        {"stop": [train.patience(2)]},
        ValueError,
        "the history has no 'test_loss'",
    ),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_bad_input_is_told_in_words(bad, without_run_time_checks):
    changed, error, words = bad
    with pytest.raises(error) as raised:
        fit(**changed)
    assert words in str(raised.value)


@pytest.mark.parametrize("make", (optim.sgd, optim.adam, optim.lion, optim.schedule_free_adamw))
def test_a_negative_learning_rate_is_refused(make):
    with pytest.raises(ValueError, match=r"learning_rate"):
        make(-0.1)


def test_a_label_that_the_loss_ignores_is_let_through():
    def ignoring(params, state, batch, key):
        logits, state = NET.apply(params, state, batch.x, key=key, train=True)
        return rules.softmax_cross_entropy(logits, batch.y, ignore_label=-1), (state, {})

    result = fit(examples=with_y(7, -1), loss=ignoring, ignore_label=-1, epochs=1)
    assert np.isfinite(result.history.values("loss")).all()
    assert examples().y.min() == 0
