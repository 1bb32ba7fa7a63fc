"""Reverse mode costs the same for any n, the other ways n times as much; finite differences have a best step."""

import numpy as np
import pytest

from experiments.__main__ import main
from experiments.course.differentiation import (
    WAYS,
    by_hand,
    costs,
    derivative,
    errors,
    function,
    network,
    value,
    written_out,
)


@pytest.mark.parametrize("name", WAYS)
def test_each_way_finds_the_gradient_by_hand(name):
    f, x, alpha, beta = function(6, seed=3)
    right = by_hand(np.asarray(x), alpha, beta)
    eps = float(np.finfo(np.float32).eps)
    # A rounding of J, a few eps, is divided by the step h; what is cut off is of the order of h, or of h².
    rounding = 4 * eps * (1 + abs(float(f(x))))
    tolerance = {"forward difference": rounding * 2**12 + 2**-12, "central difference": rounding * 2**8 + 2**-16}
    np.testing.assert_allclose(WAYS[name](f, x), right, rtol=0, atol=tolerance.get(name, 8 * eps))


def test_the_symbolic_derivative_is_the_gradient_by_hand():
    x, alpha, beta = network(5, seed=4)
    J = written_out(alpha, beta)
    y = 1 / (1 + np.exp(-beta @ (1 / (1 + np.exp(-alpha @ x)))))
    assert value(J, x) == pytest.approx(np.log(y), rel=1e-14)
    found = [value(derivative(J, i), x) for i in range(5)]
    np.testing.assert_allclose(found, by_hand(x, alpha, beta), rtol=1e-12)


def test_reverse_mode_costs_a_few_evaluations_and_all_else_grows_with_n():
    cost = costs([4, 64], seed=0)
    assert cost["reverse mode"].max() < 4
    for name in set(cost) - {"reverse mode"}:
        assert cost[name][0] >= 4 and 8 < cost[name][1] / cost[name][0] < 20, name


def test_the_best_steps_of_finite_differences_are_those_of_the_theory():
    steps = 2.0 ** np.arange(-40, 1)
    found = errors(steps, seed=0)
    # Truncation grows with h (forward) or h² (central), rounding with eps / h: the best h is near eps^(1/2), eps^(1/3).
    for name, order in (("forward", 1), ("central", 2)):
        for dtype in (np.float32, np.float64):
            line, eps = found[f"{name}, {np.dtype(dtype)}"], float(np.finfo(dtype).eps)
            best = steps[line.argmin()]
            assert abs(np.log2(best / eps ** (1 / (order + 1)))) < 7
            assert eps ** (order / (order + 1)) / 30 < line.min() < 30 * eps ** (order / (order + 1))
            coarse = line[steps == 2.0**-1][0] / line[steps == 2.0**-3][0]
            assert np.log2(coarse) / 2 == pytest.approx(order, abs=0.3)
    for dtype in (np.float32, np.float64):
        assert found[f"reverse mode, {np.dtype(dtype)}"].max() < 16 * float(np.finfo(dtype).eps)


def test_it_runs_and_draws_and_wants_inputs(tmp_path, capsys):
    assert main(["course.differentiation", "--out", str(tmp_path), "--largest", "4", "--repeats", "1"]) == 0
    assert {path.name for path in tmp_path.glob("*.png")} == {"cost.png", "time.png", "error.png"}
    assert main(["course.differentiation", "--out", str(tmp_path), "--largest", "3"]) == 1
    assert "wanted 4 inputs or more" in capsys.readouterr().err
