"""The grader: what is exact, close and wrong, what it says of trees that do not match, and how the table reads."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn.check.compare import compare
from fnn.check.diagnosis import slack


class Dense(NamedTuple):
    w: Any
    b: Any


RIGHT = np.random.default_rng(0).normal(size=(4, 3))


def only_row(yours, theirs):
    (row,) = compare(yours, theirs).rows
    return row


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32, jnp.float64], ids=lambda d: d.__name__)
def test_exact_close_and_wrong(dtype):
    eps = float(jnp.finfo(dtype).eps)
    with jax.enable_x64(dtype == jnp.float64):
        right = jnp.asarray(RIGHT, dtype)
        assert only_row(np.asarray(right), right).verdict == "exact"
        close, wrong = (np.asarray(right, np.float64) * (1 + factor * slack(eps)) for factor in (0.9, 3.0))
        assert only_row(close, right).verdict == only_row(right, close).verdict == "close"
        assert only_row(wrong, right).verdict == only_row(right, wrong).verdict == "wrong"


def test_the_coarser_dtype_sets_the_tolerance():
    narrow = jnp.asarray(RIGHT, jnp.bfloat16)
    assert only_row(narrow, RIGHT).verdict == only_row(RIGHT, narrow).verdict == "close"
    assert only_row(np.asarray(narrow, np.float32), RIGHT).verdict == "wrong"


def test_the_largest_difference_its_index_and_both_numbers():
    yours = RIGHT.copy()
    yours[1, 2] += 0.5
    yours[3, 0] += 2.0
    row = only_row(yours, RIGHT)
    assert row.difference == 2.0 and row.at == (3, 0)
    assert (row.yours, row.theirs) == (yours[3, 0], RIGHT[3, 0])
    assert row.sentence == "it is right but in 2 of 12 entries"
    row = only_row(RIGHT, RIGHT)
    assert (row.difference, row.at, row.yours, row.theirs, row.sentence) == (0.0, None, None, None, "")


def test_python_numbers_lists_and_arrays_are_welcome():
    for yours, theirs in [
        (0.5, jnp.float32(0.5)),
        (1, 1.0),
        ([[1.0, 2.0], [3, 4]], jnp.array([[1.0, 2.0], [3.0, 4.0]])),
        (np.array([1.0, 2.0]), [1.0, 2.0]),
        ((1.0, 2.0), (jnp.float32(1), np.float64(2))),
        ([[1, 2], [3.0]], (np.array([1, 2]), [3.0])),
        ([1.0, 2.0], (1.0, 2.0)),
        (True, np.array(True)),
        (1 + 2j, jnp.complex64(1 + 2j)),
    ]:
        found = compare(yours, theirs)
        assert found.ok and found and {row.verdict for row in found.rows} == {"exact"}, str(found)


def test_integers_have_no_room_for_rounding():
    assert only_row([2**60, 1], np.array([2**60, 1])).verdict == "exact"
    assert only_row([2**60 + 1, 1], np.array([2**60, 1])).verdict == "wrong"
    assert only_row([1, 0], np.array([True, False])).verdict == "exact"


def test_not_a_number_and_infinity():
    special = np.array([np.nan, np.inf, -np.inf, 0.0])
    assert only_row(special, special).verdict == only_row(-0.0 * special[3:], special[3:]).verdict == "exact"
    row = only_row(np.array([1.0, np.nan, 3.0]), np.array([1.0, 2.0, 3.0]))
    assert (row.verdict, row.difference, row.at) == ("wrong", np.inf, (1,))
    assert row.sentence == "it is NaN at [1]; elsewhere it is right"
    assert only_row([np.inf], [-np.inf]).verdict == "wrong"


def test_trees_match_by_name_or_by_order():
    w, b = RIGHT, RIGHT[0]
    theirs = (Dense(w, b), {"scale": b, "shift": None})
    for yours in (
        theirs,
        [Dense(w, b), {"scale": b, "shift": None}],
        ({"b": b, "w": w}, {"shift": None, "scale": b}),
        ((w, b), {"scale": b}),
    ):
        found = compare(yours, theirs)
        assert found.ok
        assert [row.leaf for row in found.rows] == ["[0].w", "[0].b", "[1]['scale']"]
    assert not compare(({"a": w, "b": b}, {"scale": b}), theirs).ok


@pytest.mark.parametrize(
    ("yours", "theirs", "leaf", "sentence"),
    [
        ({"w": RIGHT}, {"w": RIGHT, "b": RIGHT[0]}, "['b']", "it is missing"),
        ({"w": RIGHT, "b": RIGHT[0]}, {"w": RIGHT}, "['b']", "it is one too many"),
        ((RIGHT,), (RIGHT, RIGHT), "[1]", "it is missing"),
        ((RIGHT, RIGHT), (RIGHT, None), "[1]", "it is one too many"),
        ((RIGHT, None), (RIGHT, RIGHT), "[1]", "it is missing"),
        (RIGHT, Dense(RIGHT, RIGHT), "", "it is an array of shape (4, 3), wanted a Dense"),
        ({"x": (RIGHT, RIGHT)}, {"x": RIGHT}, "['x']", "it is a tuple, wanted an array of shape (4, 3)"),
        (RIGHT[0], RIGHT, "", "it has shape (3,), wanted (4, 3)"),
        (RIGHT, RIGHT.sum(0), "", "it has shape (4, 3), wanted (3,): a sum over axis 0 is left out"),
        (["a word"], [RIGHT], "[0]", "it is a str, wanted an array of shape (4, 3)"),
        ([[1.0], [2.0, 3.0]], RIGHT, "", "it is a list, wanted an array of shape (4, 3)"),
        ((-RIGHT, 0.0), (RIGHT, 0.0), "[0]", "it has the wrong sign everywhere"),
        (RIGHT, None, "", "it is an array of shape (4, 3), wanted None"),
        (None, 1.0, "", "it is None, wanted a number"),
        ({"w": RIGHT[1]}, {"w": RIGHT[0]}, "['w']", ""),
        ({"w": RIGHT[1], "b": RIGHT[1]}, {"w": RIGHT[0], "b": RIGHT[1]}, "['w']", "it is what ['b'] wants: swapped?"),
    ],
)
def test_what_does_not_match_is_said_in_a_sentence(yours, theirs, leaf, sentence):
    found = compare(yours, theirs)
    wrong = [row for row in found.rows if row.verdict == "wrong"]
    assert not found and not found.ok
    assert (wrong[0].leaf, wrong[0].sentence) == (leaf, sentence)
    assert sentence in str(found)


def test_the_table():
    found = compare({"w": -RIGHT[:2, :2], "b": 1.0}, {"w": RIGHT[:2, :2], "b": np.float32(1.0), "c": 2.0})
    assert str(found) == "\n".join(
        [
            "leaf   verdict  difference  at      yours     theirs",
            "['b']  exact    0",
            "['c']  wrong",
            "    it is missing",
            "['w']  wrong    1.1         [1, 1]  0.535669  -0.535669",
            "    it has the wrong sign everywhere",
        ]
    )
    assert str(compare(1.0, 1.0)).splitlines()[1].startswith("(all)")
    assert compare((), ()).ok and compare((), ()).rows == ()
