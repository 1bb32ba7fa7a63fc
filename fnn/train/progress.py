"""What a person sees while a network learns: a live bar where rich is installed, a line an epoch where it is not."""

import contextlib
import sys
from collections.abc import Callable, Iterator

from fnn.train.history import Row

Report = Callable[[int, Row], None]


@contextlib.contextmanager
def progress(shown: bool, total: int) -> Iterator[Report]:
    """Yield ``report(samples, row)``: samples done so far of `total`, and the latest metrics.

    The bar goes to stderr, so a program's output stays its own; the metrics stand on a line below it, which an
    80-column terminal holds.
    """
    if not shown:
        yield lambda samples, row: None
        return
    try:
        from rich.console import Console, Group
        from rich.live import Live
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.text import Text
    except ImportError:
        with _lines() as report_lines:
            yield report_lines
        return
    columns = (TextColumn("epoch {task.fields[epoch]}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    bar, metrics = Progress(*columns, TextColumn("{task.description}")), Text("compiling")
    task = bar.add_task("", total=total, epoch="-")
    latest: Row = {}  # the metrics on held-out examples stay to be read until the next

    def report(samples: int, row: Row) -> None:
        latest.update(row)
        metrics.plain = describe(latest)
        bar.update(task, completed=samples, description=_speed(row), epoch=f"{row['epoch']:g}")

    console = Console(stderr=True)
    try:
        with Live(Group(bar, metrics), console=console):
            yield report
    finally:
        if not console.is_interactive:
            console.print()  # in a file, Live leaves its last line open


def describe(row: Row) -> str:
    """Return the metrics of a row in one line, losses first."""
    hidden = ("epoch", "step", "seconds", "samples_per_second")
    shown = sorted((name for name in row if name not in hidden), key=lambda name: not name.endswith("loss"))
    return "  ".join(f"{name.replace('_', ' ')} {row[name]:.4f}" for name in shown)


def _speed(row: Row) -> str:
    return f"{row['samples_per_second']:,.0f} samples/s"


@contextlib.contextmanager
def _lines() -> Iterator[Report]:
    latest: Row = {}

    def line() -> None:
        print(f"epoch {latest['epoch']:g}  {describe(latest)}  {_speed(latest)}", file=sys.stderr)

    def report(samples: int, row: Row) -> None:
        nonlocal latest
        if latest and latest["epoch"] != row["epoch"]:
            line()  # an epoch is whole, with its held-out metrics, when the next one begins
        latest = row

    try:
        yield report
    finally:
        if latest:
            line()
