"""Hypotheses about the layout: the right entries at wrong places, and what varies along some axes and not along others.

They look at whole arrays. Each says how the sentence "it ..." goes on, or "" when it does not fit.
"""

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from fnn.check.diagnosis.evidence import Evidence, broadcasts, near


def transposed(e: Evidence) -> str:
    """The axes are in another order."""
    for axes in itertools.permutations(range(min(e.want.ndim, 4))):
        turned = e.want.transpose(axes) if len(axes) == e.want.ndim else e.want
        if turned.shape == e.got.shape and e.equal(e.got, turned):
            return "is transposed" if e.want.ndim == 2 else f"is transposed: the wanted value with its axes {axes}"
    return ""


def reversed_(e: Evidence) -> str:
    """An axis runs backwards."""
    for axis in range(e.want.ndim):
        if e.equal(e.got, np.flip(e.want, axis)):
            return f"runs backwards along axis {axis}"
    return ""


def shifted(e: Evidence) -> str:
    """Every entry is its neighbour's."""
    if near(e.got, e.want, e.eps).mean() > 0.5:
        return ""  # a run of equal entries is its own neighbour: other words tell more
    for axis, n in enumerate(e.want.shape):
        early, late = (np.arange(n - 1), np.arange(1, n))
        for ours, theirs, way in ((late, early, "later"), (early, late, "earlier")):
            if e.equal(e.got.take(ours, axis), e.want.take(theirs, axis)):
                return f"is shifted along axis {axis}: each entry stands one place {way} than wanted, off by one"
    return ""


def spread(e: Evidence) -> str:
    """It is the sum or mean over an axis in every slice along it."""
    for axis, _ in _long_axes(e):
        for name, reduced in _reductions(e.want, axis):
            if e.equal(e.got, np.broadcast_to(reduced, e.got.shape), parameters=e.got.size - reduced.size):
                return f"is the {name} of the wanted slices in every slice along axis {axis}: reduced, then spread out"
    return ""


def not_reduced(e: Evidence) -> str:
    """A sum or mean over an axis was left out."""
    for axis, _ in _long_axes(e):
        for name, reduced in _reductions(e.got, axis):
            if e.equal(np.broadcast_to(reduced, e.got.shape), e.want, parameters=e.got.size - reduced.size):
                return f"lacks a {name} over axis {axis}, which gives what is wanted"
    return ""


def same_slices(e: Evidence) -> str:
    """It is the same in every slice along an axis, and should not be, or the other way round."""
    for axis, n in _long_axes(e):
        got, want = (_constant(e, array, axis) for array in (e.got, e.want))
        if got and not want:
            return f"is the same in all {n} slices along axis {axis}, and should not be"
        if want and not got:
            return f"differs along axis {axis}, and should be the same in all {n} slices: a sum or mean left out?"
    return ""


def reordered(e: Evidence) -> str:
    """It has the right entries in another order."""
    if near(e.got, e.want, e.eps).mean() > 0.5 or not e.equal(np.sort(e.got, None), np.sort(e.want, None)):
        return ""
    return "has the wanted entries in another order: a reshape, a transpose or a gather gone wrong?"


def axis_factor(e: Evidence) -> str:
    """The ratio to what is wanted depends on some axes alone."""
    told = e.want != 0
    ratios = np.where(told, e.got / np.where(told, e.want, 1), np.nan)
    for axes, kept, _ in _fewer_axes(e.want):
        once = _median(ratios, axes)
        if e.equal(e.got, np.where(np.isnan(once), 0, once) * e.want, parameters=once.size):
            return f"is the wanted value times a factor that depends on {kept} alone: one left out, or one too many?"
    return ""


def axis_term(e: Evidence) -> str:
    """The difference from what is wanted, or its ratio to something known, is constant along some axes."""
    known = {name: array for name, array in e.named.items() if broadcasts(array, e.want)}
    for name, array in {"": np.ones(()), **known}.items():
        told = np.broadcast_to(array != 0, e.want.shape)
        parts = np.where(told, (e.got - e.want) / np.where(told, array, 1), np.nan)
        for axes, _, gone in _fewer_axes(e.want):
            once = _median(parts, axes)
            if e.equal(e.got, e.want + np.where(np.isnan(once), 0, once) * array, parameters=once.size):
                product = f"{name} times a factor" if name else "a term"
                same = f"is the same along {gone}: a sum or mean over it left out, or wrong?"
                return f"differs from the wanted value by {product} that {same}"
    return ""


def _long_axes(e: Evidence) -> Iterator[tuple[int, int]]:
    return ((axis, n) for axis, n in enumerate(e.want.shape) if n > 1)


def _reductions(array: np.ndarray, axis: int) -> Iterator[tuple[str, np.ndarray]]:
    yield "sum", array.sum(axis, keepdims=True)
    yield "mean", array.mean(axis, keepdims=True)


def _constant(e: Evidence, array: np.ndarray, axis: int) -> bool:
    first = np.broadcast_to(array.take([0], axis), array.shape)
    return e.equal(array, first, parameters=array.size // array.shape[axis])


def _fewer_axes(array: np.ndarray) -> Iterator[tuple[tuple[int, ...], str, str]]:
    """Yield the axes along which something may be constant, the most first; and in words what is kept and what not."""
    long = [axis for axis, n in enumerate(array.shape) if n > 1]
    for count in range(1, len(long)):
        for kept in itertools.combinations(long, count):
            gone = tuple(axis for axis in range(array.ndim) if axis not in kept)
            yield gone, _axes(kept), _axes(tuple(axis for axis in long if axis not in kept))


def _axes(axes: tuple[int, ...]) -> str:
    return f"axis {axes[0]}" if len(axes) == 1 else "axes " + ", ".join(map(str, axes[:-1])) + f" and {axes[-1]}"


def _median(array: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Return the median over some axes of the entries that are not NaN; NaN where there are none."""
    rest = np.moveaxis(array, axes, range(-len(axes), 0))
    columns = np.sort(rest.reshape(*rest.shape[: array.ndim - len(axes)], -1), axis=-1)
    middle = np.maximum((~np.isnan(columns)).sum(-1, keepdims=True) - 1, 0) // 2
    return np.expand_dims(np.take_along_axis(columns, middle, -1)[..., 0], axes)


ORDER: tuple[Callable[[Evidence], str], ...] = (transposed, reversed_, shifted, spread, not_reduced)
LOOSE_ORDER: tuple[Callable[[Evidence], str], ...] = (same_slices, reordered)
ALONG_AXES: tuple[Callable[[Evidence], str], ...] = (axis_factor, axis_term)
