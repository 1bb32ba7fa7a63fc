"""Speed and memory of fnn's rules for sequences, and of a transformer's training step

    python -m experiments bench_sequences
    python -m experiments bench_sequences --only attention --rounds 15

Each comparison checks first that both programs compute the same values and gradients, then runs them in turn in one
process, forward and backward, and reports the median ratio of a round to autodiff of what one would write in JAX
(`experiments/benchmarks/sequences_cases.py` says what that is). Flax, Optax and PyTorch are columns where they are
installed. The memory of attention is what XLA says its programs need, at four lengths: they are not run.
"""

import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from rich.table import Table

from experiments.benchmarks import sequences_cases, sequences_steps, training_steps
from experiments.benchmarks.operations import both, operations, peer_named, summary, temporary, wanted
from experiments.runner import console


@dataclasses.dataclass(frozen=True)
class Sequences:
    """Settings of the benchmark."""

    out: Path = Path("runs/bench_sequences")
    """Folder for the figures."""
    only: tuple[str, ...] = ()
    """Time what has one of these in its name: parts of the names of operations, or "field", "memory", "steps"."""
    rounds: int = 5
    """How often the programs run in turn."""
    seconds: float = 5.0
    """After so many seconds an operation has no further round."""
    scale: float = 1.0
    """Scale of batches, lengths and vocabularies: less is a trial, whose ratios mean little."""
    lengths: tuple[int, ...] = (512, 1024, 2048, 4096)
    """Lengths at which the memory of attention is taken, each the double of the one before."""
    peers: bool = True
    """Whether to time PyTorch, Flax and Optax too, where they are installed."""


def run(settings: Sequences) -> dict[str, Any]:
    """Run every comparison, print the tables, and return the ratios."""
    found = {}
    peer = peer_named("experiments.benchmarks.sequences_torch", settings.peers)
    if cases := [case for case in sequences_cases.field(settings.scale) if wanted(settings.only, "field", case.name)]:
        found["field"] = operations("field", cases, rounds=settings.rounds, seconds=settings.seconds, peer=peer)
    metrics = summary(found)
    if wanted(settings.only, "memory", "attention memory"):
        found["memory"] = attention_memory(settings.lengths)
        metrics["attention_megabytes"] = [row["fnn"] for row in found["memory"].values()]
        metrics["attention_memory_growth"] = growth(metrics["attention_megabytes"])
    if jobs := {name: job for name, job in sequences_steps.JOBS.items() if wanted(settings.only, "steps", name)}:
        found["steps"] = sequences_steps.run(
            jobs, settings.rounds, seconds=3 * settings.seconds, scale=settings.scale, peers=settings.peers
        )
        metrics |= training_steps.metrics(found["steps"])
    if not found:
        raise ValueError(
            f"only = {settings.only}: no operation has that in its name, nor is it field, memory or steps."
        )
    (settings.out / "sequences.json").write_text(json.dumps({**metrics, **found}, indent=2) + "\n")
    return metrics


def attention_memory(lengths: tuple[int, ...]) -> dict[int, dict[str, float]]:
    """Return the temporary megabytes of causal attention, forward and backward, at each length; print a table."""
    rows = {}
    for time in lengths:
        case = sequences_cases.attention("causal attention", (4, time, 8, 64))
        arguments = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in (*case.shapes, case.shapes[0])]
        programs = {"fnn": case.ours, "autodiff": case.plain}
        rows[time] = {name: round(temporary(both(f).lower(*arguments).compile()), 2) for name, f in programs.items()}
    title = "causal attention, 4 x 8 heads of 64: temporary megabytes, forward and backward, float32"
    table = Table("time", "fnn", "autodiff", "ratio", title=title, title_justify="left")
    for time, row in rows.items():
        table.add_row(str(time), f"{row['fnn']:.1f}", f"{row['autodiff']:.1f}", f"{row['fnn'] / row['autodiff']:.4f}")
    console.print(table)
    return rows


def growth(megabytes: list[float]) -> float:
    """Return by how much the memory grows at most from one length to its double: 2 is linear, 4 quadratic."""
    return round(max(b / a for a, b in itertools.pairwise(megabytes)), 3) if len(megabytes) > 1 else 1.0
