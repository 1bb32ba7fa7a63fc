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


def elementwise(rule, reference, *configurations: dict[str, Any], kinks=(), x=None, surrogate=None) -> list[Case]:
    """Return a case a configuration, on a matrix and, for the first, on a scalar."""
    x = normal(rule.name, 4, 3, scale=2.5) if x is None else x
    configurations = configurations or ({},)

    def row(label, x, static):
        points = kinks(**static) if callable(kinks) else kinks
        return Case(rule, label, (clear_of(x, *points),), static, reference, surrogate)

    rows = [row(",".join(f"{k}={v}" for k, v in static.items()) or "default", x, static) for static in configurations]
    return [*rows, row("scalar", x[1, 1], configurations[0])]
