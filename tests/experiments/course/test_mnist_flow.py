"""The flow of the lecture's network: its tables, ours, and the images that take MNIST's place."""

import json

import numpy as np
import pytest

from experiments.__main__ import main
from experiments.course import mnist_flow
from fnn import data


def test_the_slides_predictions_are_right_but_for_two():
    answers = mnist_flow.slide_rows().argmax(1)
    assert np.flatnonzero(answers != np.array(mnist_flow.LABELS)).tolist() == [0, 2]


def test_only_two_rows_of_the_slide_are_no_distribution():
    assert np.flatnonzero(np.abs(mnist_flow.slide_rows().sum(1) - 1) > 1e-12).tolist() == [2, 8]


def test_each_slip_is_of_a_class_or_of_image_2():
    slips = [number.name for number in mnist_flow.numbers() if number.slip]
    assert len(slips) == 12 and slips[-1] == "-log 0.0 of image 2"


def test_without_a_download_the_digits_take_the_place_of_mnist(monkeypatch, capsys):
    def refuse(folder):
        raise data.DownloadError("there is no network.")

    monkeypatch.setattr(data, "mnist", refuse)
    assert mnist_flow.load(mnist_flow.Settings()).train.x.shape == (1437, 64)
    assert "there is no network. Going on with the 8x8 digits" in capsys.readouterr().err


def test_a_folder_without_the_files_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not hold mnist"):
        mnist_flow.load(mnist_flow.Settings(data=tmp_path))


def test_the_table_gives_class_label_and_loss():
    table = mnist_flow.output_table("", np.eye(10)[[3, 5]] * 0.5 + 0.05, np.array([3, 1]))
    assert [list(column.cells) for column in table.columns[-3:]] == [["3", "5"], ["3", "1"], ["0.598", "2.996"]]


def test_the_experiment_draws_the_flow(tmp_path, capsys):
    assert main(["course.mnist_flow", "--images", "digits", "--epochs", "8", "--out", str(tmp_path)]) == 0
    assert all((tmp_path / f"{name}.png").stat().st_size > 10_000 for name in ("flow", "confusion"))
    metrics = json.loads(capsys.readouterr().out)
    assert metrics["iterations_an_epoch"] == 144 and metrics["test_accuracy"] > 0.5
