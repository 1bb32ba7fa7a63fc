"""Sizes for the letters of annotations: a few rows of them, so that a test compiles a few programs and not hundreds.

>>> sizes = assigned([("*batch", "in"), ("in", "out"), ("out",)], row=0)
>>> sizes
{'*batch': (2, 3), 'in': 4, 'out': 5}
>>> shape_of(("*batch", "in"), sizes)
(2, 3, 4)
"""

import itertools
import re
from collections.abc import Iterable
from typing import NamedTuple

Size = int | tuple[int, ...]
BARE = ("...",)


class Row(NamedTuple):
    """One assignment of sizes to the letters of annotations."""

    letters: tuple[int, ...]
    """The sizes of the letters in the order in which they appear, used again from the start when they run out."""
    batch: tuple[int, ...]
    """The axes of "*name", and of "..." where other axes stand beside it."""
    bare: tuple[int, ...]
    """The shape of an array that is annotated "..." alone."""


ROWS = (
    Row((4, 5, 3, 6, 7, 2), (2, 3), (3, 4)),  # distinct
    Row((6, 4, 8, 2, 10, 12), (2,), (2, 1, 6)),  # even, an axis of one
    Row((4,), (4,), (4, 4)),  # equal, square
    Row((5, 3, 7, 1, 9, 11), (3, 1, 2), (5,)),  # odd, more batch axes
    Row((1,), (), ()),  # ones, no batch axis
)
"""What the letters may be, the plainest first: five rows, whatever the letters."""


def assigned(arrays: Iterable[tuple[str, ...]], row: int) -> dict[str, Size]:
    """Return the sizes that a row of ROWS gives to the letters in the axes of several arrays."""
    arrays = list(arrays)
    accompanied = any("..." in axes and axes != BARE for axes in arrays)
    sizes = ROWS[row]
    letters = itertools.cycle(sizes.letters)
    found: dict[str, Size] = {}
    for name in dict.fromkeys(name for axes in arrays for axis in axes for name in _letters(axis)):
        if name == "...":
            found[name] = sizes.batch if accompanied else sizes.bare
        else:
            found[name] = sizes.batch if name.startswith("*") else next(letters)
    return found


def shape_of(axes: tuple[str, ...], sizes: dict[str, Size]) -> tuple[int, ...]:
    """Return the shape of axes whose letters have sizes; an expression is worked out, as jaxtyping does.

    >>> shape_of(("n", "2*n", "n-1", "3"), {"n": 4})
    (4, 8, 3, 3)
    """
    shape: list[int] = []
    for axis in map(letter_of, axes):
        size = sizes[axis] if axis in sizes else eval(axis, {}, dict(sizes))
        shape += size if isinstance(size, tuple) else (size,)
    return tuple(shape)


def letter_of(axis: str) -> str:
    """Return an axis without jaxtyping's marks: "#" for broadcasting, "?" for trees, "name=" for documentation."""
    marks = re.match(r"[#?*]*", axis)
    assert marks is not None
    return "*" * ("*" in marks[0]) + axis[marks.end() :].rpartition("=")[2]


def _letters(axis: str) -> list[str]:
    axis = letter_of(axis)
    return [axis] if axis == "..." or axis.startswith("*") else re.findall(r"[A-Za-z_]\w*", axis)
