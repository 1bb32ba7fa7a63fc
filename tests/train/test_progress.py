"""What a person sees: a bar, or a line an epoch, on stderr and nowhere else."""

import sys

import pytest
from tiny_training import TEST, fit

from fnn.train.progress import describe, progress

ROW = {"epoch": 1, "step": 5, "loss": 0.25, "test_accuracy": 0.5, "seconds": 1.0, "samples_per_second": 12345.6}


def test_the_metrics_in_one_line():
    assert describe({"accuracy": 0.5, **ROW}) == "loss 0.2500  accuracy 0.5000  test accuracy 0.5000"


def test_the_bar_shows_loss_accuracy_and_speed(capsys):
    fit(progress=True, evaluate=TEST)
    out, err = capsys.readouterr()
    assert out == "" and "epoch 2" in err and "100%" in err
    assert "loss" in err and "test accuracy" in err and "samples/s" in err


def test_no_bar_when_none_is_wanted(capsys):
    fit(progress=False)
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def without_rich(monkeypatch):
    for name in ("rich", "rich.console", "rich.progress", "rich.live", "rich.text"):
        monkeypatch.setitem(sys.modules, name, None)


def test_without_rich_a_line_an_epoch_has_what_the_row_has(without_rich, capsys):
    result = fit(progress=True, evaluate=TEST, batch_size=1, epochs=3)
    out, err = capsys.readouterr()
    assert out == ""
    wanted = [f"epoch {row['epoch']}  {describe(row)}  " for row in result.history.rows]
    assert len(err.splitlines()) == 3
    assert all(line.startswith(start) for line, start in zip(err.splitlines(), wanted, strict=True))
    assert "test loss" in wanted[0]


def test_the_last_line_is_written_when_the_run_breaks_off(without_rich, capsys):
    with pytest.raises(KeyboardInterrupt), progress(True, 10) as report:
        report(5, ROW)
        report(7, {**ROW, "epoch": 2})
        raise KeyboardInterrupt
    assert [line[:7] for line in capsys.readouterr().err.splitlines()] == ["epoch 1", "epoch 2"]
