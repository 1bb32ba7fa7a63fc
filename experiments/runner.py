"""What every experiment shares: flags, the folder of a run, the table at the end, and how a run may fail.

An experiment's settings are a frozen dataclass with a field ``out``, the folder; its ``run(settings)`` returns its
final metrics. All that is for people goes to stderr; stdout is one line of JSON, the metrics.
"""

import dataclasses
import importlib
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import jax
import tyro
from rich.console import Console
from rich.table import Table

from fnn import train
from fnn.train.recorders import Recorder, make_folder

console = Console(stderr=True)

EXPECTED = (ValueError, OSError, FloatingPointError)
"""What fnn raises, with a sentence, for input that cannot be used: anything else is a bug and keeps its traceback."""


class Settings(Protocol):
    """What the runner needs of an experiment's dataclass."""

    @property
    def out(self) -> Path:
        """The folder that the run writes to."""
        ...


def run(name: str, module: str, settings: str, shows: str, flags: Sequence[str]) -> int:
    """Run one experiment from its flags; return the exit code: 0, 1 for failed, 2 for misused, 130 for Ctrl-C."""
    began = time.perf_counter()
    experiment = importlib.import_module(module)
    chosen = parse(name, getattr(experiment, settings), shows, flags)
    try:
        prepare(chosen)
    except OSError as error:
        return failed(error, 2)
    show(name, dataclasses.asdict(chosen))
    try:
        metrics = experiment.run(chosen)
        metrics = {**metrics, "seconds": round(time.perf_counter() - began, 2)}
        (chosen.out / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    except train.Interrupted as interrupted:
        return report_interrupted(interrupted.result.history, chosen.out)
    except EXPECTED as error:
        return failed(error, 1)
    show(f"{name}: the end", metrics)
    say(f"plots and metrics are in {chosen.out}")
    print(json.dumps(metrics))
    return 0


def parse(name: str, settings: Callable[..., Any], shows: str, flags: Sequence[str]) -> Any:
    """Return the settings that the flags choose; a flag that does not exist ends the program with exit code 2."""
    try:
        return tyro.cli(settings, prog=f"python -m experiments {name}", description=f"{shows}.", args=flags)
    except SystemExit as end:
        if end.code:
            known = (f"--{field.name.replace('_', '-')}" for field in dataclasses.fields(settings))  # pyright: ignore
            say(f"{name} has the flags {', '.join(known)}.")
        raise


def prepare(settings: Settings) -> None:
    """Make the folder, and leave no result in it that is not this run's. Raises OSError where it cannot be written."""
    make_folder(settings.out)
    (settings.out / "metrics.json").unlink(missing_ok=True)
    values = dataclasses.asdict(settings)  # pyright: ignore[reportArgumentType]
    (settings.out / "settings.json").write_text(json.dumps(values, indent=2, default=str) + "\n")


def fit(
    folder: Path, net, loss, optimizer, examples, *, recorders: Sequence[Recorder] = (), **options: Any
) -> train.Result:
    """Do `train.fit` with a live bar; keep the history in `folder` as JSON lines, TensorBoard events and a picture.

    `recorders` are called besides. The picture is drawn of what there is when the run ends early, by Ctrl-C or by a
    loss that is not finite.
    """
    events = folder / "events"
    for old in events.glob("events.out.tfevents.*"):
        old.unlink()
    recorders = train.json_lines(folder / "history.jsonl"), train.tensorboard(events), *recorders
    try:
        result = train.fit(net, loss, optimizer, examples, recorders=recorders, **options)
    except (train.Interrupted, train.NonFiniteError) as error:
        if error.result.history.rows:
            error.result.plot(folder / "loss.png")
        raise
    result.plot(folder / "loss.png")
    return result


def save(figure: Any, path: Path) -> None:
    """Write a picture twice, as path.png to look at and as path.svg to print, laid out once."""
    figure.savefig(path.with_suffix(".png"))
    figure.set_layout_engine("none")
    figure.savefig(path.with_suffix(".svg"))


def key(seed: int) -> jax.Array:
    """Return the key of a seed."""
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed = {seed}, wanted a number of 32 bits, 0 or greater.")
    return jax.random.key(seed)


def report_interrupted(history: train.History, out: Path) -> int:
    """Print what was learned before Ctrl-C; return the exit code of a program that Ctrl-C ended."""
    if history.rows:
        show(f"interrupted after epoch {len(history.rows)}", history.rows[-1])
        say(f"the history of the finished epochs and their plot are in {out}")
    else:
        say("interrupted before the first epoch was finished: there is no history to keep.")
    return 130


def failed(error: BaseException, code: int) -> int:
    """Print the error's sentence and return the exit code."""
    say(f"error: {error}")
    return code


def say(sentence: str) -> None:
    """Print a sentence to stderr, as it is."""
    print(sentence, file=sys.stderr)


def show(title: str, values: Mapping[str, Any]) -> None:
    """Print names and values as a table to stderr."""
    table = Table("", "", title=title, title_justify="left", show_header=False)
    for name, value in values.items():
        table.add_row(name.replace("_", " "), shown(value))
    console.print(table)


def shown(value: Any) -> str:
    """Return a value as a person writes it."""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    if isinstance(value, tuple | list):
        return " ".join(map(shown, value))
    return "-" if value is None else str(value)
