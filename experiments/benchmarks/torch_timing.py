"""How the benchmarks time PyTorch: in rounds of its own, with sleep behind, all cores.

Its OpenMP threads spin for a while after a call and slow what comes next. For the same reason it is never timed in
turn with JAX; the fastest round is compared: they spin for each other too, so that a neighbour on either core makes a
run of torch several times as long.
"""

import importlib
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from experiments.benchmarks.operations import Case

# By name, for it is no dependency: this module is imported only where torch is.
torch: Any = importlib.import_module("torch")
torch.set_num_threads(len(os.sched_getaffinity(0)))

IDLE = 0.3
"""Seconds to sleep behind torch, until its threads are quiet."""


def time_both(case: Case, tensors: Sequence[Any], dy: Any, ours: Any, rounds: int) -> list[float]:
    """Return the seconds of forward and backward of the case, `rounds` times; `ours` is what fnn computes."""
    tensors = [t.requires_grad_() if t.is_floating_point() else t for t in tensors]
    floats = [t for t in tensors if t.is_floating_point()]

    def passes():
        y = case.torch(torch, *tensors)
        return y, torch.autograd.grad(y, floats, dy)

    if not case.random:
        y, grads = passes()
        need_norms(case, [y, *grads], jax.tree.leaves(ours))
    return timed(passes, rounds)


def need_norms(case: Case, theirs: Sequence[Any], ours: Sequence[Any]) -> None:
    """Raise unless output and gradients have fnn's norms, which do not depend on the order of axes."""
    for number, (a, b) in enumerate(zip(theirs, ours, strict=True)):
        norms = float(a.detach().double().norm()), float(np.linalg.norm(np.asarray(b, np.float64)))
        if not abs(norms[0] - norms[1]) <= 1e-4 * norms[1]:
            what = f"gradient {number}" if number else "output"
            raise ValueError(f"{case.name}: the {what} of torch has the norm {norms[0]:.6g}, fnn's {norms[1]:.6g}.")


def timed(program: Callable[[], Any], rounds: int) -> list[float]:
    """Return the seconds of each run but the first two; then wait until the threads are quiet."""
    seconds = []
    for _ in range(rounds + 2):
        began = time.perf_counter()
        program()
        seconds.append(time.perf_counter() - began)
    time.sleep(IDLE)
    return seconds[2:]
