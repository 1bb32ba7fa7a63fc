"""Where the wrong entries are: those at which an argument is zero or negative or large, or those in a slice."""

import itertools
import math
from collections.abc import Mapping

import numpy as np


def place(wrong: np.ndarray, told: np.ndarray, named: Mapping[str, np.ndarray]) -> str:
    """Return where the wrong entries lie, as "where x is zero" or "in the last slice of axis 0"; "" if anywhere.

    `told` is True at the entries that can tell right from wrong; `named` are arrays of the shape of both.

    >>> x = np.array([[1.0, -2.0, 3.0], [-4.0, 5.0, 6.0], [7.0, 8.0, -9.0], [-1.0, 2.0, -3.0]])
    >>> place(x < 0, x == x, {"x": x})
    'where x is negative'
    >>> place(x >= 7, x == x, {})
    'in slice 2 of axis 0 and slices 0 to 1 of axis 1'
    """
    return _by_value(wrong[told], {name: array[told] for name, array in named.items()}) or _by_index(wrong)


def _by_value(wrong: np.ndarray, named: Mapping[str, np.ndarray]) -> str:
    if wrong.all():
        return ""
    for name, array in named.items():
        if np.array_equal(array == 0, wrong):
            return f"where {name} is zero"
    for (a, left), (b, right) in itertools.combinations(named.items(), 2):
        if np.array_equal(left == right, wrong):
            return f"where {a} is {b}"
    telling = {name: array for name, array in named.items() if _hard_to_split(array, wrong)}
    for name, array in telling.items():
        regions = {"negative": array < 0, "positive": array > 0, "zero or less": array <= 0, "zero or more": array >= 0}
        for text, region in regions.items():
            if np.array_equal(region, wrong):
                return f"where {name} is {text}"
    for name, array in (telling | {f"|{name}|": np.abs(array) for name, array in telling.items()}).items():
        if array[wrong].min() > array[~wrong].max():
            return f"where {name} is {array[wrong].min():.4g} or more"
        if array[wrong].max() < array[~wrong].min():
            return f"where {name} is {array[wrong].max():.4g} or less"
    return ""


def _hard_to_split(array: np.ndarray, wrong: np.ndarray) -> bool:
    """Whether so many choices of as many numbers are possible that a bound between them is found by no accident."""
    n, k = len(np.unique(array)), len(np.unique(array[wrong]))
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) > math.log(100)


def _by_index(wrong: np.ndarray) -> str:
    """Return a box of indices that holds all wrong entries and few others, along as many axes as have words for it."""
    at = np.nonzero(wrong)
    if len(at[0]) == 1:
        return ""  # its index says it all
    inside = [np.unique(indices) for indices in at]
    narrow = [axis for axis, indices in enumerate(inside) if len(indices) < wrong.shape[axis]]
    for count in range(len(narrow), 0, -1):
        for axes in itertools.combinations(narrow, count):
            box = math.prod(len(indices) if axis in axes else wrong.shape[axis] for axis, indices in enumerate(inside))
            words = [_indices(inside[axis], wrong.shape[axis], axis, wrong.ndim) for axis in axes]
            if all(words) and 3 * len(at[0]) >= 2 * box:
                return "in " + " and ".join(words)
    return ""


def _indices(inside: np.ndarray, n: int, axis: int, ndim: int) -> str:
    """Name some of n indices along an axis; "" when they follow no order."""
    first, last, count, of = int(inside[0]), int(inside[-1]), len(inside), f"of axis {axis}"
    thing, things = ("entry", "entries") if ndim == 1 else ("slice", "slices")
    if count == 1:
        word = {0: f"the first {thing}", n - 1: f"the last {thing}"}.get(first, f"{thing} {first}")
    elif last - first == count - 1:
        half = {0: "the first half", n - count: "the second half"} if 2 * count == n else {}
        word = half.get(first, f"{things} {first} to {last}")
    elif first == 0 and last == n - 1 and count == 2:
        word = f"the first and the last {thing}"
    elif len(steps := set(np.diff(inside).tolist())) == 1 and count > 2:
        return f"every {_ordinal(steps.pop())} {thing} {of}, from {first} on"
    elif count <= 3:
        word = f"{things} {', '.join(map(str, inside[:-1]))} and {last}"
    else:
        return ""
    return f"{word} {of}"


def _ordinal(n: int) -> str:
    return {2: "second", 3: "third"}.get(n, f"{n}th")
