"""The two graphs of a sigmoid neuron and the slide's flat code have one gradient, for any inputs."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.__main__ import main
from experiments.course.sigmoid_graph import Neuron, flat_code, gradients, with_sigmoid_gate, with_small_gates


def test_both_graphs_and_the_flat_code_agree_for_any_inputs():
    with jax.enable_x64(True):
        for inputs in np.random.default_rng(0).normal(size=(4, 5)):
            n = Neuron(*map(jnp.asarray, inputs))
            L, flat = flat_code(Neuron(*inputs))
            for f in (with_small_gates, with_sigmoid_gate):
                y, slopes = gradients(f, n)
                np.testing.assert_allclose([y, *slopes], [L, *flat], rtol=1e-14)


def test_it_runs_and_draws(tmp_path):
    assert main(["course.sigmoid_graph", "--out", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.glob("*.png")} == {"small_gates.png", "sigmoid_gate.png"}
