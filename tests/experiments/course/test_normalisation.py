"""Input normalisation: the three inputs, and which of them is learned from fastest."""

import json

import numpy as np

from experiments.__main__ import main
from experiments.course.normalisation import inputs


def test_the_inputs_are_the_same_images_in_three_scales():
    raw, unit, standardised = inputs().values()
    assert raw.x.max() == 255 and raw.x.min() == 0 and np.all(raw.x == np.round(raw.x))
    np.testing.assert_allclose(unit.x, raw.x / 255, rtol=1e-6)
    alive = raw.x.std(0) > 0
    np.testing.assert_allclose(standardised.x[:, alive].std(0), 1, rtol=1e-4)
    np.testing.assert_allclose(standardised.x.mean(0), 0, atol=1e-5)


def test_the_more_normal_the_input_the_faster_the_descent(tmp_path, capsys):
    small = ["--hidden", "16", "--steps", "60", "--rates", "6"]
    assert main(["course.normalisation", "--out", str(tmp_path), *small]) == 0
    metrics = json.loads(capsys.readouterr().out)
    raw, unit, standardised = (metrics[f"loss_from_{name}"] for name in ("0_to_255", "0_to_1", "standardised"))
    assert raw > 2 * unit and unit > 2 * standardised
    assert all((tmp_path / f"{name}.png").exists() for name in ("descents", "rates"))
