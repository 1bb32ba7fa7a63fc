"""Schedules: pure functions from the number of updates done so far to a learning rate, momentum or decay.

A schedule takes a Python or numpy integer or a traced one, and returns a scalar of the default float type (float32
unless x64 is enabled). It may stand wherever an optimizer takes a number.

    >>> from fnn import optim
    >>> rate = optim.warmup(optim.cosine(0.1, steps=100), steps=10)
    >>> [round(float(rate(step)), 4) for step in (0, 9, 50, 100)]
    [0.01, 0.098, 0.05, 0.0]
    >>> optimizer = optim.momentum(rate, mu=optim.momentum_switch(20))
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from fnn.optim.hyper import Hyper, Schedule, at


def constant(value: float) -> Schedule:
    """Return the schedule that is always ``value``."""
    _require_finite(value=value)
    return lambda step: jnp.asarray(value, float)


def step_decay(start: float, factor: float, every: int) -> Schedule:
    """Multiply by ``factor`` every ``every`` steps: start factor^floor(step / every)."""
    _require_finite(start=start, factor=factor)
    _require_steps(every=every)
    return lambda step: start * factor ** jnp.floor(_float(step) / every)


def exponential(start: float, factor: float, every: int = 1) -> Schedule:
    """Decay smoothly by ``factor`` over every ``every`` steps: start factor^(step / every)."""
    _require_finite(start=start, factor=factor)
    _require_steps(every=every)
    if factor <= 0:
        raise ValueError(f"factor is {factor}; wanted a positive number.")
    return lambda step: start * factor ** (_float(step) / every)


def polynomial(start: float, end: float, steps: int, power: float = 1.0) -> Schedule:
    """Go from start to end in ``steps`` steps, then stay: end + (start - end) (1 - step / steps)^power.

    A power of 1 is the linear schedule.
    """
    _require_finite(start=start, end=end, power=power)
    _require_steps(steps=steps)
    if power <= 0:
        raise ValueError(f"power is {power}; wanted a positive number.")
    return lambda step: end + (start - end) * (1 - _fraction(step, steps)) ** power


def cosine(start: float, steps: int, floor: float = 0.0) -> Schedule:
    """Go from start to floor along half a cosine: floor + (start - floor) (1 + cos(pi step / steps)) / 2, then stay.

    Source: Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts, 2017, equation 5.
    """
    _require_finite(start=start, floor=floor)
    _require_steps(steps=steps)
    return lambda step: _half_cosine(start, floor, _fraction(step, steps))


def warmup(schedule: Hyper, steps: int) -> Schedule:
    """Scale a schedule (or a number) up linearly over its first ``steps`` steps: min(1, (step + 1) / steps) schedule.

    The schedule keeps its own clock, so `warmup(cosine(0.1, 1000), 100)` ends at step 1000. The first step has a
    positive rate, and the last of the warm-up the full one.
    """
    _require_steps(steps=steps)
    return lambda step: jnp.minimum((_float(step) + 1) / steps, 1) * at(schedule, step)


def one_cycle(
    peak: float, steps: int, rise: float = 0.3, start_divisor: float = 25.0, end_divisor: float = 1e4
) -> Schedule:
    """Rise from peak / start_divisor to peak, then fall to peak / start_divisor / end_divisor, along half cosines.

    The peak is at step rise * steps - 1 and the end at step steps - 1, as in PyTorch.

    Source: Smith and Topin, Super-convergence: very fast training of neural networks using large learning rates, 2018.
    """
    _require_finite(peak=peak)
    _require_steps(steps=steps)
    if not 0 < rise < 1 or not rise * steps > 1:
        raise ValueError(f"rise is {rise} of {steps} steps; wanted a fraction in (0, 1) that is more than one step.")
    if start_divisor <= 0 or end_divisor <= 0:
        raise ValueError(f"the divisors are {start_divisor} and {end_divisor}; wanted positive numbers.")
    first, last, top = peak / start_divisor, peak / start_divisor / end_divisor, rise * steps - 1

    def schedule(step):
        t = _float(step)
        up = _half_cosine(first, peak, jnp.clip(t / top, 0, 1))
        down = _half_cosine(peak, last, jnp.clip((t - top) / (steps - 1 - top), 0, 1))
        return jnp.where(t <= top, up, down)

    return schedule


def piecewise(boundaries: Sequence[int], values: Sequence[float]) -> Schedule:
    """Hold values[0] before step boundaries[0], values[i] from boundaries[i - 1] on.

    >>> rate = piecewise((100, 200), (0.1, 0.01, 0.001))
    >>> [round(float(rate(step)), 4) for step in (99, 100, 500)]
    [0.1, 0.01, 0.001]
    """
    if len(values) != len(boundaries) + 1:
        raise ValueError(
            f"piecewise got {len(boundaries)} boundaries and {len(values)} values; "
            "wanted one value more than boundaries."
        )
    if any(a >= b for a, b in itertools.pairwise(boundaries)) or any(b < 0 for b in boundaries):
        raise ValueError(f"the boundaries are {tuple(boundaries)}; wanted increasing steps, none of them negative.")
    _require_finite(**{f"values[{i}]": value for i, value in enumerate(values)})

    def schedule(step):
        piece = jnp.sum(jnp.asarray(step) >= jnp.asarray(boundaries, jnp.int32))
        return jnp.asarray(values, float)[piece]

    return schedule


def momentum_switch(step: int, before: float = 0.5, after: float = 0.9) -> Schedule:
    """Return the lectures' momentum schedule: 0.5 until the initial learning has settled, 0.9 from ``step`` on."""
    return piecewise((step,), (before, after))


def _float(step: Any) -> Any:
    return jnp.asarray(step, float)


def _fraction(step: Any, steps: int) -> Any:
    return jnp.clip(_float(step) / steps, 0, 1)


def _half_cosine(start: float, end: float, fraction: Any) -> Any:
    return end + (start - end) * (0.5 + 0.5 * jnp.cos(math.pi * fraction))


def _require_finite(**values: float) -> None:
    for name, value in values.items():
        if not math.isfinite(value):
            raise ValueError(f"{name} is {value}; wanted a finite number.")


def _require_steps(**values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise ValueError(f"{name} is {value}; wanted one step or more.")
