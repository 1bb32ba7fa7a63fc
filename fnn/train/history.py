"""What happened in a run: one row an epoch, which plots itself."""

import math
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fnn.inspect.pictures.canvas import canvas
from fnn.inspect.pictures.curves import draw_curves

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
        groups = [
            names for kind in ("loss", "accuracy") if (names := [name for name in self.rows[-1] if name.endswith(kind)])
        ]
        figure, epochs = canvas(5.5 * len(groups), 4), np.array(self.values("epoch"))
        for axes, names in zip(figure.subplots(1, len(groups), squeeze=False)[0], groups, strict=True):
            lines = {name.replace("_", " "): np.array(self.values(name)) for name in names}
            smallest, largest = (choose(float(choose(line)) for line in lines.values()) for choose in (min, max))
            log = names[0].endswith("loss") and 0 < 10 * smallest < largest
            draw_curves(axes, lines, epochs, log=log, log_x=False)
            axes.set(xlabel="epoch", ylabel=names[0].removeprefix("test_"))
            axes.legend()
        path = Path(path)
        figure.savefig(path)
        return path
