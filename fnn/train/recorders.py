"""Recorders: what `fit` calls after each epoch with the new row and the parameters, to keep them outside the program.

A recorder is any function ``(row, params) -> None``. These two write files; each opens its file when it is made, so
a folder that cannot be written is known before training.
"""

import json
import os
import time
import weakref
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
        from tensorboardX import summary
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]
    except ImportError as error:
        raise ImportError('TensorBoard events need tensorboardX; pip install "fnn[experiments]".') from error
    # Not its SummaryWriter, which writes from a thread: what a recorder has recorded is in the file when it returns.
    writer = EventsWriter(str(make_folder(Path(folder)) / "events"))

    def record(row: Row, params: Any) -> None:
        values = [summary.scalar(name, value) for name, value in row.items() if name not in ("epoch", "step")]
        for path, leaf in jax.tree_util.tree_leaves_with_path(params):
            name = jax.tree_util.keystr(path, simple=True, separator="/")
            values.append(summary.histogram(name, np.asarray(leaf, np.float32), bins=64))
        for value in values:
            writer.write_event(Event(wall_time=time.time(), step=int(row["step"]), summary=value))
        writer.flush()

    weakref.finalize(record, writer.close)
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
