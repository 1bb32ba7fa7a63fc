"""The perceptron: it ends where a line parts the classes, goes in circles on XOR, and its pictures are made."""

import numpy as np
import pytest

from experiments.__main__ import main
from experiments.course.perceptron import answer, learn
from fnn import data

GATES = {"and": data.and_gate, "or": data.or_gate, "nand": data.nand_gate, "nor": data.nor_gate, "xor": data.xor_gate}


def rosenblatt(table, passes):
    """Yield the weights after each update, in whole numbers."""
    w = np.zeros(3, int)
    for _ in range(passes):
        for x, y in zip(table.x.astype(int), 2 * table.y - 1, strict=True):
            if (1 if w[0] + w[1] * x[0] + w[2] * x[1] >= 0 else -1) != y:
                w = w + y * np.array([1, *x])
                yield w


@pytest.mark.parametrize("gate", GATES)
def test_the_rule_is_rosenblatts_and_ends_where_a_line_parts_the_classes(gate):
    table = GATES[gate]()
    learned = learn(table, 100)
    np.testing.assert_array_equal(learned.weights[1:], list(rosenblatt(table, learned.passes)))
    right = (np.asarray(answer(learned.weights[-1], table.x)) > 0) == table.y
    assert right.all() == (gate != "xor") == (learned.cycle == 0)


def test_on_xor_the_weights_come_back_for_ever_and_are_never_right():
    learned = learn(data.xor_gate(), 100)
    begin = len(learned.weights) - 1 - learned.cycle
    np.testing.assert_array_equal(learned.weights[begin], learned.weights[-1])
    later = list(rosenblatt(data.xor_gate(), 1000))
    for n in range(begin, len(later) - learned.cycle):
        np.testing.assert_array_equal(later[n], later[n + learned.cycle])
    for w in learned.weights:
        assert ((np.asarray(answer(w, data.xor_gate().x)) > 0) != data.xor_gate().y).any()


def test_too_few_passes_are_a_sentence(tmp_path):
    with pytest.raises(ValueError, match="passes = 2 were not enough"):
        learn(data.and_gate(), 2)
    assert main(["course.perceptron", "--passes", "0", "--out", str(tmp_path)]) == 1


def test_the_line_after_each_update_is_drawn(tmp_path, capsys):
    assert main(["course.perceptron", "--out", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.glob("*.png")} == {"and.png", "or.png", "xor.png"}
    assert "goes in circles" in " ".join(capsys.readouterr().err.split())
