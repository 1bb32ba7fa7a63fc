"""What happened in a run: one row an epoch, which plots itself."""

import math
import os
from dataclasses import dataclass, field
from pathlib import Path

Row = dict[str, int | float]


@dataclass
class History:
    """The epochs of a run, in order.

    A row has "epoch" (from 1), "step" (steps done), the training metrics ("loss", ...: means over the epoch's
    examples), those of the held-out examples ("test_loss", ...), "seconds" (spent training in this epoch) and
    "samples_per_second".
    """

    rows: list[Row] = field(default_factory=list)

    def values(self, metric: str) -> list[int | float]:
        """Return one metric's value for every epoch."""
        if self.rows and metric not in self.rows[-1]:
            known = ", ".join(self.rows[-1])
            hint = "; give fit(evaluate=...) held-out examples" if metric.startswith("test_") else ""
            raise ValueError(f"the history has no {metric!r}, only {known}{hint}.")
        return [row[metric] for row in self.rows]

    def best_epoch(self, metric: str) -> int:
        """Return the number of the epoch where the metric was best: smallest, but largest for an accuracy.

        A NaN is worse than any number.
        """
        sign = -1 if metric.endswith("accuracy") else 1
        values = [math.inf if math.isnan(value) else sign * value for value in self.values(metric)]
        return values.index(min(values)) + 1

    def plot(self, path: str | os.PathLike[str]) -> Path:
        """Draw loss and accuracy over the epochs into a picture (PNG, PDF or SVG by the name's end); return its path.

        Needs matplotlib: ``pip install "fnn[experiments]"``.
        """
        if not self.rows:
            raise ValueError("there is nothing to plot: the run ended before its first epoch did.")
        figure_class, log_locator = _matplotlib()
        groups = [
            names for kind in ("loss", "accuracy") if (names := [name for name in self.rows[-1] if name.endswith(kind)])
        ]
        figure = figure_class(figsize=(5.5 * len(groups), 4), layout="constrained")
        epochs = self.values("epoch")
        for axes, names in zip(figure.subplots(1, len(groups), squeeze=False)[0], groups, strict=True):
            for name in names:
                marker = "o" if len(epochs) < 25 else None
                axes.plot(epochs, self.values(name), marker=marker, markersize=3, label=name.replace("_", " "))
            axes.set_xlabel("epoch")
            axes.set_ylabel(names[0].removeprefix("test_"))
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(alpha=0.3)
            axes.legend()
            smallest, largest = (choose(choose(self.values(name)) for name in names) for choose in (min, max))
            if names[0].endswith("loss") and 0 < 10 * smallest < largest:
                axes.set_yscale("log")
                axes.yaxis.set_major_locator(log_locator(subs=(1, 2, 5)))
                axes.yaxis.set_major_formatter("{x:g}")
        path = Path(path)
        figure.savefig(path, dpi=120)
        return path


def _matplotlib():
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import LogLocator
    except ImportError as error:
        raise ImportError('plots need matplotlib; pip install "fnn[experiments]".') from error
    return Figure, LogLocator
