"""Regularisation: what each remedy does to the weights and to the error on other points."""

import json

from experiments.__main__ import main


def test_every_remedy_helps_and_shrinks_the_weights(tmp_path, capsys):
    assert main(["course.regularisation", "--epochs", "120", "--hidden", "48", "--out", str(tmp_path)]) == 0
    metrics = json.loads(capsys.readouterr().out)
    for name in ("L2", "L1", "dropout", "early_stop"):
        assert metrics[f"{name}_test_loss"] < 0.8 * metrics["none_test_loss"], name
        assert metrics[f"{name}_rms"] < metrics["none_rms"], name
    assert all((tmp_path / f"{name}.png").exists() for name in ("training", "held_out", "regions"))


def test_one_point_is_refused_in_a_sentence(tmp_path, capsys):
    assert main(["course.regularisation", "--points", "1", "--out", str(tmp_path)]) == 1
    assert "wanted at least 2 and 1" in capsys.readouterr().err
