"""The four gates pass their gradients as the lecture says, for any numbers, and the pictures are made."""

import jax
import pytest

from experiments.__main__ import main
from experiments.course.gates import GATES, four_gates, two_products


@pytest.mark.parametrize(("name", "slopes"), [("add", (2, 2)), ("multiply", (15, 10)), ("copy", (6,)), ("max", (0, 9))])
def test_each_gate_passes_its_gradient_on(name, slopes):
    _, found = GATES[name].backward()
    assert tuple(map(float, found)) == slopes


def test_a_copied_wire_gets_the_gradient_of_the_one_way_that_max_takes():
    assert tuple(map(float, jax.grad(four_gates, (0, 1, 2))(2.0, 3.0, 1.0))) == (3, 2, 0)
    assert tuple(map(float, jax.grad(four_gates, (0, 1, 2))(2.0, 0.5, 9.0))) == (1, 0, 1)


def test_the_weights_of_a_sum_of_products_have_the_inputs_as_gradients():
    assert tuple(map(float, jax.grad(two_products, 1)((2.0, -1.0), (0.5, 3.0)))) == (2, -1)


def test_it_runs_and_draws(tmp_path):
    assert main(["course.gates", "--out", str(tmp_path)]) == 0
    names = {"example", "four_gates", "two_products", *GATES}
    assert names <= {path.stem for path in tmp_path.glob("*.png")} and (tmp_path / "example.svg").exists()
