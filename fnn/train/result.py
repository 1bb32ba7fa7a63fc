"""What a run has learned: parameters, state, history, the best epoch, and what is needed to go on."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fnn.train.history import History
from fnn.train.step import TrainState


@dataclass(frozen=True)
class Best:
    """The epoch with the best held-out loss, and the network as it was then."""

    epoch: int
    params: Any = field(repr=False)
    state: Any = field(repr=False)


@dataclass(frozen=True)
class Result:
    """What a run has learned."""

    params: Any = field(repr=False)
    """The parameters at the end; their average where the optimizer keeps one."""
    state: Any = field(repr=False)
    """The layers' state at the end."""
    history: History
    """One row an epoch."""
    stopped: str
    """Why the run ended."""
    best: Best | None
    """The best epoch by held-out loss; None without held-out examples."""
    train_state: TrainState = field(repr=False)
    """Everything that is needed to go on: give it to `fit` as resume."""

    def plot(self, path: str | os.PathLike[str]) -> Path:
        """Draw the history into a picture; see `History.plot`."""
        return self.history.plot(path)
