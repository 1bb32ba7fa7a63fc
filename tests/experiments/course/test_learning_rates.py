"""Learning rates: the factor a step is the predicted one; falling rates end lower; fan-in brings the paces together."""

import json

import pytest

from experiments.__main__ import main
from experiments.course.learning_rates import CURVATURES, RATES, factor


def test_the_descent_diverges_from_two_over_the_largest_curvature_on():
    limit = 2 / CURVATURES.max()
    assert factor(limit) == pytest.approx(1) and factor(0.99 * limit) < 1 < factor(1.01 * limit)


def test_the_three_parts_show_what_they_say(tmp_path, capsys):
    flags = ["--schedule-epochs", "30", "--repeats", "5", "--epochs", "1", "--out", str(tmp_path)]
    assert main(["course.learning_rates", *flags]) == 0
    found = json.loads((tmp_path / "metrics.json").read_text())
    for name, rate in RATES.items():
        assert found[f"factor_{name.replace(' ', '_')}"] == pytest.approx(factor(rate), rel=2e-3)
    falling = [found[f"above_{name}"] for name in ("step_decay", "exponential", "cosine", "one_cycle")]
    assert max(falling) < 0.01 * found["above_constant"]
    assert found["spread_by_fan_in"] < 0.2 * found["spread_one_rate"]
    pictures = {"rates", "paths", "schedules", "falling", "paces", "by_layer"}
    assert {path.stem for path in tmp_path.glob("*.png")} == pictures
    assert main(["course.learning_rates", "--repeats", "0", "--out", str(tmp_path)]) == 1
    assert "repeats = 0, wanted at least 1" in capsys.readouterr().err
