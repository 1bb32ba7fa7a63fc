"""Initializers: what a layer does to the size of signals and gradients is what was predicted."""

import json

import numpy as np

from experiments.__main__ import main
from experiments.course import initialisation
from experiments.course.vanishing import measure


def test_a_layer_multiplies_gradients_as_predicted(tmp_path, capsys):
    sizes = ["--depth", "12", "--width", "48", "--shown", "3", "--activations", "ReLU", "--out", str(tmp_path)]
    assert main(["course.initialisation", *sizes]) == 0
    metrics = json.loads(capsys.readouterr().out)
    for name, (_, gain) in initialisation.weights(initialisation.Settings(width=48)).items():
        # Random weights: the mean over 48 units of 11 layers is off by a few times 1 / sqrt(48 * 11).
        predicted = gain * initialisation.SLOPES["ReLU"]
        np.testing.assert_allclose(metrics[f"factor_ReLU_{name.replace(' ', '_')}"], predicted, rtol=4 / np.sqrt(528))
    files = "outputs", "gradients", "tanh_gaussian", "tanh_xavier", "tanh_he"
    assert all((tmp_path / f"{name}.png").exists() for name in files)


def test_a_sigmoid_layer_takes_more_than_the_quarter_of_its_slope():
    settings = initialisation.Settings(width=48)
    weight, gain = initialisation.weights(settings)["Xavier"]
    cotangent = measure(initialisation.block(settings, "sigmoid", weight), depth=8, width=48, seed=0).cotangent
    assert (cotangent[0] / cotangent[-1]) ** (1 / 7) < gain * initialisation.SLOPES["sigmoid"] == 0.25


def test_one_layer_is_refused_in_a_sentence(tmp_path, capsys):
    assert main(["course.initialisation", "--depth", "1", "--out", str(tmp_path)]) == 1
    assert "wanted a depth of at least 2" in capsys.readouterr().err
