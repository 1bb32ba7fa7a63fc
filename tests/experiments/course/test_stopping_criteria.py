"""Stopping criteria: where each would have stopped is where it stops, and the slide's range stops early."""

import json

from experiments.__main__ import main
from experiments.course.stopping import Settings, learn, stop_epoch
from fnn import train


def test_a_criterion_stops_where_the_whole_history_says_it_would(tmp_path):
    settings = Settings(epochs=12)
    history, criterion = learn(settings).history, train.change_below(0.01)
    epoch = stop_epoch(criterion, history)
    stopped = learn(settings, stop=(criterion,))
    assert len(stopped.history.rows) == epoch and "less than 0.01" in stopped.stopped
    assert stop_epoch(train.below(1e-9), history) is None


def test_the_slides_range_stops_long_before_the_best_epoch(tmp_path, capsys):
    assert main(["course.stopping", "--epochs", "250", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert found["epoch_change_0.1"] <= found["epoch_change_0.01"] < 10 < found["epoch_adequate"] < found["best_epoch"]
    assert {path.stem for path in tmp_path.glob("*.png")} == {"stops"}
    assert main(["course.stopping", "--patience", "0", "--out", str(tmp_path)]) == 1
    assert "wanted at least 1" in capsys.readouterr().err
