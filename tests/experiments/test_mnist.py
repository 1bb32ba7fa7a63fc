"""The experiment `mnist`: the lectures' networks, and a short run on real images."""

import os
from pathlib import Path

import jax
import numpy as np
import pytest

from experiments.course import mnist
from fnn import data, train

FOLDER = Path(os.environ.get("FNN_DATA") or Path(__file__).parents[3] / "shared" / "data")


@pytest.mark.parametrize(
    ("recipe", "shapes", "batch_size"),
    [
        (mnist.small, [(784, 16), (16,), (16, 16), (16,), (16, 10), (10,)], 10),
        (mnist.dropout, [(784, 128), (128,), (128, 10), (10,)], 32),
    ],
    ids=["small", "dropout"],
)
def test_networks_start_as_in_keras(recipe, shapes, batch_size):
    made = recipe()
    leaves = jax.tree.leaves(made.net.init(jax.random.key(0), np.zeros((1, 784), "f4"))[0])
    assert [leaf.shape for leaf in leaves] == shapes and made.batch_size == batch_size
    for leaf in leaves:
        if leaf.ndim == 1:
            assert not leaf.any()
        else:
            bound = np.sqrt(6 / sum(leaf.shape))
            # The largest of n uniform numbers is below (1 - 10/n) of the bound with probability exp(-10).
            assert bound * (1 - 10 / leaf.size) < abs(leaf).max() <= bound


def test_the_table_gives_means_and_their_distance_from_the_log():
    rows = [{"loss": loss, "accuracy": 0.5, "test_loss": 1.0, "test_accuracy": 0.25} for loss in (1.0, 3.0)]
    histories = [train.History([row]) for row in rows]
    assert mnist.means(histories, "loss").tolist() == [2.0]
    table = mnist.epochs_table(histories, (1.6,))
    assert [list(column.cells) for column in table.columns] == [
        ["1"], ["2.0000"], ["0.5000"], ["1.0000"], ["0.2500"], ["1.6000"], ["+25.0%"]
    ]  # fmt: skip
    assert len(mnist.epochs_table(histories, ()).columns) == 5


@pytest.mark.skipif(
    not (FOLDER / "mnist").is_dir(),
    reason="MNIST's files are not here: name their folder by the environment variable FNN_DATA",
)
@pytest.mark.parametrize("fashion", [False, True], ids=["mnist", "fashion"])
def test_a_short_run_on_real_images(fashion, tmp_path, monkeypatch):
    for name in ("mnist", "fashion_mnist"):
        monkeypatch.setattr(data, name, first_images(getattr(data, name)))
    out = tmp_path / "run"
    out.mkdir()
    metrics = mnist.run(mnist.Mnist(epochs=3, seeds=2, fashion=fashion, data=FOLDER, out=out))
    assert metrics["seeds"] == 2 and metrics["parameters"] == 101_770
    assert metrics["test_accuracy"] > 0.6 and "largest_loss_difference_from_log" not in metrics
    for name in ("confusion.png", "mistakes.png", "weights.png", "seed-0/loss.png", "seed-1/history.jsonl"):
        assert (out / name).stat().st_size > 0


def first_images(load):
    """Return a loader of the first 2000 images to learn from and 500 to test on."""

    def few(folder):
        (x, y), (test_x, test_y) = load(folder)
        return data.Dataset(data.Examples(x[:2000], y[:2000]), data.Examples(test_x[:500], test_y[:500]))

    return few
