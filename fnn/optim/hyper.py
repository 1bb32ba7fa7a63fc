"""Hyper-parameters: a number, or a schedule that maps the number of updates done so far to a number."""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

Schedule: TypeAlias = Callable[[Any], Any]
"""step -> value: step counts the updates done so far, so the first update asks for schedule(0)."""

Hyper: TypeAlias = ArrayLike | Schedule
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
    return hyper if isinstance(hyper, jax.Array) else float(hyper)


def bias_correction(beta: Any, t: Any) -> Any:
    """Return 1 - beta^t, what an average with decay beta that started at zero lacks after t terms.

    By expm1, because in float32 the subtraction has lost 1e-5 of the value at beta = 0.999 and t = 1.
    """
    log_beta = math.log(beta) if isinstance(beta, float) and beta > 0 else jnp.log(beta)
    return -jnp.expm1(t * log_beta)


def require_rates(**hypers: Hyper) -> None:
    """Raise unless every number given is finite and not negative. Schedules and traced values pass."""
    for name, value in hypers.items():
        if _is_known(value) and not 0 <= value < float("inf"):
            ascent = "; for gradient ascent pass maximize=True" if name == "learning_rate" else ""
            raise ValueError(f"{name} is {value}; wanted a finite number, zero or more, or a schedule{ascent}.")


def require_fractions(**hypers: Hyper) -> None:
    """Raise unless every number given lies in [0, 1). Schedules and traced values pass."""
    for name, value in hypers.items():
        if _is_known(value) and not 0 <= value < 1:
            raise ValueError(f"{name} is {value}; wanted a number in [0, 1), or a schedule of such.")


def _is_known(value: Hyper) -> bool:
    return not callable(value) and not isinstance(value, jax.core.Tracer)
