"""Gradient ascent: the slides' partial derivatives are the rules'; the last slide's formula is another thing."""

import json

import numpy as np

from experiments.__main__ import main
from experiments.course.ascent import Settings, by_hand, climb, compare, last_slide


def test_the_slides_derivatives_are_the_rules():
    for x, d in ((1.0, 0.1), (-2.0, 0.7)):
        assert compare(Settings(x=x, d=d)) < 1e-15


def test_the_last_slide_drops_y_and_adds_components():
    weights, x, d = np.array([-1.0, -2.0]), 1.0, 0.1
    y = 1 / (1 + np.exp(1.0))
    first, second = by_hand(weights, x, d)
    np.testing.assert_allclose(last_slide(weights, x, d), first + second / y, rtol=1e-12)


def test_the_gradient_comes_to_the_top_and_the_last_slide_does_not(tmp_path, capsys):
    assert main(["course.ascent", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "metrics.json").read_text())
    for start in (1, 2, 3):
        assert found[f"gradient_{start}"] > -1e-5 and found[f"last_slide_{start}"] < -0.05
    assert {path.stem for path in tmp_path.glob("*.png")} == {"hill", "climb"}
    assert main(["course.ascent", "--d", "1", "--out", str(tmp_path)]) == 1
    assert "wanted 0 < d < 1" in capsys.readouterr().err


def test_one_step_of_the_last_slide_climbs_down():
    def height(w):
        y = 1 / (1 + np.exp(-w[0]))
        return -0.5 * (0.1 - 1 / (1 + np.exp(-w[1] * y))) ** 2

    before, after = climb(last_slide, (-1.0, -2.0), Settings(steps=1))
    assert height(after) < height(before)
