"""Central differences of a NumPy function, entry by entry: the oracle of the gradients that knows no JAX."""

from collections.abc import Callable
from typing import Any

import numpy as np

STEP = 2.0**-7  # below cases.GAP; the smaller of the two steps is half of it


def contracted(function: Callable[..., Any], dy: list[np.ndarray]) -> Callable[..., float]:
    """Return Σ dy · f(...) over real outputs, whose gradient is the cotangent that dy is pulled back to."""

    def value(*floats):
        y = function(*floats)
        outputs = [out for out in (y if isinstance(y, tuple) else (y,)) if np.asarray(out).dtype.kind == "f"]
        return float(sum((np.asarray(d) * out).sum() for d, out in zip(dy, outputs, strict=True)))

    return value


def gradient(function: Callable[..., float], floats: list[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return for each array its gradient, and how far it may be off.

    Two central differences, with steps h and h/2, are extrapolated to an error of order h^4 (Richardson). What the
    extrapolation moved, (D(h/2) - D(h)) / 3 = h² f'''/24 + ..., tells the size of the higher derivatives: the
    neglected term is about h² times it. Rounding adds eps |f| / h.
    """
    results = []
    for number, leaf in enumerate(floats):
        gradients, errors = np.zeros(leaf.shape), np.zeros(leaf.shape)
        for at in np.ndindex(leaf.shape):

            def along(step, number=number, leaf=leaf, at=at):
                moved = np.array(leaf)
                moved[at] += step
                return function(*floats[:number], moved, *floats[number + 1 :])

            coarse, fine = ((along(h) - along(-h)) / (2 * h) for h in (STEP, STEP / 2))
            correction = (fine - coarse) / 3
            gradients[at] = fine + correction
            rounding = 64 * np.finfo(np.float64).eps * (1 + abs(along(0.0))) / STEP
            errors[at] = 64 * STEP**2 * abs(correction) + rounding
        results.append((gradients, errors))
    return results
