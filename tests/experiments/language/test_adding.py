"""The adding problem: the sequences, a tiny run, its files, and that the gradients of the states are right."""

import json

import jax
import jax.numpy as jnp
import numpy as np

from experiments.__main__ import main
from experiments.language.adding import Settings, sequences, sizes
from fnn import layers


def test_the_sum_of_the_marked_numbers_is_wanted():
    x, y = sequences(Settings(time=9), 50, 1)
    assert x.shape == (50, 9, 2) and (x[:, :4, 1].sum(1) == 1).all() and (x[:, 4:, 1].sum(1) == 1).all()
    np.testing.assert_allclose((x[..., 0] * x[..., 1]).sum(1, keepdims=True), y, rtol=1e-6)


def test_the_gradient_of_each_state_is_that_of_the_steps_behind_it():
    examples = sequences(Settings(time=4), 3, 1)
    cell = layers.lstm(2, carry=True)
    params, zeros = cell.init(jax.random.key(0), examples.x)
    head = layers.Dense(jnp.ones((2, 1)), jnp.zeros(1))

    def loss(state):
        answer = cell.apply(params, state, examples.x[:, 1:])[0][:, -1] @ head.w
        return ((answer - examples.y) ** 2).mean()

    slopes = jax.grad(loss)(cell.apply(params, zeros, examples.x[:, :1])[1])
    wanted = np.sqrt(sum((slope**2).sum() for slope in slopes))
    np.testing.assert_allclose(sizes(cell, params, head, examples)[0], wanted, rtol=1e-4)


def test_adding_learns_and_draws(tmp_path):
    small = ["--time", "6", "--hidden", "8", "--sequences", "256", "--test-sequences", "32", "--epochs", "3"]
    assert main(["adding", *small, "--batch-size", "16", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert set(found) == {"lstm_loss", "rnn_loss", "lstm_gradient_left", "rnn_gradient_left", "seconds"}
    assert 0 < found["lstm_loss"] < 0.3 and found["rnn_gradient_left"] > 0
    assert {path.stem for path in tmp_path.glob("*.png")} == {"loss", "gradients"}
    assert main(["adding", "--time", "3", "--out", str(tmp_path)]) == 1
