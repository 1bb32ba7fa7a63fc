"""The slide's formulas are the rules' gradients, for any network, but for the one that loses its sum over j."""

import itertools

import jax
import numpy as np
import pytest

from experiments.__main__ import main
from experiments.course.chain_rule import (
    A,
    B,
    by_hand,
    by_rules,
    composite,
    composite_by_hand,
    descend,
    network,
    summed_losses,
)
from fnn import check


@pytest.mark.parametrize("wanted", [0.0, 1.0, 0.3])
def test_every_formula_but_the_slip_is_the_rules(wanted):
    n = network(5, 4, seed=2)._replace(wanted=wanted)
    (mine, slide), right = by_hand(n), by_rules(n)
    comparison = check.compare(mine, right)
    assert comparison, comparison
    for row in slide:
        assert not np.allclose(row, right["x"], rtol=0.1)


def test_the_gradient_through_two_ways_is_their_sum():
    with jax.enable_x64(True):
        for theta in np.random.default_rng(0).normal(size=(3, 2)):
            found = jax.grad(composite, (0, 1))(*theta)
            np.testing.assert_allclose(found, composite_by_hand(*theta), rtol=1e-13)


def test_the_gradient_of_a_sum_of_losses_is_the_sum_of_theirs():
    with jax.enable_x64(True):
        each, total = summed_losses(seed=5)
    assert each.shape == (3, 5)
    np.testing.assert_allclose(each.sum(0), total, rtol=1e-13)


def test_each_step_on_the_ellipse_is_minus_the_rate_times_the_gradient():
    path = descend((-2.5, 1.4), 0.3, 3)
    for before, after in itertools.pairwise(path):
        slope = 2 * before / np.array([A**2, B**2])
        np.testing.assert_allclose(after, before - 0.3 * slope, rtol=1e-5)


def test_it_runs_and_draws_and_wants_a_sum(tmp_path, capsys):
    assert main(["course.chain_rule", "--out", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.glob("*.png")} == {"composite.png", "ellipse.png"}
    assert main(["course.chain_rule", "--out", str(tmp_path), "--hidden", "1"]) == 1
    assert "hidden = 1, wanted" in capsys.readouterr().err
