"""AND: the neuron learns all four rows, its error falls at every epoch, and its pictures are made."""

import json

import jax
import jax.numpy as jnp
import numpy as np

from experiments.__main__ import main
from experiments.course.and_neuron import learn, output
from fnn import data


def test_gradient_descent_is_the_lectures_by_hand():
    tolerance = 200 * float(np.finfo(np.float32).eps)  # one rounding an epoch, of numbers below 1
    neuron, losses = learn(0.1, 200)
    w, table, errors = np.zeros(3), data.and_gate(), []
    inputs = np.concatenate([table.x, np.ones((4, 1))], axis=1)
    for _ in range(200):
        o = 1 / (1 + np.exp(-inputs @ w))
        errors.append(((table.y - o) ** 2).sum() / 2)
        w -= 0.1 * inputs.T @ ((o - table.y) * o * (1 - o))
    np.testing.assert_allclose([*neuron.w, neuron.b], w, atol=tolerance)
    np.testing.assert_allclose(losses, errors, atol=tolerance)


def test_all_four_rows_are_learned_and_drawn(tmp_path):
    assert main(["course.and_neuron", "--epochs", "2000", "--out", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "metrics.json").read_text())["right"] == 4
    assert {path.stem for path in tmp_path.glob("*.png")} == {"regions", "error"}
    neuron, losses = learn(1.0, 2000)
    answers = jax.vmap(output, (None, 0))(neuron, jnp.asarray(data.and_gate().x))
    np.testing.assert_array_equal(answers > 0.5, data.and_gate().y)
    assert (np.diff(losses) < 0).all()
