"""The evidence that hypotheses about a wrong array are tested on, and when two arrays are held to be the same.

A hypothesis must fit in all entries that are looked at, and in so many that random numbers would hardly fit as well:
one number is a third of another, or equal to a fourth, too easily in a coarse dtype.

The tolerance is eps^(3/4) of an entry and of the median entry: room for eps^(-1/4) roundings, one upon another (8000 in
float64, 50 in float32, 3 in bfloat16), and far from any error worth a sentence.
"""

import itertools
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np

Numbers: TypeAlias = np.ndarray | np.float64

CHANCE = 1e-5
"""A hypothesis that random numbers would fit with a larger probability is not put forward."""


def slack(eps: float) -> float:
    """Return the relative difference up to which two numbers of a dtype with this eps are held to be the same."""
    return eps**0.75


def near(got: Numbers, want: Numbers, eps: float) -> np.ndarray:
    """Return for each entry whether |got - want| <= eps^(3/4) (|want| + the median of |want| where it is not 0).

    Infinities and NaN are near themselves alone. Both arrays are of float64.

    >>> near(np.array([1.0, 1e-9, np.nan]), np.array([1 + 1e-7, 0.0, np.nan]), 2**-23)
    array([ True,  True,  True])
    """
    size = np.abs(want)
    usual = size[(size > 0) & np.isfinite(size)]
    scale = np.median(usual) if usual.size else 0.0
    with np.errstate(all="ignore"):
        within = np.abs(got - want) <= slack(eps) * (size + scale)
    return np.where(np.isfinite(got) & np.isfinite(want), within, (got == want) | (np.isnan(got) & np.isnan(want)))


class Evidence(NamedTuple):
    """A wrong array and the wanted one, of one shape and in float64, and what else is known.

    `others` is what other arguments want; of `named`, the arguments, the cotangent and the output, formulas are made;
    `at` is True at the entries that are looked at, all of which are finite.
    """

    got: np.ndarray
    want: np.ndarray
    others: dict[str, np.ndarray]
    named: dict[str, np.ndarray]
    sizes: tuple[int, ...]
    eps: float
    at: np.ndarray

    @property
    def seen(self) -> tuple[np.ndarray, np.ndarray]:
        """Got and want at the entries looked at."""
        return self.got[self.at], self.want[self.at]

    @property
    def everywhere(self) -> str:
        """The word for all entries, empty where only some are looked at."""
        return " everywhere" if self.at.all() else ""

    def entries(self, array: Numbers) -> np.ndarray:
        """Return the entries looked at of an array that broadcasts to the wanted shape."""
        return np.broadcast_to(array, self.want.shape)[self.at]

    def equal(self, a: np.ndarray, b: np.ndarray, parameters: int = 0) -> bool:
        """Whether a is b in every entry, and in enough more entries than the `parameters` of b fitted to a."""
        few = np.abs(a.flat[:64] - b.flat[:64])  # most guesses are far off, and a few entries show it
        if not (few <= 2 * slack(self.eps) * np.abs(b).max(initial=0)).all():
            return False
        telling = int(np.count_nonzero((a != 0) | (b != 0))) - parameters
        return telling > 0 and slack(self.eps) ** telling <= CHANCE and bool(near(a, b, self.eps).all())


def broadcasts(array: Numbers, like: Numbers) -> bool:
    """Whether an array broadcasts to the shape of another."""
    pairs = zip(reversed(array.shape), reversed(like.shape), strict=False)
    return array.ndim <= like.ndim and all(n in (1, m) for n, m in pairs)


def lengths(e: Evidence) -> Iterator[tuple[int, str]]:
    """Yield every length greater than 1 that a sum or mean may have had, each once, and whose it is."""
    arrays = [("", e.want)] + [(f" of {name}", array) for name, array in (e.named | e.others).items()]
    found = [(n, f"the size of axis {axis}{owner}") for owner, array in arrays for axis, n in enumerate(array.shape)]
    found += [(array.size, f"the number of entries{owner}") for owner, array in arrays]
    found += [(n, "one of the sizes") for n in e.sizes]
    first = {n: owner for n, owner in reversed(found) if n > 1}
    return ((n, first[n]) for n in dict.fromkeys(n for n, _ in found) if n > 1)


def terms(e: Evidence) -> Iterator[tuple[str, Numbers]]:
    """Yield what one or two known arrays make in the wanted shape: products, matrix products, and sums over an axis."""
    for name, array in e.named.items():
        yield from _in_shape(name, array, e.want)
    for (a, left), (b, right) in itertools.combinations_with_replacement(e.named.items(), 2):
        if broadcasts(left, right) or broadcasts(right, left):
            yield from _in_shape(f"{a} * {b}", left * right, e.want)
    flips = (("", np.asarray), (".T", np.transpose))
    matrices = [(name + t, flip(array)) for name, array in e.named.items() if array.ndim == 2 for t, flip in flips]
    for (a, left), (b, right) in itertools.product(matrices, repeat=2):
        if left.shape[1] == right.shape[0] and (left.shape[0], right.shape[1]) == e.want.shape:
            yield f"{a} @ {b}", left @ right


def _in_shape(text: str, array: Numbers, like: Numbers) -> Iterator[tuple[str, Numbers]]:
    if broadcasts(array, like):
        yield text, array
    if array.ndim == like.ndim + 1:
        for axis in range(array.ndim):
            if array.sum(axis).shape == like.shape and array.shape[axis] > 1:
                yield f"the sum of {text} over axis {axis}", array.sum(axis)
                yield f"the first slice of {text} along axis {axis}", array.take(0, axis)
