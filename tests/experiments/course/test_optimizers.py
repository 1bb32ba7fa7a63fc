"""Optimizers compared: paths that arrive at the minimum, and states of the sizes that the algorithms need."""

import json

import jax.numpy as jnp
import pytest

from experiments.__main__ import main
from experiments.course import optimizers
from experiments.course.optimizers import MINIMUM, SIZED, error, numbers, state_size
from fnn import optim


def test_the_minimum_is_one():
    assert float(error(jnp.array(MINIMUM))) < 1e-12 < float(error(jnp.array(MINIMUM) + 0.01))


def test_every_state_is_as_large_as_its_arrays():
    slots = {"SGD": 0, "momentum": 1, "AdaGrad": 1, "AdaDelta": 2, "Adam": 2, "AMSGrad": 3, "Lion": 1, "Muon": 1}
    assert {name: state_size(SIZED[name]) - 1 for name in slots} == slots
    assert state_size(SIZED["Adafactor"]) - 1 == pytest.approx(2 / 1024)  # a mean for each row and for each column
    assert state_size(optim.mixed_precision(SIZED["AMSGrad"]), jnp.bfloat16) == 8
    assert [number.here for number in numbers()] == [1, 2, 2, 6]


def test_momentum_arrives_before_plain_descent(tmp_path, capsys, monkeypatch):
    few = {name: optimizers.COMPARED[name] for name in ("SGD", "Nesterov")}
    monkeypatch.setattr(optimizers, "COMPARED", few)
    assert main(["course.optimizers", "--epochs", "1", "--hidden", "8", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert found["steps_Nesterov"] < 0.5 * found["steps_SGD"] and found["agree"] == 4
    assert {path.stem for path in tmp_path.glob("*.png")} == {"paths", "errors", "network"}
    assert main(["course.optimizers", "--arrived", "2", "--out", str(tmp_path)]) == 1
    assert "arrived in (0, 1]" in capsys.readouterr().err
