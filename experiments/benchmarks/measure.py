"""Time programs against each other: in turn, in one process, so that a noisy machine is noisy to all of them."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import jax


def interleave(
    programs: dict[str, Callable[[Any], Any]], states: dict[str, Any], rounds: int
) -> dict[str, list[float]]:
    """Run ``state = program(state)`` of every program in turn, `rounds` times; return the seconds of each run.

    The first run of each is not counted: it compiles.
    """
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for turn in range(rounds + 1):
        for name, program in programs.items():
            began = time.perf_counter()
            states[name] = jax.block_until_ready(program(states[name]))
            if turn:
                seconds[name].append(time.perf_counter() - began)
    return seconds


def ratio(seconds: dict[str, list[float]], name: str, baseline: str) -> float:
    """Return the median over the rounds of the two programs' ratio in the same round."""
    return median(a / b for a, b in zip(seconds[name], seconds[baseline], strict=True))
