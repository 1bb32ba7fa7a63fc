"""The gates against Python's own operators."""

import inspect
import operator

import numpy as np
import pytest

from fnn import data
from fnn.data import logic

GATES = {
    "and_gate": lambda a, b: a and b,
    "or_gate": lambda a, b: a or b,
    "nand_gate": lambda a, b: not (a and b),
    "nor_gate": lambda a, b: not (a or b),
    "xor_gate": operator.ne,
    "xnor_gate": operator.eq,
    "not_gate": operator.not_,
}


def test_the_table_holds_every_gate():
    assert {name for name, value in vars(logic).items() if inspect.isfunction(value)} == set(GATES) | {"truth_table"}


@pytest.mark.parametrize("name", GATES)
def test_gates(name):
    x, y = getattr(data, name)()
    inputs = 1 if name == "not_gate" else 2
    assert x.dtype == np.float32 and y.dtype == np.int32
    assert x.tolist() == [[float(bit) for bit in f"{row:0{inputs}b}"] for row in range(2**inputs)]
    assert y.tolist() == [int(GATES[name](*map(bool, row))) for row in x]


def test_more_inputs():
    x, y = data.truth_table(lambda *bits: np.sum(bits, axis=0) > 2, inputs=4)
    assert x.shape == (16, 4) and y.sum() == 5  # four with one 0, and one without


def test_errors():
    with pytest.raises(ValueError, match="inputs is 0"):
        data.truth_table(np.logical_and, inputs=0)
    with pytest.raises(ValueError, match=r"returned int64 of shape \(4,\); wanted one truth value for each of 4 rows"):
        data.truth_table(lambda a, b: a + np.int64(1) * b)
    with pytest.raises(ValueError, match=r"returned bool of shape \(\)"):
        data.truth_table(lambda a, b: np.asarray(np.all(a & b)))
