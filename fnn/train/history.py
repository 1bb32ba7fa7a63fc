"""What happened in a run: one row an epoch, which plots itself."""

import os
from dataclasses import dataclass, field
from pathlib import Path

Row = dict[str, float]


@dataclass
class History:
    """The epochs of a run, in order.

    A row has "epoch" (from 1), "step" (steps done), the training metrics ("loss", ...: means over the epoch's
    examples), those of the held-out examples ("test_loss", ...), "seconds" (spent training in this epoch) and
    "samples_per_second".
    """

    rows: list[Row] = field(default_factory=list)

    def values(self, metric: str) -> list[float]:
        """Return one metric's value for every epoch."""
        if self.rows and metric not in self.rows[-1]:
            known = ", ".join(self.rows[-1])
            hint = "; give fit(evaluate=...) held-out examples" if metric.startswith("test_") else ""
            raise ValueError(f"the history has no {metric!r}, only {known}{hint}.")
        return [row[metric] for row in self.rows]

    def best_epoch(self, metric: str) -> int:
        """Return the number of the epoch where the metric was best: smallest, but largest for an accuracy."""
        values = self.values(metric)
        wanted = max(values) if metric.endswith("accuracy") else min(values)
        return values.index(wanted) + 1

    def plot(self, path: str | os.PathLike[str]) -> Path:
        """Draw loss and accuracy over the epochs into a picture (PNG, PDF or SVG by the name's end); return its path.

        Needs matplotlib: ``pip install "fnn[experiments]"``.
        """
        if not self.rows:
            raise ValueError("there is nothing to plot: the run ended before its first epoch did.")
        figure_class = _figure_class()
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
            if names[0].endswith("loss") and min(min(self.values(name)) for name in names) > 0:
                axes.set_yscale("log")
        path = Path(path)
        figure.savefig(path, dpi=120)
        return path


def _figure_class():
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError('plots need matplotlib; pip install "fnn[experiments]".') from error
    return Figure
