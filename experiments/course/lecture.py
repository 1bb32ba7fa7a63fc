"""The lecture's number beside ours: what every experiment of the course prints, and its test pins.

A slide prints a number to so many places; ours must agree with it to one unit of the last of them, since some slides
round and some cut. Where the slide is wrong, the number says why, and then must not agree.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from rich.table import Table

from experiments.runner import console


class Number(NamedTuple):
    """One number of a lecture."""

    name: str
    """What it is, in the lecture's symbols."""
    here: float
    """What fnn computes."""
    lecture: str
    """What the slide prints, digit for digit."""
    slip: str = ""
    """Why the slide's number is another, if it is: a sentence."""

    @property
    def agrees(self) -> bool:
        """Whether ours is the slide's number to one unit of its last printed place.

        >>> Number("h1", 0.5932699921, "0.59327").agrees, Number("h1", 0.5932699921, "0.59329").agrees
        (True, False)
        """
        # The part that is added is for numbers whose rounding falls on the edge of the unit in binary.
        return abs(self.here - float(self.lecture)) <= self.unit * (1 + 1e-6)

    @property
    def unit(self) -> float:
        """One unit of the last place that the slide prints.

        >>> Number("g", 0.0025, "0.002").unit, Number("s", -4.0, "-4").unit
        (0.001, 0)
        """
        exponent = int(Decimal(self.lecture).as_tuple().exponent)
        return 10.0**exponent if exponent < 0 else 0

    @property
    def right(self) -> bool:
        """Whether the number is as it should be: the slide's, or another where the slide slips."""
        return self.agrees != bool(self.slip)


def show(title: str, numbers: Sequence[Number]) -> dict[str, int]:
    """Print the numbers beside the lecture's; return how many there are, how many agree and how many are slips.

    Raises ValueError where a number is not as it should be: an experiment of the course does not end well with that.
    """
    table = Table("", "here", "lecture", "", title=title, title_justify="left")
    for column in table.columns[1:3]:
        column.justify, column.no_wrap = "right", True  # a number is never cut, however narrow the terminal
    for number in numbers:
        table.add_row(number.name, shown(number), number.lecture, number.slip or ("" if number.right else "differs"))
    console.print(table)
    if wrong := [number.name for number in numbers if not number.right]:
        raise ValueError(f"not the lecture's numbers: {', '.join(wrong)}.")
    slips = sum(bool(number.slip) for number in numbers)
    return {"numbers": len(numbers), "agree": len(numbers) - slips, "slips": slips}


def shown(number: Number) -> str:
    """Return our number to two places more than the slide's.

    >>> shown(Number("h1", 0.5932699921, "0.59327")), shown(Number("df/dz", 3.0, "3"))
    ('0.5932700', '3')
    """
    if number.unit == 0:
        return f"{number.here:.10g}"
    return f"{number.here:.{round(-math.log10(number.unit)) + 2}f}"
