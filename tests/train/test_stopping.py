"""Each criterion fires when it should, says why, and ends the run there."""

import math

import jax
import numpy as np
import pytest
from tiny_training import NET, TEST, fit

from fnn import train
from fnn.train import History


def told(metric, *values):
    return History([{"epoch": i, metric: value} for i, value in enumerate(values, 1)])


def first_stop(criterion, metric, *values):
    """Return the epoch at which the criterion fires, and its words."""
    for epoch in range(1, len(values) + 1):
        if reason := criterion(told(metric, *values[:epoch])):
            return epoch, reason
    return 0, "it never fired"


NEVER = (0, "it never fired")


def test_change_below():
    criterion = train.change_below(0.1)
    assert first_stop(criterion, "loss", 3.0, 2.0, 1.85, 1.8, 0.1) == (
        4,
        "loss changed by 0.05 in an epoch, less than 0.1",
    )
    assert first_stop(criterion, "loss", 1.0, 1.05) != NEVER == first_stop(criterion, "loss", 1.0)
    assert first_stop(criterion, "loss", 1.0, 1.5, 1.0, 1.5) == NEVER
    assert first_stop(train.change_below(0.1, metric="test_loss"), "test_loss", math.nan, math.nan, math.inf) == NEVER


def test_below():
    assert first_stop(train.below(0.5), "loss", 0.9, 0.5, 0.25) == (3, "loss 0.25 is below 0.5")
    assert first_stop(train.below(-1.0), "loss", 0.9, math.nan) == NEVER


def test_patience():
    words = "test_loss has not improved for 2 epochs; its best was epoch 2"
    assert first_stop(train.patience(2), "test_loss", 3.0, 1.0, 2.0, 1.0, 0.5) == (4, words)
    assert first_stop(train.patience(2), "test_loss", 3.0, 1.0, 2.0, 0.9, 1.0) == NEVER
    accuracy = train.patience(1, metric="test_accuracy")
    assert first_stop(accuracy, "test_accuracy", 0.1, 0.5, 0.9, 0.8)[0] == 4
    assert first_stop(train.patience(2), "test_loss", math.nan, 3.0, 2.0, math.nan, 2.5)[0] == 5


def test_wrong_criteria():
    for threshold in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match=r"change_below: threshold = .*, wanted a positive number"):
            train.change_below(threshold)
    with pytest.raises(ValueError, match="patience: epochs = 0, wanted at least 1"):
        train.patience(0)
    with pytest.raises(ValueError, match=r"no 'test_loss', only epoch, loss; give fit.evaluate=.*. held-out examples"):
        train.patience(1)(told("loss", 1.0))


def test_a_criterion_ends_the_run_and_the_result_says_why():
    everything = fit(epochs=4)
    losses = everything.history.values("loss")
    assert everything.stopped == "all 4 epochs are done" and everything.best is None
    threshold = (losses[1] + losses[2]) / 2
    result = fit(epochs=4, stop=[train.change_below(1e-12), train.below(threshold)])
    assert len(result.history.rows) == 3 and result.stopped == f"loss {losses[2]:.3g} is below {threshold:g}"
    own = fit(epochs=4, stop=[lambda history: "enough" if len(history.rows) == 2 else None])
    assert own.stopped == "enough" and own.history.values("loss") == losses[:2]


def test_patience_keeps_the_best():
    # Held-out labels turned round: their loss is least early, and grows while the network learns the others.
    turned = TEST._replace(y=(TEST.y + 1) % 3)
    result = fit(epochs=30, evaluate=turned, stop=[train.patience(3)])
    losses, best = result.history.values("test_loss"), result.best
    assert best is not None
    assert best.epoch == 1 + int(np.argmin(losses)) and len(losses) == best.epoch + 3 < 30
    assert result.stopped.startswith("test_loss has not improved for 3 epochs")
    again = train.evaluate(NET, best.params, best.state, turned)
    assert again["loss"] == min(losses) and again["accuracy"] == result.history.rows[best.epoch - 1]["test_accuracy"]
    last = train.evaluate(NET, result.params, result.state, turned)
    assert last["loss"] == losses[-1] > min(losses)
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves((best.params, result.params)))
