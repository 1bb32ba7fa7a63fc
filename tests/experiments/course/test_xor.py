"""XOR: no single neuron does better than the answers 0.5, and a hidden layer learns it."""

import json

import numpy as np

from experiments.__main__ import main
from experiments.course.xor import LEARNED
from fnn import data


def test_no_neuron_has_a_smaller_error_than_the_answers_one_half():
    """Checked for a million neurons: the least ½ Σ (Y - O)² over sigmoids is 0.5."""
    draw = np.random.default_rng(0)
    w = draw.normal(size=(2, 1_000_000)) * draw.exponential(5, 1_000_000)
    b = draw.normal(size=1_000_000) * 5
    table = data.xor_gate()
    o = 1 / (1 + np.exp(-np.clip(table.x @ w + b, -500, 500)))
    assert ((table.y[:, None] - o) ** 2).sum(0).min() / 2 >= 0.5


def test_the_neuron_ends_there_and_two_hidden_units_learn(tmp_path):
    small = ["--hidden", "0", "2", "--starts", "12", "--epochs", "2000", "--out", str(tmp_path)]
    assert main(["course.xor", *small]) == 0
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert found["learned_by_0"] == 0 and abs(found["error_of_0"] - 0.5) < 1e-3
    assert found["learned_by_2"] > 6 and found["error_of_2"] < LEARNED
    assert {path.stem for path in tmp_path.glob("*.png")} == {"neuron", "units", "training", "errors"}
    assert main(["course.xor", "--starts", "0", "--out", str(tmp_path)]) == 1
