"""Momentum: both forms are one algorithm, a tenth of the steps, and over the small minimum."""

import json

import numpy as np
import pytest

from experiments.__main__ import main
from experiments.course.momentum import arrival, both_ways
from fnn import optim


@pytest.mark.parametrize("gamma", [0.0, 0.9])
def test_both_forms_are_one_algorithm_with_rates_alpha_one_minus_beta(gamma):
    # Each of 300 steps rounds numbers below 10 a few times, and the descent forgets them again.
    assert max(both_ways(0.004, gamma, 300).values()) < 300 * 10 * np.finfo(np.float64).eps


def test_momentum_takes_a_tenth_of_the_steps_and_passes_the_small_minimum(tmp_path, capsys):
    assert main(["course.momentum", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert found["steps_plain"] > 10 * found["steps_full"] and found["steps_plain"] > 10 * found["steps_switched"]
    assert 1.9 < found["steps_plain"] / found["steps_half"] < 2.1  # the pace is 1 / (1 - gamma)
    # 0.8 comes to the least of the four minima; 0.9 rolls out of that one too.
    assert found["error_gamma_0.8"] < found["error_gamma_0"] < found["error_gamma_0.9"]
    assert {path.stem for path in tmp_path.glob("*.png")} == {"ravine", "speed", "escape"}
    assert main(["course.momentum", "--gamma", "1", "--out", str(tmp_path)]) == 1
    assert "wanted gamma in [0, 1)" in capsys.readouterr().err


def test_a_momentum_of_one_which_slide_003_allows_is_refused():
    with pytest.raises(ValueError, match=r"in \[0, 1\)"):
        optim.momentum(0.1, 1.0)


def test_arrival_is_for_good():
    assert arrival(np.array([4.0, 0.1, 3.0, 0.1, 0.1]), 0.5) == 3
    assert arrival(np.array([4.0, 0.1, np.nan]), 0.5) == np.inf
