"""What is peculiar to one schedule, and its errors; tests/conformance/test_optimizers_schedules.py has the formulas."""

import numpy as np
import pytest

from fnn import optim


def test_warmup_of_a_number():
    rate = optim.warmup(0.4, 4)
    np.testing.assert_allclose([rate(step) for step in range(6)], [0.1, 0.2, 0.3, 0.4, 0.4, 0.4], rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.constant(float("nan")), "value is nan"),
        (lambda: optim.step_decay(0.1, 0.5, 0), "every is 0; wanted one step or more"),
        (lambda: optim.exponential(0.1, 0.0), "factor is 0.0; wanted a positive number"),
        (lambda: optim.polynomial(0.1, 0.0, 10, 0.0), "power is 0.0"),
        (lambda: optim.cosine(0.1, -5), "steps is -5"),
        (lambda: optim.cosine(float("inf"), 5), "start is inf"),
        (lambda: optim.warmup(0.1, 0), "steps is 0"),
        (lambda: optim.one_cycle(0.1, 100, rise=1.5), "rise is 1.5 of 100 steps"),
        (lambda: optim.one_cycle(0.1, 3), "rise is 0.3 of 3 steps"),
        (lambda: optim.one_cycle(0.1, 100, end_divisor=0), "divisors"),
        (lambda: optim.piecewise((3,), (1.0,)), "1 boundaries and 1 values"),
        (lambda: optim.piecewise((3, 3), (1.0, 2.0, 3.0)), r"boundaries are \(3, 3\)"),
        (lambda: optim.piecewise((3,), (1.0, float("nan"))), r"values\[1\] is nan"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
