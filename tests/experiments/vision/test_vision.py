"""The experiments on images: tiny runs, their files, what they refuse, and that the augmentation is theirs."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from experiments.__main__ import main
from fnn import data

FOLDER = Path(os.environ.get("FNN_DATA") or Path(__file__).parents[4] / "shared" / "data")
HAS = pytest.mark.skipif(
    not (FOLDER / "mnist").is_dir(),
    reason="MNIST's files are not here: name their folder by the environment variable FNN_DATA",
)


def first_images(load):
    """Return a loader of the first 512 images to learn from and 256 to test on."""

    def few(folder):
        (x, y), (test_x, test_y) = load(folder)
        return data.Dataset(data.Examples(x[:512], y[:512]), data.Examples(test_x[:256], test_y[:256]))

    return few


@HAS
def test_lenet_learns_and_draws(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "mnist", first_images(data.mnist))
    small = ["--features", "4", "8", "--hidden", "16", "--epochs", "3", "--batch-size", "32", "--seeds", "2"]
    assert main(["lenet", *small, "--learning-rate", "0.02", "--data", str(FOLDER), "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert found["seeds"] == 2 and found["parameters"] == 100 + 8 + 800 + 16 + 3216 + 170
    assert 0.4 < found["least_test_accuracy"] <= found["test_accuracy"]
    names = {path.stem for path in tmp_path.rglob("*.png")}
    assert names == {"loss", "confusion", "mistakes", "filters", "features_1", "features_2"}


@HAS
def test_fashion_learns_and_draws(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "fashion_mnist", first_images(data.fashion_mnist))
    small = ["--features", "4", "4", "8", "--epochs", "2", "--batch-size", "64"]
    assert main(["fashion", *small, "--data", str(FOLDER), "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert found["seeds"] == 1 and 0.15 < found["test_accuracy"] < 1
    assert {path.stem for path in tmp_path.glob("*.png")} >= {"loss", "confusion", "mistakes", "filters", "features_1"}


def test_unet_learns_and_draws(tmp_path):
    small = ["--width", "4", "--depth", "1", "--size", "16", "--images", "64", "--test-images", "16", "--epochs", "6"]
    assert main(["unet", *small, "--learning-rate", "0.03", "--batch-size", "16", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "metrics.json").read_text())
    history = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert found["test_iou"] == history[-1]["test_iou"] > 0.2 and found["train_loss"] < history[0]["loss"] / 1.5
    assert {path.stem for path in tmp_path.glob("*.png")} == {"loss", "answers", "worst"}
    assert main(["unet", "--size", "30", "--out", str(tmp_path)]) == 1  # which cannot be halved twice


@HAS
def test_validation_judges_on_images_that_are_kept_back():
    from experiments.vision.classification import images

    whole, part = (images(data.mnist, FOLDER, validation) for validation in (False, True))
    assert whole.train.x.shape == (60_000, 28, 28, 1) and len(whole.test.x) == 10_000
    assert len(part.train.x) == 55_000 and len(part.test.x) == 5_000
    assert np.bincount(part.test.y).min() > 400


@pytest.mark.parametrize("name", ["lenet", "fashion"])
@pytest.mark.parametrize(
    ("flags", "part"),
    [(["--seeds", "0"], "seeds = 0"), (["--epochs", "0"], "epochs = 0"), (["--data", "no/such"], "no/such")],
)
def test_a_setting_that_cannot_be_used_is_one_sentence(name, flags, part, capsys, tmp_path):
    assert main([name, *flags, "--out", str(tmp_path)]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert part in line
