"""The coffee menu: the four drinks are learned, and symmetry says what is answered where nothing was seen."""

import jax.numpy as jnp
import numpy as np

from experiments.__main__ import main
from experiments.course.coffee import MENU, learn, neuron, scores
from fnn import rules


def test_one_neuron_and_the_network_answer_the_menu():
    params, losses = learn(jnp.asarray(MENU.x), 1.0, 300)
    assert [float(neuron(jnp.asarray(x))) for x in MENU.x] == [0, 1, 2, 3]
    np.testing.assert_array_equal(scores(params, MENU.x).argmax(1), MENU.y)
    assert losses[0] > 1.3 and losses[-1] < 0.05 and (np.diff(losses) < 0).all()


def test_what_is_in_every_drink_tells_none_apart():
    """Espresso's weights are the biases: both see the same input, 1. Water and milk at once leave two drinks even."""
    params, _ = learn(jnp.asarray(MENU.x), 1.0, 300)
    np.testing.assert_allclose(params.w[0], params.b, rtol=1e-6)  # XLA sums the two in orders of its own
    p = rules.softmax(scores(params, jnp.array([[1.0, 1.0, 1.0, 1.0]])))[0]
    np.testing.assert_allclose(p[0], p[2], atol=1e-4)
    np.testing.assert_allclose(p[1], p[3], atol=1e-4)


def test_the_answers_are_drawn(tmp_path):
    assert main(["course.coffee", "--out", str(tmp_path)]) == 0
    assert {path.stem for path in tmp_path.glob("*.png")} == {"answers", "loss"}
    assert main(["course.coffee", "--epochs", "0", "--out", str(tmp_path)]) == 1
