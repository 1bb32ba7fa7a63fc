"""The slide's mini-batch algorithm, a penalty and a decay: one and the same."""

import json

import numpy as np

from experiments.__main__ import main
from experiments.course.regularised_gradient import Settings, paths


def test_the_three_ways_agree_to_rounding():
    settings = Settings(steps=50)
    found = paths(settings)
    slide = found.pop("the slide's algorithm")
    without = found.pop("no regularisation")
    # Sums of 8 instances with 6 terms, 50 times; parameters are of size 1.
    allowed = np.finfo(np.float64).eps * np.sqrt(8 * 6 * settings.steps)
    assert slide.shape == (50, 5 * 4 + 6)
    for path in found.values():
        np.testing.assert_allclose(path, slide, rtol=0, atol=allowed)
    assert np.abs(without - slide).max() > 0.1


def test_decay_spares_the_biases():
    """Without a gradient (no rate would tell) only the weights shrink: compare two decays after one step."""
    mild, strong = (paths(Settings(steps=1, decay=decay))["the slide's algorithm"][0] for decay in (0.1, 0.4))
    first, second = (mild - strong)[:20].reshape(5, 4), (mild - strong)[20:].reshape(1, 6)
    for part in (first, second):
        assert np.abs(part[:, 0]).max() == 0 and np.abs(part[:, 1:]).min() > 0


def test_the_experiment_draws_the_lengths(tmp_path, capsys):
    assert main(["course.regularised_gradient", "--steps", "30", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "lengths.png").exists()
    metrics = json.loads(capsys.readouterr().out)
    assert metrics["length_regularised"] < metrics["length_without"]
