"""Sizes of letters: shared, few, and as jaxtyping reads them."""

from typing import Any

import jaxtyping
import numpy as np
import pytest
from jaxtyping import Float

from fnn.check.drawing.sizes import BARE, ROWS, assigned, letter_of, shape_of

AXES = [
    "batch in",
    "*batch in out",
    "... n",
    "...",
    "n n-1 2*n",
    "3 n",
    "",
    "#n _",
    "n=3 m",
    "*#batch n",
]


@pytest.mark.parametrize("row", range(len(ROWS)))
def test_jaxtyping_accepts_every_shape(row):
    arrays = [tuple(axes.split()) for axes in AXES]
    sizes = assigned(arrays, row)
    if row == len(ROWS) - 1:
        sizes = sizes | {"n": 2}  # n-1 would be 0
    with jaxtyping.jaxtyped("context"):
        for axes, one in zip(AXES, arrays, strict=True):
            if one != BARE:
                annotation: Any = Float[np.ndarray, axes]
                assert isinstance(np.zeros(shape_of(one, sizes)), annotation), axes


def test_rows_differ_in_what_breaks_rules():
    axes = ("a", "b", "c")
    distinct, even, equal, odd, ones = (shape_of(axes, assigned([axes], row)) for row in range(len(ROWS)))
    assert len({*distinct}) == 3
    assert all(size % 2 == 0 for size in even)
    assert len({*equal}) == 1
    assert all(size % 2 for size in odd)
    assert ones == (1, 1, 1)
    assert {len(row.batch) for row in ROWS} == {0, 1, 2, 3}
    assert any(1 in row.bare for row in ROWS)


def test_a_bare_array_beside_an_accompanied_one_has_the_batch_axes():
    assert assigned([BARE], 0)["..."] == ROWS[0].bare
    assert assigned([BARE, ("...", "n")], 0)["..."] == ROWS[0].batch


def test_marks_are_no_part_of_a_letter():
    assert [letter_of(axis) for axis in ("#n", "*#batch", "#*batch", "?n", "n=3", "...", "2*n")] == [
        "n",
        "*batch",
        "*batch",
        "n",
        "3",
        "...",
        "2*n",
    ]
