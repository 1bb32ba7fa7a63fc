"""What one row of the conformance table is made of: a rule, its arguments, its configuration, and a NumPy reference.

A reference is the textbook formula in plain NumPy float64. It never imports fnn and restates the defaults itself.
"""

import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Case(NamedTuple):
    """One rule on one set of arguments. The inputs keep clear of the kinks by at least GAP."""

    rule: Any
    label: str
    arguments: tuple  # NumPy float64, integer and boolean arrays, pytrees of them, keys, None
    static: dict[str, Any]
    reference: Callable[..., Any]
    surrogate: Callable[..., Any] | None = None  # what the backward differentiates where that is not the reference
    length: int = 1  # the longest sum in either pass, for the tolerances
    kinks: tuple[float, ...] = ()  # where the rule's docstring states which side it takes

    @property
    def name(self) -> str:
        return f"{self.rule.name}-{self.label}"


GAP = 0.02  # more than twice the largest step of the finite differences


def generator(name: str) -> np.random.Generator:
    """Return a generator seeded by the name, so that a row stays the same when others come and go."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def normal(name: str, *shape: int, scale: float = 1.5) -> np.ndarray:
    return np.asarray(generator(name).normal(size=shape) * scale)


def uniform(name: str, *shape: int, low: float, high: float) -> np.ndarray:
    return np.asarray(generator(name).uniform(low, high, size=shape))


def clear_of(x: np.ndarray, *kinks: float) -> np.ndarray:
    """Move each entry that stands within GAP of a kink to twice GAP above it."""
    for kink in kinks:
        x = np.where(np.abs(x - kink) < GAP, kink + 2 * GAP, x)
    return x


def distribution(name: str, *shape: int) -> np.ndarray:
    """Positive rows that sum to one."""
    rows = generator(name).uniform(0.1, 1.0, size=shape)
    return rows / rows.sum(-1, keepdims=True)


def elementwise(rule, reference, *configurations, kinks=(), x=None, surrogate=None, scalar=False) -> list[Case]:
    """Return a case for each configuration, a dict of the keywords, on a matrix; and one on a scalar if asked."""
    x = clear_of(normal(rule.name, 4, 3, scale=2.5) if x is None else x, *kinks)
    configurations = configurations or ({},)
    labels = [",".join(f"{key}={value}" for key, value in static.items()) or "default" for static in configurations]
    rows = [
        Case(rule, label, (x,), static, reference, surrogate, kinks=tuple(kinks))
        for label, static in zip(labels, configurations, strict=True)
    ]
    scalar_row = Case(rule, "scalar", (x[1, 1],), configurations[0], reference, surrogate, kinks=tuple(kinks))
    return [*rows, scalar_row] if scalar else rows
