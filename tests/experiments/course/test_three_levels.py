"""The 3-level network's formulas are the rules' gradients, and it learns XOR where two units are not too few."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.__main__ import main
from experiments.course.three_levels import Settings, Weights, by_hand, by_rules, draw, forward, learn
from fnn import check, data


@pytest.mark.parametrize("sizes", [(3, 4, 2), (1, 1, 1), (2, 3, 5)])
def test_every_formula_is_the_rules(sizes):
    with jax.enable_x64(True):
        w, (IN, Y) = draw(sizes, 3), (jnp.linspace(-1, 2, sizes[0]), jnp.linspace(0, 1, sizes[2]))
        right = by_rules(w, IN, Y)
    comparison = check.compare(by_hand(Weights(*map(np.asarray, w)), np.asarray(IN), np.asarray(Y)), right)
    assert comparison and len(comparison.rows) == 9, comparison


def test_it_learns_xor_with_three_hidden_units_and_cannot_with_one():
    table = data.xor_gate()
    for hidden, right in ((3, 4), (1, 3)):
        w, errors = learn(Settings(hidden=hidden))
        answers = np.asarray(forward(w, jnp.asarray(table.x)).OO[:, 0]) > 0.5
        assert (answers == table.y).sum() <= right and (errors[-1] < 1e-3) == (right == 4)


def test_it_runs_and_draws_and_wants_units(tmp_path, capsys):
    assert main(["course.three_levels", "--out", str(tmp_path), "--epochs", "20"]) == 0
    assert {path.name for path in tmp_path.glob("*.png")} == {"hidden.png", "error.png", "graph.png"}
    assert main(["course.three_levels", "--out", str(tmp_path), "--hidden", "0"]) == 1
    assert "hidden = 0 and epochs = 3000, wanted 1 or more" in capsys.readouterr().err
