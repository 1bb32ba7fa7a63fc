"""The lectures' losses: what the printed formulas get wrong, the means, the picture."""

import json

import numpy as np
import pytest

from experiments.__main__ import main
from experiments.course import losses


@pytest.mark.parametrize("loss", losses.LOSSES, ids=[loss.name for loss in losses.LOSSES])
def test_a_printed_formula_differs_from_the_loss_where_a_slip_is_named(loss):
    prediction, target = (np.float32(value) for value in loss.answer)
    here = float(loss.rule(prediction, target))
    printed = loss.printed(*loss.answer)
    assert (abs(here - printed) < 1e-6) == (not loss.slip)


def test_the_printed_slips_reward_the_wrong_answers():
    printed = {loss.name: loss.printed for loss in losses.LOSSES}
    assert printed["cross-entropy"](0.1, 1) < printed["cross-entropy"](0.9, 1)
    assert printed["hinge"](-2, 1) < printed["hinge"](2, 1)
    assert printed["binary cross-entropy"](0.99, 0) == 0


def test_the_means_are_the_textbooks():
    found = losses.means()
    p = np.array(losses.PROBABILITIES)
    np.testing.assert_allclose(found["ten_images"], -np.log(p).mean(), rtol=1e-14)
    right = np.array([0.1, 0.2, 0.6])  # what the answers 0.1, 0.8, 0.6 give to passed, failed, passed
    np.testing.assert_allclose(found["will_I_pass"], -np.log(right).mean(), rtol=1e-14)
    np.testing.assert_allclose(found["will_I_pass_from_scores"], found["will_I_pass"], rtol=1e-14)
    np.testing.assert_allclose(found["final_grades_MSE"], 7300 / 3, rtol=1e-14)


def test_the_experiment_draws_every_loss(tmp_path, capsys):
    assert main(["course.losses", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "losses.png").stat().st_size > 10_000 and (tmp_path / "losses.svg").exists()
    metrics = json.loads(capsys.readouterr().out)
    assert metrics["agree"] == 10 and metrics["slips_in_formulas"] == 3
