import json

import pytest

from experiments.__main__ import main
from experiments.course.backward_cost import cost, memory, perceptron, resnet50
from fnn import layers


def test_the_backward_does_two_products_a_layer_but_one_in_the_first():
    depth = 3
    counted = cost(perceptron(layers.relu(), 128, depth, 64), 128, depth)
    assert counted.backward / counted.forward == pytest.approx(counted.formula, rel=0.02)
    assert counted.with_input == pytest.approx(2, rel=0.01)


def test_the_activations_that_are_kept_are_the_batch_times_the_widths():
    found = [memory(32, 3, batch) for batch in (256, 4096)]
    for batch, one in zip((256, 4096), found, strict=True):
        assert one.kept == one.formula == batch * 3 * 32 * 4
        assert one.weights == 4 * (3 * (32 * 32 + 32) + 32 * 10 + 10)
        assert (one.gradients, one.adam) == (one.weights, 2 * one.weights)
    small, large = found
    assert small.share < large.share
    # What the compiler reserves for a large batch is that, and the arrays that it works in.
    assert large.kept <= large.sigmoid <= 2 * large.kept and large.kept <= large.relu


def test_resnet_50_is_near_the_lectures_12_gb():
    assert 10e9 < resnet50(256, 2) < 12e9


def test_it_runs_and_draws(tmp_path, capsys):
    small = "--widths 16 --depths 2 --batch 8 --memory-width 16 --memory-depth 1 --batches 4 --rounds 1"
    assert main(["course.backward_cost", *small.split(), "--out", str(tmp_path)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ratio_formula"] == pytest.approx(2 - 16**2 / (2 * 16**2 + 160))
    for name in ("ratio.png", "ratio.svg", "memory.png", "memory.svg"):
        assert (tmp_path / name).stat().st_size


def test_bad_settings_are_one_sentence(tmp_path, capsys):
    assert main(["course.backward_cost", "--depths", "0", "--out", str(tmp_path)]) == 1
    assert "depths = (0,), wanted numbers of 1 or more" in capsys.readouterr().err
