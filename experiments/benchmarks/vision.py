"""Speed of fnn's rules for images, and of training steps, against autodiff, Flax with Optax, and PyTorch.

    python -m experiments bench_vision
    python -m experiments bench_vision --only conv --rounds 15

Each comparison checks first that both programs compute the same values and gradients, then runs them in turn in one
process, forward and backward, and reports the median ratio of a round. Flax, Optax and PyTorch are columns where they
are installed. On two cores of an AMD EPYC (Zen 4) with jax 0.10.2 it takes some three minutes, with the peers; expect
geometric means of 0.16 of autodiff for the operations of the field and 0.60 for the layers of ResNet-50, and training
steps at 0.85 (LeNet) and 0.16 (ResNet-18) of Flax's.
"""

import dataclasses
import importlib
import importlib.util
import json
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich import box
from rich.table import Table

from experiments.benchmarks import vision_cases, vision_steps
from experiments.benchmarks.measure import interleave, need_equal, ratio
from experiments.benchmarks.vision_cases import Case
from experiments.runner import console


@dataclasses.dataclass(frozen=True)
class Vision:
    """Settings of the benchmark."""

    out: Path = Path("runs/bench_vision")
    """Folder for the figures."""
    only: tuple[str, ...] = ()
    """Time what has one of these in its name: parts of the names of operations, or "field", "resnet50", "steps"."""
    rounds: int = 5
    """How often the programs run in turn."""
    seconds: float = 3.0
    """After so many seconds an operation has no further round."""
    batch: float = 1.0
    """Scale of the batches: less is a trial, whose ratios mean little."""
    peers: bool = True
    """Whether to time PyTorch, Flax and Optax too, where they are installed."""


def run(settings: Vision) -> dict[str, Any]:
    """Run every comparison, print the tables, and return the ratios."""
    found = {}
    groups = {
        "field": vision_cases.field(math.ceil(32 * settings.batch)),
        "resnet50": vision_cases.resnet50(math.ceil(8 * settings.batch)),
    }
    for group, cases in groups.items():
        if chosen := [case for case in cases if wanted(settings.only, group, case.name)]:
            found[group] = operations(group, chosen, settings)
    rows = [row for group in found.values() for row in group.values()]
    metrics: dict[str, Any] = {
        f"{group}_{key}": value for group, rows in found.items() for key, value in means(rows.values()).items()
    }
    if rows:
        metrics |= means(rows) | {
            "slower_than_autodiff": [row["name"] for row in rows if row["ratio"] > 1],
            "missed": [row["name"] for row in rows if row["ratio"] > row["goal"]],
        }
    if jobs := {name: job for name, job in vision_steps.JOBS.items() if wanted(settings.only, "steps", name)}:
        found["steps"] = vision_steps.run(
            jobs, settings.rounds, seconds=3 * settings.seconds, scale=settings.batch, peers=settings.peers
        )
        metrics |= {
            f"{job}_step_ratio_to_{peer}": value
            for job, row in found["steps"].items()
            for peer, value in row["ratios"].items()
        }
    if not found:
        raise ValueError(
            f"only = {settings.only}: no operation has that in its name, nor is it field, resnet50 or steps."
        )
    (settings.out / "vision.json").write_text(json.dumps({**metrics, **found}, indent=2) + "\n")
    return metrics


def wanted(only: Sequence[str], group: str, name: str) -> bool:
    """Return whether `only` chooses this name, or the group; nothing chooses all."""
    return not only or group in only or any(part in name for part in only)


def operations(group: str, cases: Sequence[Case], settings: Vision) -> dict[str, dict[str, Any]]:
    """Time operations, print their table, return its rows by name."""
    peer = None
    if settings.peers and importlib.util.find_spec("torch"):
        peer = importlib.import_module("experiments.benchmarks.vision_torch")
    rows = {}
    for case in cases:
        arguments = draw(case)
        programs = {"fnn": both(case.ours), "autodiff": both(case.plain)}
        need_same(case, arguments, *(program(*arguments) for program in programs.values()))
        seconds = interleave(
            {name: again(program) for name, program in programs.items()},
            dict.fromkeys(programs, arguments),
            settings.rounds,
            seconds=settings.seconds,
        )
        row = {"name": case.name, "ratio": ratio(seconds, "fnn", "autodiff"), "goal": case.goal}
        if peer:
            seconds["torch"] = peer.time_case(case, arguments, settings.rounds)
            row["torch_ratio"] = min(seconds["fnn"]) / min(seconds["torch"])
        milliseconds = {name: 1000 * median(values) for name, values in seconds.items()}
        rows[case.name] = {**row, "milliseconds": milliseconds}
    show(group, rows.values())
    return rows


