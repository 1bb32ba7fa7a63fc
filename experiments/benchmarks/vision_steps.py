"""Training steps of LeNet-5 and ResNet-18: fnn against Flax with Optax, and against PyTorch, from the same parameters.

A step is one call of a jitted program that donates its state: forward with batch statistics, softmax cross-entropy,
backward, stochastic gradient descent with momentum.
"""

import importlib
import importlib.util
import math
import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from rich.table import Table

from experiments.benchmarks.measure import interleave, ratio
from experiments.runner import console
from fnn import layers, models, optim, rules, train

RATE, MOMENTUM = 0.01, 0.9


class Job(NamedTuple):
    """A network and what it learns from."""

    net: layers.Layer
    images: tuple[int, ...]
    """Shape of a batch."""
    classes: int


JOBS: dict[str, Job] = {
    "lenet": Job(models.lenet(), (128, 28, 28, 1), 10),
    "resnet18": Job(models.resnet18(), (8, 64, 64, 3), 1000),
}


class Program(NamedTuple):
    """A training step of one library, ready to run."""

    state: Any
    step: Callable[[Any], tuple[Any, Any]]
    """state -> (state, loss)."""
    compile_seconds: float = 0.0


def run(jobs: dict[str, Job], rounds: int, *, seconds: float, scale: float, peers: bool) -> dict[str, dict[str, Any]]:
    """Time the steps of each job with its batch scaled, print a table, and return its rows."""
    found = {}
    for name, job in jobs.items():
        batch, *rest = job.images
        found[name] = compare(name, job._replace(images=(math.ceil(scale * batch), *rest)), rounds, seconds, peers)
    heads = ("training step", "program", "milliseconds", "fnn / program", "compilation, s")
    table = Table(*heads, title="training steps, float32", title_justify="left")
    for name, row in found.items():
        for program, milliseconds in row["milliseconds"].items():
            quotient = row["ratios"].get(program)
            compiled = row["compile_seconds"].get(program)
            cells = ("" if value is None else f"{value:.2f}" for value in (milliseconds, quotient, compiled))
            table.add_row(name, program, *cells)
    console.print(table)
    return found


def compare(name: str, job: Job, rounds: int, limit: float, peers: bool) -> dict[str, Any]:
    """Return the figures of one job: milliseconds of each program, ratios, seconds of compilation."""
    generator = np.random.default_rng(0)
    x = generator.standard_normal(job.images, np.float32)
    labels = generator.integers(0, job.classes, job.images[0]).astype(np.int32)
    params, state = job.net.init(jax.random.key(0), jax.ShapeDtypeStruct(x.shape, x.dtype))
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(params)]

    programs = {"fnn": fnn_program(job.net, params, state, x, labels)}
    if peers and importlib.util.find_spec("flax") and importlib.util.find_spec("optax"):
        flax = importlib.import_module("experiments.benchmarks.vision_flax")
        programs["flax"] = flax.program(flax.NETWORKS[name](job.classes), leaves, x, labels)
    losses = {key: first_losses(program) for key, program in programs.items()}
    states = {key: program.state for key, program in programs.items()}
    steps = {key: lambda state, step=program.step: step(state)[0] for key, program in programs.items()}
    seconds = interleave(steps, states, rounds, seconds=limit)
    ratios = {key: ratio(seconds, "fnn", key) for key in programs if key != "fnn"}
    if peers and importlib.util.find_spec("torch"):
        torch = importlib.import_module("experiments.benchmarks.vision_torch")
        program = torch.program(torch.NETWORKS[name](job.classes), leaves, x, labels)
        losses["torch"] = first_losses(program)
        seconds["torch"] = torch.timed(lambda: program.step(None), rounds)
        ratios["torch"] = min(seconds["fnn"]) / min(seconds["torch"])
    need_equal_losses(name, losses)
    return {
        "milliseconds": {key: 1000 * median(values) for key, values in seconds.items()},
        "ratios": {key: round(value, 3) for key, value in ratios.items()},
        "compile_seconds": {key: round(program.compile_seconds, 2) for key, program in programs.items()},
        "first_losses": losses,
    }


def fnn_program(net: layers.Layer, params: Any, state: Any, x: Any, labels: Any) -> Program:
    """Return fnn's training step on one batch."""
    optimizer = optim.momentum(RATE, mu=MOMENTUM)

    def loss(params, state, batch, key):
        x, labels = batch
        logits, state = net.apply(params, state, x, key=key, train=True)
        return rules.softmax_cross_entropy(logits, labels), (state, {})

    start = train.start(optimizer, params, state, jax.random.key(0))
    batch = (jnp.asarray(x), jnp.asarray(labels))
    step, seconds = compiled(train.step(loss, optimizer), start, batch)

    def one(state):
        state, metrics = step(state, batch)
        return state, metrics["loss"]

    return Program(start, one, seconds)


def compiled(step: Callable[..., Any], state: Any, batch: Any) -> tuple[Callable[..., Any], float]:
    """Return the jitted step, whose state is donated, and the seconds that tracing and compiling it took."""
    began = time.perf_counter()
    program = jax.jit(step, donate_argnums=0).lower(state, batch).compile()
    return program, time.perf_counter() - began


def first_losses(program: Program) -> list[float]:
    """Return the losses of the first two steps, of a copy of the state."""
    state = jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), program.state)
    state, first = program.step(state)
    return [float(first), float(program.step(state)[1])]


def need_equal_losses(name: str, losses: dict[str, list[float]]) -> None:
    """Raise unless all programs have the first two losses, the second of which the gradients decide, in common.

    The tolerance is a hundredth of what the step changed, and the rounding of the first.
    """
    for program, found in losses.items():
        first, second = losses["fnn"]
        tolerance = 1e-5 * abs(first) + 0.01 * abs(second - first)
        if not max(abs(a - b) for a, b in zip(found, losses["fnn"], strict=True)) <= tolerance:
            raise ValueError(f"{name}: the first losses of {program} are {found}, those of fnn {losses['fnn']}.")
