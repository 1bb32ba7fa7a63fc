"""At kinks, ties, huge, tiny and infinite numbers the rule keeps its value and makes no NaN of its own."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fnn.check import tolerance
from fnn.check.findings import Findings
from fnn.check.properties import kinks
from fnn.check.report import Outcome
from fnn.check.subject import Pulled, Subject


def edges(subject: Subject) -> Outcome:
    """Put each special number into each argument, at one entry and everywhere, and compare with the oracle.

    At a kink any number between the cotangents of the points around it is right: a subgradient. Ties of a maximum may
    be shared or given to one, if the shares sum to what there is to share. At a pole the infinity is right that they
    grow to. A NaN is wrong where the oracle is finite; where the oracle is not, it is no oracle. Declare the rule's
    kinks by ``kinks=(...)`` to have them tried.
    """
    found = Findings(subject, "edges")
    _, dy = subject.base
    own_nans: list[str] = []
    rows = list(_rows(subject))
    for setting, special, floats in rows:
        got, want = subject.pull(floats, dy), subject.best(floats, dy)
        if subject.oracle is not None:
            _values(subject, found, setting, special, floats, got, want)
        if not np.isnan(special):
            own_nans += _cotangents(subject, found, setting, special, floats, got, want)
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
            yield f"{leaf.name} at its first entry {special:g}", special, changed(_with_first(x, special))
        if x.size > 1:
            for fill in (0.0, float(x.flat[0]), *subject.kinks):
                yield f"{leaf.name} {fill:g} everywhere", fill, changed(np.full_like(x, fill))
            yield f"{leaf.name} 1e4 times its signs", 1e4, changed(1e4 * np.sign(x))
        if number:
            yield (
                f"{leaf.name} and all before it 0 at their first entry",
                0.0,
                [_with_first(y, 0.0) if k <= number else y for k, y in enumerate(subject.floats)],
            )
        for other in range(number):
            if subject.floats[other].shape == x.shape:
                yield f"{leaf.name} equal to {subject.leaves[other].name}", 0.0, changed(subject.floats[other])


def _with_first(x: Any, number: float) -> np.ndarray:
    x = np.array(x)
    x.flat[:1] = number
    return x


def _values(
    subject: Subject, found: Findings, setting: str, special: float, floats: list[np.ndarray], got: Pulled, want: Pulled
) -> None:
    if all(np.array_equal(g, w, equal_nan=True) for g, w in zip(got.y, want.y, strict=True)):
        return
    bounds = subject.bounds_at(floats, subject.base[1]).y
    for name, g, w, bound in zip(subject.output_names, got.y, want.y, bounds, strict=True):
        # A reference that overflows is no oracle; one that is given an infinity or a NaN may well return it.
        counts = np.isfinite(w) | (np.isinf(w) & np.isinf(special)) | (np.isnan(w) & np.isnan(special))
        found.compare(name, np.where(counts, g, w), w, bound, setting)


def _cotangents(
    subject: Subject, found: Findings, setting: str, special: float, floats: list[np.ndarray], got: Pulled, want: Pulled
) -> list[str]:
    """Compare the cotangents; return the leaves whose cotangent is NaN, as the oracle's, though finite all around."""
    _, dy = subject.base
    own_nans = []
    differs = False
    if all(np.array_equal(g, w, equal_nan=True) for g, w in zip(got.dx, want.dx, strict=True)) and not any(
        np.isnan(dx).any() for dx in got.dx
    ):
        return own_nans
    bounds = subject.bounds_at(floats, dy).dx
    for k, leaf in enumerate(subject.leaves):
        bound = bounds[k]
        wrong = tolerance.difference(got.dx[k], want.dx[k], bound).wrong & np.isfinite(want.dx[k])
        if np.isinf(special):
            # There autodiff is trusted no further than that there is a number; a given reference is.
            wrong &= np.isnan(got.dx[k]) | (subject.reference is not None)
        else:
            finite = all(np.isfinite(y).all() for y in got.y)
            nans = np.isnan(got.dx[k]) & ~np.isfinite(want.dx[k]) & finite
            if wrong.any() or nans.any():
                differs, wrong = True, kinks.first(wrong)
                low, high, pole = kinks.around(subject, floats, dy, k, wrong)
                with np.errstate(invalid="ignore"):
                    slack = 1e-4 * (np.abs(low) + np.abs(high) + 1) + bound
                    wrong &= ~((got.dx[k] >= low - slack) & (got.dx[k] <= high + slack)) & (got.dx[k] != pole)
                # At a pole autodiff's infinity is a better answer than no number.
                wrong |= np.isnan(got.dx[k]) & np.isinf(want.dx[k])
                if (nans & np.isfinite(low + high) & np.isnan(pole)).any():
                    own_nans.append(f"{leaf.name} with {setting}")
        shown = np.where(wrong, got.dx[k], want.dx[k])
        found.compare(leaf.name, shown, want.dx[k], bound, setting, **subject.known(floats, dy))
    together = kinks.along_ones(subject, floats, dy) if differs and not found.failures else None
    if together is not None:
        total = float(sum(dx.astype(np.float64).sum() for dx in got.dx))
        if np.isfinite(total):
            setting = f"{setting}: the sum of all cotangents, wanted the derivative as all arguments move together"
            found.compare("all arguments", total, together[0], together[1], setting)
    return own_nans
