"""Local minima: four of them with four errors, saddles between, and starts that end in each."""

import json

import jax
import jax.numpy as jnp
import numpy as np

from experiments.__main__ import main
from experiments.course.local_minima import CORNERS, PASSES, TARGETS, end, error, path, stationary
from fnn import optim


def test_the_error_is_that_of_one_neuron():
    w = np.array([0.3, -1.2])
    outputs = 1 / (1 + np.exp(-np.array([6 * w[0], -0.8 * w[0], 5 * w[1], -0.7 * w[1]])))
    np.testing.assert_allclose(error(jnp.asarray(w, jnp.float32)), np.square(outputs - TARGETS).sum(), rtol=1e-6)


def test_minima_curve_up_everywhere_and_saddles_up_and_down():
    minima, saddles = ([stationary(guess) for guess in guesses] for guesses in (CORNERS, PASSES))
    assert all((minimum.curvatures > 0).all() for minimum in minima)
    assert all(saddle.curvatures[0] < 0 < saddle.curvatures[1] for saddle in saddles)
    errors = [minimum.error for minimum in minima]
    assert min(np.diff(sorted(errors))) > 0.005
    assert all(saddle.error > min(errors) for saddle in saddles)
    with jax.enable_x64(True):
        for point in (*minima, *saddles):
            assert np.abs(jax.grad(error)(jnp.asarray(point.weights))).max() < 1e-14


def test_the_end_is_the_end_of_the_path():
    start, descent = jnp.array([1.0, -1.0]), optim.momentum(0.1)
    walked = path(error, descent, start, 5)
    assert walked.shape == (6, 2)
    np.testing.assert_array_equal(walked[0], start)
    np.testing.assert_array_equal(walked[-1], end(error, descent, start, 5))


def test_each_minimum_has_a_basin_and_plateaus_none(tmp_path, capsys):
    assert main(["course.local_minima", "--grid", "8", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert all(found[f"share_{number}"] > 0 for number in range(4)) and found["on_plateaus"] > 0
    assert {path.stem for path in tmp_path.glob("*.png")} == {"paths", "errors", "basins"}
    assert main(["course.local_minima", "--grid", "1", "--out", str(tmp_path)]) == 1
    assert "wanted at least 1 step and a grid of 2" in capsys.readouterr().err