def draw(case: Case) -> tuple[Any, ...]:
    """Return random arguments, the last of them the output's cotangent."""
    generator = np.random.default_rng(0)
    arrays = [jnp.asarray(generator.standard_normal(shape, np.float32)) for shape in case.shapes]
    keys = [jax.random.key(0)] if case.random else []
    y = jax.eval_shape(case.ours, *arrays, *keys)
    return *arrays, *keys, jnp.asarray(generator.standard_normal(y.shape, np.float32))


def both(function):
    """Return the jitted (arguments, dy) -> (y, gradients), which computes both passes; keys have no gradient."""

    def passes(*arguments):
        *arguments, dy = arguments
        keys = [a for a in arguments if jnp.issubdtype(a.dtype, jax.dtypes.prng_key)]
        floats = arguments[: len(arguments) - len(keys)]
        y, pull = jax.vjp(lambda *floats: function(*floats, *keys), *floats)
        return y, pull(dy)

    return jax.jit(passes)


def again(program):
    """Return the program as a step of `interleave` whose state, the arguments, stays as it is."""

    def step(arguments):
        jax.block_until_ready(program(*arguments))
        return arguments

    return step


def need_same(case: Case, arguments: tuple[Any, ...], ours: Any, plain: Any) -> None:
    """Raise unless both programs compute the same or, where they draw differently, what a mask of theirs says."""
    if not case.random:
        return need_equal(case.name, ours, plain, terms=case.terms)
    x, *_, dy = arguments
    kept = [jnp.mean(y != 0) for y, _ in (ours, plain)]
    for y, (dx,) in (ours, plain):
        mask = jnp.where(y != 0, 1 / kept[1], 0)
        need_equal(case.name, (y, dx), (mask * x, mask * dy), terms=x.size)
    deviations = abs(kept[0] - kept[1]) / jnp.sqrt(2 * kept[1] * (1 - kept[1]) / x.size)
    if deviations > 5:
        raise ValueError(f"{case.name}: fnn keeps {kept[0]:.4f} of the entries, the baseline {kept[1]:.4f}; not timed.")
    return None


def means(rows) -> dict[str, float]:
    """Return the geometric means of the rows' ratios."""
    found = {"mean_ratio": [row["ratio"] for row in rows]}
    if torch := [row["torch_ratio"] for row in rows if "torch_ratio" in row]:
        found["mean_ratio_to_torch"] = torch
    return {name: round(math.exp(np.log(values).mean()), 3) for name, values in found.items()}


def show(group: str, rows) -> None:
    """Print milliseconds and ratios of each operation."""
    names = list(next(iter(rows))["milliseconds"])
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title=f"{group}: milliseconds, forward and backward, float32",
    )
    table.add_column("operation", no_wrap=True)
    for head in (*names, "ratio", "goal", *(["to torch"] if "torch" in names else [])):
        table.add_column(head, justify="right", no_wrap=True)

    def add(name: str, row: dict[str, Any], *cells: str, style: str = "") -> None:
        torch = [f"{row['torch_ratio']:.2f}"] if "torch_ratio" in row else []
        table.add_row(name, *cells, *torch, style=style)

    for row in rows:
        milliseconds = (f"{row['milliseconds'][name]:.2f}" for name in names)
        style = "" if row["ratio"] <= row["goal"] else "bold"
        add(row["name"], row, *milliseconds, f"{row['ratio']:.3f}", f"{row['goal']:.2f}", style=style)
    mean = means(rows)
    totals = {"torch_ratio": mean["mean_ratio_to_torch"]} if "torch" in names else {}
    add("geometric mean", totals, *[""] * len(names), f"{mean['mean_ratio']:.3f}", "")
    console.print(table)
