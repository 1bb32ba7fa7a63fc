"""At kinks, ties, huge, tiny and infinite numbers the rule keeps its value and makes no NaN of its own."""

import warnings
from collections.abc import Iterator

import numpy as np

from fnn.check import tolerance
from fnn.check.findings import Findings
from fnn.check.report import Outcome
from fnn.check.subject import Pulled, Subject

NEIGHBOURS = 8
NEAR, NEARER = 1e-6, 1e-12
ENTRIES = 64
GROWS = 1.2


def edges(subject: Subject) -> Outcome:
    """Put each special number into each argument, at one entry and everywhere, and compare with the oracle.

    At a kink any number between the cotangents of the points around it is right (a subgradient; ties of a maximum may
    be shared or given to one), and at a pole the infinity that they grow to. A NaN is wrong where the oracle is
    finite; where the oracle is not, it is no oracle. Declare the rule's kinks by ``kinks=(...)`` to have them tried.
    """
    found = Findings(subject, "edges")
    _, dy = subject.base
    own_nans: list[str] = []
    rows = list(_rows(subject))
    for setting, special, floats in rows:
        got, want = subject.pull(floats, dy), subject.best(floats, dy)
        if subject.oracle is not None:
            _values(subject, found, setting, special, got, want)
        if np.isnan(special):
            continue
        for k, leaf in enumerate(subject.leaves):
            bound = 4 * subject.bounds.dx[k] + tolerance.allowed(subject.eps, subject.length, want.dx[k])
            wrong = tolerance.difference(got.dx[k], want.dx[k], bound).wrong & np.isfinite(want.dx[k])
            if np.isinf(special):
                # There autodiff is trusted no further than that there is a number; a given reference is.
                wrong &= np.isnan(got.dx[k]) | (subject.reference is not None)
            else:
                finite = all(np.isfinite(y).all() for y in got.y)
                nans = np.isnan(got.dx[k]) & ~np.isfinite(want.dx[k]) & finite
                if wrong.any() or nans.any():
                    wrong = _first(wrong)
                    low, high, pole = _around(subject, floats, dy, k, wrong)
                    nans &= np.isfinite(low + high) & np.isnan(pole)
                    with np.errstate(invalid="ignore"):
                        slack = 1e-4 * (np.abs(low) + np.abs(high) + 1) + bound
                        wrong &= ~((got.dx[k] >= low - slack) & (got.dx[k] <= high + slack)) & (got.dx[k] != pole)
                    own_nans += [f"{leaf.name} with {setting}"] if nans.any() else []
            shown = np.where(wrong, got.dx[k], want.dx[k])
            found.compare(leaf.name, shown, want.dx[k], bound, setting, **subject.known(floats, dy))
    outcome = found.outcome(f"{len(rows)} inputs")
    if outcome.status == "passed" and own_nans:
        detail = f"{len(rows)} inputs; the cotangent of {own_nans[0]} is NaN, as autodiff's, and finite all around"
        return outcome._replace(status="noted", detail=detail)
    return outcome


def _rows(subject: Subject) -> Iterator[tuple[str, float, list[np.ndarray]]]:
    smallest = float(np.finfo(subject.dtype).smallest_subnormal)
    specials = (0.0, -0.0, 1.0, -1.0, *subject.kinks, smallest, 1e4, -1e4, np.inf, -np.inf, np.nan)
    for number, leaf in enumerate(subject.leaves):
        x = subject.floats[number]
        if not x.size:
            continue

        def changed(array: np.ndarray, number: int = number) -> list[np.ndarray]:
            return [*subject.floats[:number], array.astype(subject.dtype), *subject.floats[number + 1 :]]

        for special in specials:
            one = np.array(x)
            one.flat[0] = special
            yield f"{leaf.name} at its first entry {special:g}", special, changed(one)
        if x.size > 1:
            for fill in (0.0, float(x.flat[0]), *subject.kinks):
                yield f"{leaf.name} {fill:g} everywhere", fill, changed(np.full_like(x, fill))
            yield f"{leaf.name} 1e4 times its signs", 1e4, changed(1e4 * np.sign(x))


def _values(subject: Subject, found: Findings, setting: str, special: float, got: Pulled, want: Pulled) -> None:
    for name, g, w in zip(subject.output_names, got.y, want.y, strict=True):
        # A reference that overflows is no oracle; one that is given an infinity or a NaN may well return it.
        counts = np.isfinite(w) | (np.isinf(w) & np.isinf(special)) | (np.isnan(w) & np.isnan(special))
        finite = np.abs(w[np.isfinite(w)])
        bound = 64 * tolerance.allowed(subject.eps, subject.length, w) + subject.eps * finite.max(initial=0) * 1e4
        found.compare(name, np.where(counts, g, w), w, bound, setting)


def _first(entries: np.ndarray) -> np.ndarray:
    """Return the first ENTRIES of the entries in question: as many as are looked around."""
    return entries & (np.cumsum(entries).reshape(entries.shape) <= ENTRIES)


def _around(
    subject: Subject, floats: list[np.ndarray], dy: tuple, number: int, entries: np.ndarray
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
    return low, high, np.where(up, np.inf, np.where(down, -np.inf, np.nan))
