"""Time programs against each other: in turn, in one process, so that a noisy machine is noisy to all of them."""

import math
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def interleave(
    programs: dict[str, Callable[[Any], Any]], states: dict[str, Any], rounds: int, *, seconds: float = math.inf
) -> dict[str, list[float]]:
    """Run ``state = program(state)`` of every program in turn, `rounds` times; return the seconds of each run.

    The first run of each is not counted: it compiles. Every other round goes through them in reverse, for who comes
    second finds the caches as the first left them. Past `seconds` no new round begins, but one there is.
    """
    found: dict[str, list[float]] = {name: [] for name in programs}
    start = time.perf_counter()
    for turn in range(rounds + 1):
        if turn > 1 and time.perf_counter() - start > seconds:
            break
        for name in list(programs)[:: 1 if turn % 2 else -1]:
            began = time.perf_counter()
            states[name] = jax.block_until_ready(programs[name](states[name]))
            if turn:
                found[name].append(time.perf_counter() - began)
    return found


def ratio(seconds: dict[str, list[float]], name: str, baseline: str) -> float:
    """Return the median over the rounds of the two programs' ratio in the same round."""
    return median(a / b for a, b in zip(seconds[name], seconds[baseline], strict=True))


def need_equal(name: str, ours: Any, plain: Any, *, terms: int) -> None:
    """Raise unless both programs compute the same, to the rounding of sums of so many products in float32.

    Errors are relative to the largest entry of an array; 8 times the rounding of a random walk of `terms` steps.
    """
    tolerance = 8 * np.finfo(np.float32).eps * math.sqrt(terms)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(plain), strict=True):
        error = float(jnp.abs(a - b).max() / jnp.abs(b).max())
        if not error <= tolerance:
            raise ValueError(
                f"{name}: fnn and the baseline differ by {error:.2g} of the largest entry, "
                f"more than {tolerance:.2g}; not timed."
            )
