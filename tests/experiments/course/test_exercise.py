"""The exercise by hand, by the rules and gate by gate is one; only with S the softmax can its loss become small."""

import numpy as np
import pytest

from experiments.__main__ import main
from experiments.course.exercise import (
    LEAST,
    Weights,
    by_hand,
    by_rules,
    gradient_by_gates,
    loss,
    loss_of_sigmoids,
    named,
    start,
    train,
    updated,
)


def drawn() -> Weights:
    draw = np.random.default_rng(0).normal
    return Weights(draw(size=(2, 2)), draw(size=2), draw(size=(2, 3)), draw(size=3))


@pytest.mark.parametrize("w", [start(), drawn()], ids=["the slide's", "others"])
def test_hand_rules_and_gates_agree_to_1e_12(w):
    passes, mine = by_hand(w)
    value, gradient = by_rules(w)
    assert passes["CCE"][0] == pytest.approx(value, rel=1e-12)
    for a, b in zip(mine, gradient, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)
    assert gradient_by_gates(w) == pytest.approx(named(gradient), abs=1e-12)


def test_the_weights_are_the_slides():
    w = [-2.5, -1.5, 0.6, 0.4, -0.1, 2.4, -2.2, -1.5, -5.2, 3.7]
    assert list(named(start()).values()) == [*w, -1.6, 0.7, 0, 0, 1]


def test_one_update_makes_the_loss_smaller():
    w = start()
    before, gradient = by_rules(w)
    assert by_rules(updated(w, gradient, 0.5))[0] < before


def test_only_the_softmax_can_be_trained_to_a_small_loss():
    assert train(loss, 0.5, 2000)[-1] < 1e-3
    assert train(loss_of_sigmoids, 0.5, 2000).min() > LEAST == pytest.approx(0.5514, abs=1e-4)


def test_it_runs_and_draws_and_wants_an_update(tmp_path, capsys):
    assert main(["course.exercise", "--out", str(tmp_path), "--updates", "20"]) == 0
    assert {path.name for path in tmp_path.glob("*.png")} == {"graph.png", "loss.png"}
    assert main(["course.exercise", "--out", str(tmp_path), "--updates", "0"]) == 1
    assert "updates = 0, wanted 1 or more" in capsys.readouterr().err
