"""Evaluation: batches and remainders are one big batch."""

import jax
import numpy as np
import pytest
from tiny_training import KEY, NET, TEST

from fnn import layers, rules, train
from fnn.data import Examples

PARAMS, STATE = NET.init(KEY, TEST.x)


@pytest.mark.parametrize("batch_size", (1, 7, 30, 31, 1024))
def test_batches_are_one_big_batch(batch_size):
    wanted = NET.apply(PARAMS, STATE, TEST.x)[0]
    got = train.predict(NET, PARAMS, STATE, TEST.x, batch_size=batch_size)
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    found = train.evaluate(NET, PARAMS, STATE, TEST, batch_size=batch_size)
    logits = np.asarray(wanted, np.float64)
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    assert found["loss"] == pytest.approx(-log_p[np.arange(31), TEST.y].mean(), rel=1e-5)
    assert found["accuracy"] == pytest.approx((logits.argmax(-1) == TEST.y).mean())
    assert all(type(value) is float for value in found.values())


def test_several_outputs_are_concatenated_each():
    net = layers.parallel(layers.identity(), layers.serial(layers.reshape(2, 2), layers.relu()))
    params, state = net.init(KEY, TEST.x)
    same, pairs = train.predict(net, params, state, TEST.x, batch_size=4)
    np.testing.assert_array_equal(same, TEST.x)
    np.testing.assert_array_equal(pairs, np.maximum(TEST.x, 0).reshape(31, 2, 2))


def test_own_metrics_and_the_mean_squared_error_by_default():
    net, targets = layers.identity(), np.cos(TEST.x)
    found = train.evaluate(net, (), (), Examples(TEST.x, targets), batch_size=9)
    assert found == {"loss": pytest.approx(((TEST.x - targets) ** 2).mean(), rel=1e-5)}
    largest = train.evaluate(
        net, (), (), TEST, metrics=lambda outputs, y: {"largest": outputs.max(), "labels": y.max()}
    )
    assert largest == {"largest": TEST.x.max(), "labels": 2.0}


def test_dropout_is_off():
    net = layers.dropout(0.5)
    np.testing.assert_array_equal(train.predict(net, (), (), TEST.x), TEST.x)


def test_one_trace_for_many_evaluations():
    traces = 0

    def counted(outputs, y):
        nonlocal traces
        traces += 1
        return {"loss": rules.softmax_cross_entropy(outputs, y)}

    for scale in (1.0, 2.0, 3.0):
        train.evaluate(NET, jax.tree.map(lambda leaf, s=scale: s * leaf, PARAMS), STATE, TEST, metrics=counted)
    assert traces == 1


def test_wrong_evaluations():
    with pytest.raises(ValueError, match="evaluate: there are no examples"):
        train.evaluate(NET, PARAMS, STATE, Examples(TEST.x[:0], TEST.y[:0]))
    with pytest.raises(ValueError, match=r"evaluate: the metric 'matrix' has shape \(3, 3\), wanted a scalar"):
        metrics = lambda outputs, y: {"matrix": train.confusion_matrix(outputs, y)}  # noqa: E731
        train.evaluate(NET, PARAMS, STATE, TEST, metrics=metrics)
    with pytest.raises(TypeError, match="evaluate: the examples are a ndarray, wanted fields x and y"):
        train.evaluate(NET, PARAMS, STATE, TEST.x)
    with pytest.raises(ValueError, match="predict: batch_size = 0, wanted at least 1"):
        train.predict(NET, PARAMS, STATE, TEST.x, batch_size=0)
