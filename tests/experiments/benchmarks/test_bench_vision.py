"""The benchmark of the rules for images: tiny runs, what it writes, and that it times nothing that is wrong."""

import json

import jax
import numpy as np
import pytest

from experiments.__main__ import main
from experiments.benchmarks import measure, operations, vision_cases

CASES = [*vision_cases.field(1), *vision_cases.resnet50(1)]


def test_operations_are_checked_and_timed(tmp_path, capsys):
    names = ["1x1 conv, 64 -> 256", "2x2 max-pool, /2", "layer norm", "dropout", "batch norm, 2048"]
    small = ["--batch", "0.03", "--rounds", "1", "--no-peers", "--out", str(tmp_path)]
    assert main(["bench_vision", "--only", *names, *small]) == 0
    found = json.loads((tmp_path / "vision.json").read_text())
    assert set(found["field"]) == {"2x2 max-pool, /2", "layer norm", "dropout 0.1"}
    assert set(found["resnet50"]) == {"1x1 conv, 64 -> 256", "batch norm, 2048"}
    ratios = [row["ratio"] for group in ("field", "resnet50") for row in found[group].values()]
    assert min(ratios) > 0 and found["mean_ratio"] == pytest.approx(np.exp(np.log(ratios).mean()), abs=1e-3)
    assert "geometric mean" in capsys.readouterr().err


def test_a_training_step_is_timed(tmp_path):
    small = ["--batch", "0.06", "--rounds", "1", "--no-peers", "--out", str(tmp_path)]
    assert main(["bench_vision", "--only", "lenet", *small]) == 0
    row = json.loads((tmp_path / "vision.json").read_text())["steps"]["lenet"]
    first, second = row["first_losses"]["fnn"]
    assert row["milliseconds"]["fnn"] > 0 and second < first


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_both_programs_of_a_case_fit_its_arguments(case):
    arrays = [jax.ShapeDtypeStruct(shape, np.float32) for shape in case.shapes]
    keys = [jax.random.key(0)] if case.random else []
    assert jax.eval_shape(case.ours, *arrays, *keys) == jax.eval_shape(case.plain, *arrays, *keys)


def test_programs_that_differ_are_not_timed():
    (pool,) = [case for case in vision_cases.field(1) if case.name == "2x2 max-pool, /2"]
    wrong = pool._replace(plain=lambda x: 1.001 * pool.plain(x))
    arguments = operations.draw(wrong)
    with pytest.raises(ValueError, match="2x2 max-pool, /2: fnn and the baseline differ by"):
        operations.need_same(wrong, arguments, *(operations.both(f)(*arguments) for f in (wrong.ours, wrong.plain)))


def test_dropout_with_another_rate_is_not_timed():
    (dropout,) = [case for case in vision_cases.field(1) if case.random]
    (other,) = [vision_cases.dropout(dropout.name, dropout.shapes[0], 0.12, goal=1.0)]
    arguments = operations.draw(dropout)
    with pytest.raises(ValueError, match="dropout"):
        operations.need_same(dropout, arguments, *(operations.both(f)(*arguments) for f in (dropout.ours, other.plain)))


def test_rounds_alternate_and_end_after_the_seconds():
    order = []
    programs = {name: lambda state, name=name: order.append(name) for name in "ab"}
    seconds = measure.interleave(programs, dict.fromkeys("ab"), 3)
    assert "".join(order) == "baabbaab" and [len(values) for values in seconds.values()] == [3, 3]
    seconds = measure.interleave(programs, dict.fromkeys("ab"), 3, seconds=0)
    assert [len(values) for values in seconds.values()] == [1, 1]


def test_a_name_that_nothing_has_is_refused(tmp_path, capsys):
    assert main(["bench_vision", "--only", "warp", "--out", str(tmp_path)]) == 1
    assert "warp" in capsys.readouterr().err
