"""Regions: one neuron is right on no more than a line can part, hidden layers on nearly all, and pictures are made."""

import json

from experiments.__main__ import main


def test_hidden_layers_part_what_one_neuron_cannot(tmp_path):
    small = ["--examples", "128", "--epochs", "150", "--rate", "0.03", "--layers", "2", "--out", str(tmp_path)]
    assert main(["course.regions", *small]) == 0
    right = json.loads((tmp_path / "metrics.json").read_text())
    assert right["circles_one_neuron"] < 0.7 and 0.75 < right["moons_one_neuron"] < 0.95
    assert right["moons_one_hidden_layer"] > 0.95 and right["circles_one_hidden_layer"] > 0.95
    assert right["spirals_2_hidden_layers"] > right["spirals_one_neuron"]
    assert {path.stem for path in tmp_path.glob("*.png")} == {"moons", "circles", "spirals", "units"}
    assert main(["course.regions", "--layers", "1", "--out", str(tmp_path)]) == 1
