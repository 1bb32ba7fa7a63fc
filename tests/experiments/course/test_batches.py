"""Mini-batches: the lecture's columns are our rows transposed, and an epoch has the steps that are said."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.__main__ import main
from experiments.course.batches import batches, by_columns, by_rows
from fnn import data, layers, optim, rules, train


@pytest.mark.parametrize("examples, inputs, outputs", [(2, 6, 3), (1, 4, 5)])
def test_the_lectures_products_are_the_rules_transposed(examples, inputs, outputs):
    generator = np.random.default_rng(0)
    with jax.enable_x64(True):
        shapes = (examples, inputs), (inputs, outputs), (examples, outputs)
        x, w, dy = (jnp.asarray(generator.normal(size=shape)) for shape in shapes)
        here, lecture = by_rows(x, w, dy), by_columns(x, w, dy)
    assert lecture.dW.shape == (outputs, inputs) and lecture.dX.shape == (inputs, examples)
    for ours, theirs in zip(here, lecture, strict=True):
        np.testing.assert_allclose(ours, theirs.T, rtol=1e-13, atol=1e-14)


def test_training_makes_as_many_steps_as_there_are_batches():
    net = layers.dense(1)

    def loss(params, state, batch, key):
        outputs, state = net.apply(params, state, batch.x)
        return rules.squared_error(outputs, batch.y), (state, {})

    examples = data.Examples(np.ones((25, 2), np.float32), np.ones((25, 1), np.float32))
    options = {"epochs": 2, "batch_size": 10, "key": jax.random.key(0), "progress": False}
    result = train.fit(net, loss, optim.sgd(0.1), examples, **options)
    assert result.history.values("step") == [batches(25, 10), 2 * batches(25, 10)] == [3, 6]


def test_it_draws_and_wants_sizes(tmp_path, capsys):
    assert main(["course.batches", "--out", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} >= {"products.png", "products.svg"}
    assert json.loads((tmp_path / "metrics.json").read_text())["largest_difference"] < 1e-14
    assert main(["course.batches", "--out", str(tmp_path), "--inputs", "0"]) == 1
    assert "wanted at least 1 of each" in capsys.readouterr().err
