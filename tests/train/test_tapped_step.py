"""The step with taps is the step: the same train state and metrics, and the truth about what happened."""

from typing import Any

import chex
import jax
import numpy as np
import pytest
from tiny_training import ADAM, KEY, NET, TRAIN, line, loss

from fnn import optim, train
from fnn.data import Examples

BATCH = Examples(*(part[:8] for part in TRAIN))


def test_it_is_the_step_and_its_metrics():
    plain, tapped = jax.jit(train.step(loss, ADAM)), jax.jit(chex.assert_max_traces(train.tapped_step(loss, ADAM), 1))
    state = other = train.start(ADAM, *NET.init(KEY, BATCH.x), KEY)
    for _ in range(3):
        (state, metrics), (other, tapped_metrics, taps) = plain(state, BATCH), tapped(other, BATCH)
        assert metrics.keys() == tapped_metrics.keys() == {"loss", "accuracy"}
        chex.assert_trees_all_close(metrics, tapped_metrics, rtol=1e-5)
        np.testing.assert_array_equal(taps.loss, tapped_metrics["loss"])
        assert taps.layers["serial[1].tanh"].calls == 1
    assert int(other.number) == 3
    chex.assert_trees_all_close(ADAM.params(state.optimizer), ADAM.params(other.optimizer), rtol=1e-4, atol=1e-6)


def test_the_update_ratio_is_that_of_the_step():
    before = train.start(ADAM, *NET.init(KEY, BATCH.x), KEY)
    after, _, taps = jax.jit(train.tapped_step(loss, ADAM, bins=8))(before, BATCH)
    old, new = (jax.tree.leaves(ADAM.params(state.optimizer)) for state in (before, after))
    for entry, w, v in zip(taps.params.values(), old, new, strict=True):
        w, change = np.asarray(w, np.float64), np.asarray(v, np.float64) - np.asarray(w, np.float64)
        want = np.linalg.norm(change) / np.linalg.norm(w) if w.any() else np.inf
        np.testing.assert_allclose(entry.update_ratio, want, rtol=1e-4)
    assert taps.layers["serial[1].tanh"].output.histogram.shape == (8,)


def test_sums_that_can_be_done_by_hand():
    net, squares = line()
    sgd = optim.sgd(0.5)
    x, y = np.array([[1, 0, 0, 0], [0, 2, 0, 0]], np.float32), np.array([1, 3], np.float32)
    _, _, taps = jax.jit(train.tapped_step(squares, sgd))(train.start(sgd, *net.init(KEY, x), KEY), Examples(x, y))
    dense = taps.layers["dense"]
    assert float(dense.output.zero) == 1 and float(dense.cotangent.largest) == 1.5
    np.testing.assert_allclose(dense.cotangent.mean, -1)  # (0 - 1)/2 and (0 - 3)/2
    weight = taps.params["params.w"]
    np.testing.assert_allclose(weight.gradient, np.linalg.norm([0.5, 3]) / 2, rtol=1e-6)
    assert weight.gradient_ratio == weight.update_ratio == np.inf


def test_a_loss_that_is_none_is_told_as_by_the_step():
    with pytest.raises(TypeError, match=r"wanted \(scalar, \(state, metrics\)\)"):
        bad: Any = lambda *arguments: 1.0  # noqa: E731
        train.tapped_step(bad, ADAM)(train.start(ADAM, *NET.init(KEY, BATCH.x), KEY), BATCH)
