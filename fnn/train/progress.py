"""What a person sees while a network learns: a live bar where rich is installed, a line an epoch where it is not."""

import contextlib
import sys
from collections.abc import Callable, Iterator

from fnn.train.history import Row

Report = Callable[[int, Row], None]


@contextlib.contextmanager
def progress(shown: bool, total: int) -> Iterator[Report]:
    """Yield ``report(samples, row)``: samples done so far of `total`, and the latest metrics.

    The bar goes to stderr, so a program's output stays its own.
    """
    if not shown:
        yield lambda samples, row: None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
    except ImportError:
        yield _lines()
        return
    columns = (TextColumn("epoch {task.fields[epoch]}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.description}"), console=Console(stderr=True)) as bar:
        task = bar.add_task("compiling", total=total, epoch="-")

        def report(samples: int, row: Row) -> None:
            bar.update(task, completed=samples, description=describe(row), epoch=f"{row['epoch']:g}")

        yield report


def describe(row: Row) -> str:
    """Return the metrics of a row in one line: loss, accuracy, samples a second."""
    shown = {name: value for name, value in row.items() if name not in ("epoch", "step", "seconds")}
    return "  ".join(
        f"{value:,.0f} samples/s" if name == "samples_per_second" else f"{name.replace('_', ' ')} {value:.4f}"
        for name, value in shown.items()
    )


def _lines() -> Report:
    last_epoch = 0

    def report(samples: int, row: Row) -> None:
        nonlocal last_epoch
        if row["epoch"] > last_epoch and "seconds" in row:
            last_epoch = int(row["epoch"])
            print(f"epoch {last_epoch}  {describe(row)}", file=sys.stderr)

    return report
