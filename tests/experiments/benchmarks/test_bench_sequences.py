"""The benchmark of the rules for sequences: tiny runs, what it writes, and that its programs fit each other."""

import json

import jax
import numpy as np
import pytest

from experiments.__main__ import main
from experiments.benchmarks import operations, sequences, sequences_cases

CASES = sequences_cases.field(0.05)


@pytest.fixture(autouse=True)
def as_users_write():
    """The baselines add a bias to a matrix as everybody does; fnn itself is tested without such promotions."""
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield


def test_operations_are_checked_and_timed_and_their_memory_is_taken(tmp_path, capsys):
    names = ["embedding", "cross-entropy, 65", "memory"]
    small = ["--scale", "0.03", "--rounds", "1", "--no-peers", "--lengths", "8", "16", "--out", str(tmp_path)]
    assert main(["bench_sequences", "--only", *names, *small]) == 0
    found = json.loads((tmp_path / "sequences.json").read_text())
    assert set(found["field"]) == {"embedding, 8192 ids", "linear + cross-entropy, 65"}
    assert set(found["memory"]) == {"8", "16"} and found["attention_memory_growth"] > 0
    assert all(row["ratio"] > 0 for row in found["field"].values())
    assert "temporary megabytes" in capsys.readouterr().err


def test_a_step_of_the_transformer_is_timed(tmp_path, monkeypatch):
    job = sequences.sequences_steps.JOBS["transformer"]
    small = {"transformer": job._replace(depth=2, width=16, heads=2, time=8, batch=2)}
    monkeypatch.setattr(sequences.sequences_steps, "JOBS", small)
    assert main(["bench_sequences", "--only", "steps", "--rounds", "1", "--no-peers", "--out", str(tmp_path)]) == 0
    row = json.loads((tmp_path / "sequences.json").read_text())["steps"]["transformer"]
    first, second = row["first_losses"]["fnn"]
    assert row["milliseconds"]["fnn"] > 0 and second < first


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_both_programs_of_a_case_fit_its_arguments(case):
    floats = [jax.ShapeDtypeStruct(shape, np.float32) for shape in case.shapes]
    integers = [jax.ShapeDtypeStruct(given.shape, np.int32) for given in case.integers]
    assert jax.eval_shape(case.ours, *floats, *integers) == jax.eval_shape(case.plain, *floats, *integers)


def test_integers_are_drawn_between_their_bounds():
    (ctc,) = [case for case in CASES if case.name == "CTC"]
    labels = np.asarray(operations.draw(ctc)[1])
    assert labels.dtype == np.int32 and labels.min() >= 1 and labels.max() <= 28


def test_growth_is_that_of_the_worst_doubling():
    assert sequences.growth([1.0, 2.0, 8.0]) == 4 and sequences.growth([3.0]) == 1


def test_a_name_that_no_sequence_has_is_refused(tmp_path, capsys):
    assert main(["bench_sequences", "--only", "warp", "--out", str(tmp_path)]) == 1
    assert "warp" in capsys.readouterr().err
