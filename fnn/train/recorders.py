"""Recorders: what `fit` calls after each epoch with the new row and the parameters, to keep them outside the program.

A recorder is any function ``(row, params) -> None``. These two write files; each opens its file when it is made, so
a folder that cannot be written is known before training.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from fnn.train.history import Row

Recorder = Callable[[Row, Any], None]


def json_lines(path: str | os.PathLike[str]) -> Recorder:
    """Write one line of JSON an epoch; a file that exists is written anew."""
    path = Path(path)
    make_folder(path.parent)
    path.write_text("")

    def record(row: Row, params: Any) -> None:
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    return record


def tensorboard(folder: str | os.PathLike[str]) -> Recorder:
    """Write TensorBoard events: every metric as a scalar, every parameter as a histogram, over the steps.

    Needs tensorboardX: ``pip install "fnn[experiments]"``.
    """
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise ImportError('TensorBoard events need tensorboardX; pip install "fnn[experiments]".') from error
    writer = SummaryWriter(str(make_folder(Path(folder))))

    def record(row: Row, params: Any) -> None:
        number = int(row["step"])
        for name, value in row.items():
            if name not in ("epoch", "step"):
                writer.add_scalar(name, value, number)
        for path, leaf in jax.tree_util.tree_leaves_with_path(params):
            name = jax.tree_util.keystr(path, simple=True, separator="/")
            writer.add_histogram(name, np.asarray(leaf, np.float32), number)
        writer.flush()

    return record


def make_folder(folder: Path) -> Path:
    """Make a folder and try to write there; raise OSError with a sentence if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OSError(
            f"the output folder {folder} cannot be written ({error.strerror}); choose another folder or its owner."
        ) from error
    return folder
