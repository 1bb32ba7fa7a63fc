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
import json
import math
from pathlib import Path
from typing import Any

from experiments.benchmarks import training_steps, vision_cases, vision_steps
from experiments.benchmarks.operations import operations, peer_named, summary, wanted


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
    peer = peer_named("experiments.benchmarks.vision_torch", settings.peers)
    groups = {
        "field": vision_cases.field(math.ceil(32 * settings.batch)),
        "resnet50": vision_cases.resnet50(math.ceil(8 * settings.batch)),
    }
    for group, cases in groups.items():
        if chosen := [case for case in cases if wanted(settings.only, group, case.name)]:
            found[group] = operations(group, chosen, rounds=settings.rounds, seconds=settings.seconds, peer=peer)
    metrics = summary(found)
    if jobs := {name: job for name, job in vision_steps.JOBS.items() if wanted(settings.only, "steps", name)}:
        found["steps"] = vision_steps.run(
            jobs, settings.rounds, seconds=3 * settings.seconds, scale=settings.batch, peers=settings.peers
        )
        metrics |= training_steps.metrics(found["steps"])
    if not found:
        raise ValueError(
            f"only = {settings.only}: no operation has that in its name, nor is it field, resnet50 or steps."
        )
    (settings.out / "vision.json").write_text(json.dumps({**metrics, **found}, indent=2) + "\n")
    return metrics
