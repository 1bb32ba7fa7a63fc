"""The history: its values, its best epoch, and its picture."""

import math
import sys

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure
from tiny_training import TEST, fit

from fnn.train import History

ROWS = [
    {"epoch": 1, "step": 5, "loss": 20.0, "accuracy": 0.3, "test_loss": 2.5, "test_accuracy": 0.25, "seconds": 0.1},
    {"epoch": 2, "step": 10, "loss": 1.0, "accuracy": 0.6, "test_loss": 1.5, "test_accuracy": 0.5, "seconds": 0.1},
    {"epoch": 3, "step": 15, "loss": 0.5, "accuracy": 0.8, "test_loss": 1.7, "test_accuracy": 0.5, "seconds": 0.1},
]


def test_values_and_best():
    history = History(ROWS)
    assert history.values("loss") == [20.0, 1.0, 0.5] and History().values("loss") == []
    best = {metric: history.best_epoch(metric) for metric in ("loss", "test_loss", "test_accuracy")}
    assert best == {"loss": 3, "test_loss": 2, "test_accuracy": 2}
    assert History([{"loss": math.nan}, {"loss": 2.0}, {"loss": math.nan}]).best_epoch("loss") == 2
    with pytest.raises(ValueError, match="the history has no 'speed', only epoch, step, loss, "):
        history.values("speed")


@pytest.fixture
def drawn(monkeypatch):
    """Return the figures that are saved while the test runs."""
    figures, save = [], Figure.savefig

    def savefig(self, *args, **kwargs):
        figures.append(self)
        save(self, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", savefig)
    return figures


def test_the_plot_is_a_picture_of_both_curves(tmp_path, drawn):
    path = tmp_path / "curves.png"
    assert History(ROWS).plot(path) == path
    pixels = matplotlib.image.imread(path)  # raises unless it is a PNG
    assert path.read_bytes().startswith(b"\x89PNG") and pixels.shape[0] > 300 and pixels.std() > 0.05
    left, right = drawn[0].axes
    curves = {curve.get_label(): list(curve.get_ydata()) for axes in (left, right) for curve in axes.lines}
    assert curves == {
        "loss": [20.0, 1.0, 0.5],
        "test loss": [2.5, 1.5, 1.7],
        "accuracy": [0.3, 0.6, 0.8],
        "test accuracy": [0.25, 0.5, 0.5],
    }
    assert (left.get_ylabel(), right.get_ylabel(), left.get_xlabel()) == ("loss", "accuracy", "epoch")
    assert left.get_yscale() == "log" and left.get_legend() is not None


def test_one_epoch_and_a_loss_that_is_not_positive_can_be_plotted(tmp_path, drawn):
    History(ROWS[:1]).plot(tmp_path / "one.png")
    History([{"epoch": 1, "loss": -1.0}, {"epoch": 2, "loss": 0.0}]).plot(str(tmp_path / "gaussian.svg"))
    assert drawn[1].axes[0].get_yscale() == "linear" and "<svg" in (tmp_path / "gaussian.svg").read_text()


def test_a_result_plots_its_history(tmp_path, drawn):
    result = fit(evaluate=TEST)
    result.plot(tmp_path / "loss.png")
    assert [len(axes.lines) for axes in drawn[0].axes] == [2, 2]
    np.testing.assert_array_equal(drawn[0].axes[0].lines[0].get_ydata(), result.history.values("loss"))


def test_nothing_to_plot_and_nothing_to_plot_with(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="nothing to plot: the run ended before its first epoch did"):
        History().plot(tmp_path / "nothing.png")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pictures need matplotlib; pip install "fnn\[experiments\]"'):
        History(ROWS).plot(tmp_path / "nothing.png")
    assert not list(tmp_path.iterdir())
