"""Hyper-parameters: a number, or a schedule that maps the number of updates done so far to a number."""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

Schedule: TypeAlias = Callable[[Any], Any]
"""step -> value: step counts the updates done so far, so the first update asks for schedule(0)."""

Number: TypeAlias = int | float | np.integer | np.floating
Hyper: TypeAlias = Number | jax.Array | Schedule
"""A learning rate, momentum or decay: a number (a traced one too, so `jax.vmap` can sweep it) or a schedule."""


def at(hyper: Hyper, step: Any) -> Any:
    """Return the value of a hyper-parameter at a step.

    A plain number stays a Python float, which costs no operation in a compiled update and takes no part in dtype
    promotion; a schedule's value is an array of the default float type.

    >>> at(0.1, 5)
    0.1
    >>> float(at(lambda step: 0.5 * step, 4))
    2.0
    """
    if callable(hyper):
        return jnp.asarray(hyper(step), float)
    return jnp.asarray(hyper, float) if isinstance(hyper, jax.Array) else float(hyper)


def is_zero(hyper: Hyper) -> bool:
    """Return whether a hyper-parameter is the number 0, so that what it multiplies need not be computed."""
    return isinstance(hyper, Number) and bool(hyper == 0)


def bias_correction(beta: Any, t: Any) -> Any:
    """Return 1 - beta^t, what an average with decay beta that started at zero lacks after t terms.

    By expm1, because in float32 the subtraction has lost 1e-5 of the value at beta = 0.999 and t = 1.
    """
    log_beta = math.log(beta) if isinstance(beta, float) and beta > 0 else jnp.log(beta)
    return -jnp.expm1(t * log_beta)


def require_rates(**hypers: Hyper) -> None:
    """Raise unless every number given is finite and not negative. Schedules and arrays are not looked at."""
    for name, value in hypers.items():
        if isinstance(value, Number) and not 0 <= value < math.inf:
            ascent = "; for gradient ascent pass maximize=True" if name == "learning_rate" else ""
            raise ValueError(f"{name} is {value}; wanted a finite number, zero or more, or a schedule{ascent}.")


def require_fractions(**hypers: Hyper) -> None:
    """Raise unless every number given lies in [0, 1). Schedules and arrays are not looked at."""
    for name, value in hypers.items():
        if isinstance(value, Number) and not 0 <= value < 1:
            raise ValueError(f"{name} is {value}; wanted a number in [0, 1), or a schedule of such.")
