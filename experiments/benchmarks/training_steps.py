"""Time the training steps of one network written in several libraries, from the same parameters.

A step is forward, loss, backward, optimizer. Each library makes it by one call of a compiled program that donates its
state. fnn's `train.fit` runs many steps in one program, which also spares the system handing out a step's memory anew
at each call; "fnn, 8 a call" is such a program.
"""

import importlib.util
import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from rich import box
from rich.table import Table

from experiments.benchmarks.measure import interleave, ratio
from experiments.benchmarks.operations import temporary
from experiments.runner import console
from fnn import optim, train


class Program(NamedTuple):
    """A training step of one library, ready to run."""

    state: Any
    step: Callable[[Any], tuple[Any, Any]]
    """state -> (state, loss), or the losses of all its steps."""
    compile_seconds: float | None = None
    """Of tracing and compiling."""
    temporary_megabytes: float | None = None
    """What a step needs besides its state and its batch."""
    steps: int = 1
    """Steps of one call."""


def compile_step(step: Callable[..., tuple[Any, Any]], state: Any, batch: Any, steps: int = 1) -> Program:
    """Compile ``step(state, batch) -> (state, loss)``, whose state is donated, twice, and measure the second time.

    The first of a process also loads what every compilation needs, and would count against who comes first.
    """

    def timed():
        jax.clear_caches()
        began = time.perf_counter()
        return jax.jit(step, donate_argnums=0).lower(state, batch).compile(), time.perf_counter() - began

    timed()
    compiled, seconds = timed()
    return Program(state, lambda state: compiled(state, batch), seconds, temporary(compiled), steps)


def fnn_programs(loss: Any, optimizer: optim.Optimizer, params: Any, state: Any, batch: Any) -> dict[str, Program]:
    """Return fnn's training step on one batch, and a program of eight."""
    one, start = train.step(loss, optimizer), train.start(optimizer, params, state, jax.random.key(0))

    def step(state, batch):
        state, metrics = one(state, batch)
        return state, metrics["loss"]

    def several(state, batch):
        return jax.lax.scan(lambda state, _: step(state, batch), state, None, length=8)

    again = jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), start)  # for each program donates its own
    return {"fnn": compile_step(step, start, batch), "fnn, 8 a call": compile_step(several, again, batch, 8)}


def has_flax() -> bool:
    """Return whether Flax and Optax are installed."""
    return all(importlib.util.find_spec(name) for name in ("flax", "optax"))


def compare(
    name: str,
    programs: dict[str, Program],
    torch: Program | None,
    timed: Callable[[Callable[[], Any], int], list[float]] | None,
    rounds: int,
    *,
    seconds: float,
) -> dict[str, Any]:
    """Return the figures of one job: milliseconds of each program, ratios, seconds of compilation, memory.

    `programs` has "fnn" and JAX programs that run in turn with it; torch's runs behind them, by `timed`.
    """
    losses = {key: first_losses(program) for key, program in programs.items()}
    states = {key: program.state for key, program in programs.items()}
    steps = {key: lambda state, step=program.step: step(state)[0] for key, program in programs.items()}
    times = interleave(steps, states, rounds, seconds=seconds)
    times = {key: [time / programs[key].steps for time in values] for key, values in times.items()}
    ours = {"ratios": "fnn", "ratios_of_eight": "fnn, 8 a call"}
    peers = [key for key in programs if not key.startswith("fnn")]
    ratios = {name: {peer: ratio(times, own, peer) for peer in peers} for name, own in ours.items()}
    if torch is not None and timed is not None:
        losses["torch"] = first_losses(torch)
        times["torch"] = timed(lambda: torch.step(None), rounds)
        for name, own in ours.items():
            ratios[name]["torch"] = min(times[own]) / min(times["torch"])
    need_equal_losses(name, losses)
    return {
        "milliseconds": {key: 1000 * median(values) for key, values in times.items()},
        **{name: {peer: round(value, 3) for peer, value in row.items()} for name, row in ratios.items()},
        "compile_seconds": {key: round(program.compile_seconds or 0.0, 2) for key, program in programs.items()},
        "temporary_megabytes": {key: round(program.temporary_megabytes or 0.0, 1) for key, program in programs.items()},
        "first_losses": losses,
    }


def first_losses(program: Program) -> list[float]:
    """Return the losses of the first two steps, of a copy of the state."""
    state = jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), program.state)
    losses: list[float] = []
    while len(losses) < 2:
        state, found = program.step(state)
        losses += map(float, found if program.steps > 1 else [found])
    return losses[:2]


def need_equal_losses(name: str, losses: dict[str, list[float]]) -> None:
    """Raise unless all programs have the first two losses, the second of which the gradients decide, in common.

    The tolerance is a hundredth of what the step changed, and the rounding of the first.
    """
    for program, found in losses.items():
        first, second = losses["fnn"]
        tolerance = 1e-5 * abs(first) + 0.01 * abs(second - first)
        if not max(abs(a - b) for a, b in zip(found, losses["fnn"], strict=True)) <= tolerance:
            raise ValueError(f"{name}: the first losses of {program} are {found}, those of fnn {losses['fnn']}.")


def show(found: dict[str, dict[str, Any]]) -> None:
    """Print the rows of `compare`, by the names of the jobs."""
    heads = ("network", "program", "ms", "fnn / it", "8 a call / it", "compilation, s", "temporary, MB")
    columns = ("ratios", "ratios_of_eight", "compile_seconds", "temporary_megabytes")
    table = Table(*heads, title="training steps, float32", title_justify="left", box=box.SIMPLE_HEAD)
    for name, row in found.items():
        for program, milliseconds in row["milliseconds"].items():
            values = [row[column].get(program) for column in columns]
            cells = ("" if value is None else f"{value:.2f}" for value in (milliseconds, *values))
            table.add_row(name, program, *cells)
    console.print(table)


def metrics(found: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Return the ratios of the rows of `compare` by names that say what they are."""
    return {f"{job}_step_ratio_to_{peer}": value for job, row in found.items() for peer, value in row["ratios"].items()}
