"""Vanishing gradients: the bound of a quarter a layer, and what the residual connection does about it."""

import json

import numpy as np
import pytest

from experiments.__main__ import main
from experiments.course import vanishing
from fnn import initializers, layers


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """What the experiment says is left of the gradient after 50 layers of each kind."""
    out = tmp_path_factory.mktemp("vanishing")
    assert main(["course.vanishing", "--depths", "50", "--trained", "--width", "32", "--out", str(out)]) == 0
    assert all((out / f"{name}.png").exists() for name in ("depths", "layers"))
    metrics = json.loads((out / "metrics.json").read_text())
    return {name.removeprefix("gradient_left_"): value for name, value in metrics.items()}


def test_fifty_sigmoid_layers_leave_less_than_a_quarter_a_layer(left):
    assert left["sigmoid"] < left["0.25_a_layer"] == 0.25**49 < 1e-29


def test_fifty_layers_of_the_others_leave_a_gradient_to_learn_from(left):
    for name in ("tanh", "ReLU", "residual_sigmoid"):
        assert 0.01 < left[name] < 100, name


def test_with_weights_that_keep_every_length_the_bound_holds_at_each_layer():
    block = layers.serial(layers.dense(16, weight=initializers.orthogonal()), layers.sigmoid())
    cotangent = vanishing.measure(block, 12, 16, seed=0).cotangent
    assert np.all(cotangent[:-1] < 0.25 * cotangent[1:])


def test_eight_sigmoid_layers_learn_with_a_residual_connection_alone():
    settings = vanishing.Settings(width=32, epochs=2)
    kinds = vanishing.blocks(settings.width)
    assert vanishing.learned(kinds["sigmoid"], 8, settings) < 0.2
    assert vanishing.learned(kinds["residual sigmoid"], 8, settings) > 0.5


def test_a_depth_of_one_is_refused_in_a_sentence(tmp_path, capsys):
    assert main(["course.vanishing", "--depths", "1", "--out", str(tmp_path)]) == 1
    assert "wanted depths of 2 or more" in capsys.readouterr().err
