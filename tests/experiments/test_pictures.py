"""The pictures: files that are PNGs, whatever there is to draw, with the text that says what is seen."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from experiments import pictures


@pytest.fixture
def texts(monkeypatch):
    """Collect all text of each figure that is saved."""
    found = []
    save = Figure.savefig

    def spying(figure, path, **options):
        (axes,) = figure.axes
        found.extend([axes.get_title(), *(text.get_text() for text in axes.texts)])
        save(figure, path, **options)

    monkeypatch.setattr(Figure, "savefig", spying)
    return found


def is_png(path):
    return path.read_bytes().startswith(b"\x89PNG")


def test_confusion_matrix_has_every_number_and_the_share_that_is_right(tmp_path, texts):
    counts = np.array([[8, 2, 0], [1, 7, 2], [0, 0, 0]])  # the last class has no examples
    assert is_png(pictures.confusion_matrix(counts, tmp_path / "c.png", names=["cat", "dog", "hen"]))
    assert texts == ["15 of 20 right, 75.00%", "8", "2", "0", "1", "7", "2", "0", "0", "0"]


@pytest.mark.parametrize("count", [0, 1, 7, 20])
def test_grids_of_any_size(count, tmp_path):
    images = np.random.default_rng(0).normal(size=(count, 6, 5)).astype(np.float32)
    path = pictures.image_grid(images, tmp_path / "g.png", title="images", texts=["a\nb"] * count, symmetric=True)
    assert is_png(path)


def test_mistakes_are_the_wrong_answers_the_surest_first(tmp_path, texts):
    images = np.random.default_rng(0).uniform(size=(4, 8, 8)).astype(np.float32)
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]], np.float32)
    labels = np.array([0, 0, 1, 0])
    pictures.mistakes(images, labels, probabilities, tmp_path / "m.png")
    assert texts == ["2 of 4 test images are answered wrongly", "label 0\nanswer 1 (70%)", "label 0\nanswer 1 (60%)"]
    texts.clear()
    pictures.mistakes(images, labels, probabilities, tmp_path / "m.png", most=1, names=["no", "yes"])
    assert texts == ["2 of 4 test images are answered wrongly; the 1 surest", "label no\nanswer yes (70%)"]


def test_no_mistakes_are_said_to_be_none(tmp_path, texts):
    images, labels = np.ones((2, 8, 8), np.float32), np.array([0, 1])
    assert is_png(pictures.mistakes(images, labels, np.eye(2, dtype=np.float32), tmp_path / "m.png"))
    assert texts == ["none of 2 test images is answered wrongly"]
