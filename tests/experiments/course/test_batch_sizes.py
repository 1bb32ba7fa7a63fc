"""Batch sizes: the noise of a mini-batch's gradient is as predicted, and small batches make more updates."""

import json
import math

import numpy as np

from experiments.__main__ import main
from experiments.course.batch_sizes import noise, orders, predicted_noise


def test_the_noise_is_sigma_over_root_m_and_none_for_the_full_batch():
    generator = np.random.default_rng(0)
    gradients = generator.normal(size=(200, 30)).astype(np.float32) + 3
    for size in (1, 10, 100):
        # A mean of 400 draws of a sum of 30 squares strays by sqrt(2 / (400 * 30)) = 1.3%, its root by half of that.
        np.testing.assert_allclose(noise(gradients, size, 400, generator), predicted_noise(gradients, size), rtol=0.03)
    sigma = math.sqrt(np.square(gradients - gradients.mean(0)).sum(1).mean())
    np.testing.assert_allclose(predicted_noise(gradients, 1), sigma, rtol=1e-6)
    assert predicted_noise(gradients, 200) == 0 and noise(gradients, 200, 3, generator) < 1e-4


def test_every_example_is_taken_once_an_epoch():
    taken = np.asarray(orders(12, 4, 3, np.random.default_rng(0)))
    assert taken.shape == (9, 4)
    np.testing.assert_array_equal(np.sort(taken.reshape(3, 12), axis=1), np.tile(np.arange(12), (3, 1)))


def test_smaller_batches_make_more_updates_and_learn_more_in_as_many_epochs(tmp_path, capsys):
    flags = ["--sizes", "10", "--epochs", "2", "--hidden", "8", "--draws", "50", "--out", str(tmp_path)]
    assert main(["course.batch_sizes", *flags]) == 0
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert found["updates_10"] == 288 and found["updates_1437"] == 2
    assert found["loss_10"] < found["loss_1437"] and found["noise_against_prediction"] < 0.15
    assert {path.stem for path in tmp_path.glob("*.png")} == {"noise", "losses", "paths"}
    assert main(["course.batch_sizes", "--sizes", "5000", "--out", str(tmp_path)]) == 1
    assert "wanted sizes from 1 to 1436" in capsys.readouterr().err
