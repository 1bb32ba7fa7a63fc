"""A neuron's answer is above 0.5 on one side of its line, and the same along the line's direction."""

import jax.numpy as jnp
import numpy as np

from experiments.__main__ import main
from experiments.course.line import answer, sides


def test_the_sides_of_the_line_are_the_answers():
    examples = sides(500, seed=1)
    np.testing.assert_array_equal(np.asarray(answer(jnp.asarray(examples.x))) > 0.5, examples.y)


def test_the_answer_does_not_change_along_the_line_whose_direction_is_2_3():
    points = jnp.array([[-1.0, 2.0]]) + jnp.arange(-3, 4)[:, None].astype(jnp.float32) * jnp.array([[2.0, 3.0]])
    np.testing.assert_allclose(answer(points), 1 / (1 + np.exp(6)), rtol=1e-5)


def test_it_runs_and_draws_and_wants_a_point(tmp_path, capsys):
    assert main(["course.line", "--out", str(tmp_path), "--points", "20"]) == 0
    assert {path.name for path in tmp_path.glob("*.png")} == {"half_plane.png", "across.png"}
    assert main(["course.line", "--out", str(tmp_path), "--points", "0"]) == 1
    assert "points = 0, wanted 1 or more" in capsys.readouterr().err
