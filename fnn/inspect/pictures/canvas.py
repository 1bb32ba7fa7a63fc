"""The canvas of every picture: a matplotlib figure, which is imported when something is drawn and not before."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Figure
else:
    Figure = Any


def canvas(width: float, height: float) -> Figure:
    """Return an empty figure of that size in inches. Raises ImportError where matplotlib is missing.

    It belongs to no window: save it by ``figure.savefig("name.png")`` or ``"name.svg"``; a notebook shows it.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError('pictures need matplotlib; pip install "fnn[experiments]".') from error
    return Figure(figsize=(width, height), dpi=110, layout="constrained")
