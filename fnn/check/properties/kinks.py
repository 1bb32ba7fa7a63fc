"""What is right at a kink: any subgradient of each argument, and together a derivative where there is one."""

import warnings
from typing import Any

import numpy as np

from fnn.check.subject import Subject

NEIGHBOURS = 8
NEAR, NEARER = 1e-6, 1e-12
ENTRIES = 64
GROWS = 1.2
STEP = 2.0**-18
SMOOTH = 1e-4


def first(entries: Any) -> np.ndarray:
    """Return the first ENTRIES of the entries in question: as many as are looked around."""
    return np.asarray(entries & (np.cumsum(entries).reshape(np.shape(entries)) <= ENTRIES))


def around(
    subject: Subject, floats: list[np.ndarray], dy: tuple, number: int, entries: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the least and the largest cotangent of one leaf close by, and the infinity that they grow to, or NaN.

    Close by is in random directions, there and back, and up and down each of the entries in question alone, which
    wins or loses then.
    """

    def moved(step: float) -> list[np.ndarray]:
        directions = [step * (1 + np.abs(x)) * subject.random.uniform(-1, 1, x.shape) for x in floats]
        near = [
            [np.asarray(x + s * d, subject.dtype) for x, d in zip(floats, directions, strict=True)] for s in (1, -1)
        ]
        return [subject.best(point, dy).dx[number] for point in near]

    def alone(at: tuple, step: float) -> np.ndarray:
        x = np.array(floats[number])
        x[at] += step * (1 + abs(x[at]))
        return subject.best([*floats[:number], x, *floats[number + 1 :]], dy).dx[number]

    near = [cotangent for _ in range(NEIGHBOURS // 2) for cotangent in moved(NEAR)]
    for at in zip(*np.nonzero(entries), strict=True) if entries.ndim else ():
        near += [alone(at, NEAR), alone(at, -NEAR)]
    nearer = [cotangent for _ in range(NEIGHBOURS // 2) for cotangent in moved(NEARER)]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # of entries that are NaN at every point
        low, high = np.nanmin(near, 0), np.nanmax(near, 0)
        lower, higher = np.nanmin(nearer, 0), np.nanmax(nearer, 0)
    up, down = (higher > 0) & (higher > GROWS * high), (lower < 0) & (lower < GROWS * low)
    return np.asarray(low), np.asarray(high), np.where(up, np.inf, np.where(down, -np.inf, np.nan))


def along_ones(subject: Subject, floats: list[np.ndarray], dy: tuple) -> tuple[float, float] | None:
    """Return the derivative of <dY, f> as all entries of all arguments move together, and how far it may be off.

    At a tie of a maximum that derivative exists though no entry's own does: the shares of the tied must sum to it.
    None where the left and the right derivative differ.
    """

    def value(step: float) -> float:
        y, _ = subject.forward([np.asarray(x + step, subject.dtype) for x in floats])
        return float(sum((np.asarray(d, np.float64) * out).sum() for d, out in zip(dy, y, strict=True)))

    with np.errstate(all="ignore"):
        left, here, right = value(-STEP), value(0.0), value(STEP)
        down, up = (here - left) / STEP, (right - here) / STEP
        scale = 1.0 + max(abs(up), abs(down))
        allowed = SMOOTH * scale + 16 * subject.eps * subject.length**0.5 * (abs(here) + 1) / STEP
    return ((up + down) / 2, allowed) if abs(up - down) <= allowed / 2 else None
