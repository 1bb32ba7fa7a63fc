"""One sentence on a wrong array: the first hypothesis that fits, of all entries or of the wrong ones alone."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from fnn.check.diagnosis.evidence import CHANCE, Evidence, broadcasts, near, slack
from fnn.check.diagnosis.layout import ALONG_AXES, LOOSE_ORDER, ORDER
from fnn.check.diagnosis.places import place
from fnn.check.diagnosis.values import FORMULAS, PLAIN, Hypothesis

_NOTHING: Mapping[str, Any] = MappingProxyType({})


def diagnose(
    got: Any,
    want: Any,
    *,
    others: Mapping[str, Any] = _NOTHING,
    arguments: Mapping[str, Any] = _NOTHING,
    known: Mapping[str, Any] = _NOTHING,
    sizes: Sequence[int] = (),
    eps: float = 2**-52,
) -> str:
    """Say in one sentence what the error in `got` looks like; "" where it is right, or where nothing fits.

    `others` are the wanted arrays of the other arguments, `arguments` the arguments, `known` whatever else a formula
    may be made of (the cotangent dy, the output y), all by name. `sizes` are lengths that a sum or mean may have had,
    beside those of the axes of all these arrays. `eps` is that of the coarsest dtype in which `got` was computed.

    >>> x, dy = np.array([1.0, -2.0, 3.0]), np.array([0.3, 0.5, -0.7])
    >>> diagnose(-2 * x * dy, 2 * x * dy)
    'it has the wrong sign everywhere'
    >>> diagnose(2 * dy, 2 * x * dy, arguments={"x": x})
    'it lacks the factor x'
    >>> diagnose(np.where(x < 0, 0, dy), np.where(x < 0, 0.1 * dy, dy))
    'it is right but at [1]: there it is zero'
    """
    with np.errstate(all="ignore"):
        g, w = _numbers(got), _numbers(want)
        if g is None or w is None:
            return ""
        if g.shape != w.shape:
            return "it " + _other_shape(g, w, eps)
        if near(g, w, eps).all():
            return ""
        formulas = _all_numbers(arguments) | _all_numbers(known)
        finite = np.isfinite(g) & np.isfinite(w)
        said = _first(HYPOTHESES, Evidence(g, w, _all_numbers(others), formulas, tuple(sizes), eps, finite))
        return said and "it " + said


def _numbers(array: Any) -> np.ndarray | None:
    """Return real numbers as float64, None for what is none."""
    try:
        array = np.asarray(array)
        return None if array.dtype == object or np.iscomplexobj(array) else array.astype(np.float64)
    except (TypeError, ValueError):
        return None


def _all_numbers(arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {name: numbers for name, array in arrays.items() if (numbers := _numbers(array)) is not None}


def _first(hypotheses: Iterable[Hypothesis], e: Evidence) -> str:
    return next(filter(None, (hypothesis(e) for hypothesis in hypotheses)), "")


def _other_shape(got: np.ndarray, want: np.ndarray, eps: float) -> str:
    said = f"has shape {got.shape}, wanted {want.shape}"
    changes = {"it is transposed": got.T} | {f"a sum over axis {a} is left out": got.sum(a) for a in range(got.ndim)}
    if got.size == want.size:
        changes["the entries are right"] = got.reshape(want.shape)
    for text, array in changes.items():
        if array.shape == want.shape and near(array, want, eps).all():
            return f"{said}: {text}"
    for axis in range(want.ndim):
        if want.sum(axis).shape == got.shape and near(got, want.sum(axis), eps).all():
            return f"{said}: it is summed over axis {axis}"
    return said


def not_finite(e: Evidence) -> str:
    """It is NaN or infinite where it should not be, or the other way round."""
    right = near(e.got, e.want, e.eps)
    bad = ~right & ~e.at
    if not bad.any():
        return ""
    kinds = {"NaN": np.isnan, "infinite": np.isinf, "finite where it should not be": np.isfinite}
    what = next((kind for kind, holds in kinds.items() if holds(e.got[bad]).all()), "NaN, infinite or wrongly finite")
    if bad.all():
        return f"is {what} everywhere"
    elsewhere = "is right" if (right | bad).all() else _first((*PLAIN, *FORMULAS), e)
    return f"is {what} {_there(e, bad)}" + (elsewhere and f"; elsewhere it {elsewhere}")


def some_entries(e: Evidence) -> str:
    """It is right but for some entries."""
    right = near(e.got, e.want, e.eps)
    telling = int((right & e.at & (e.want != 0)).sum())
    if slack(e.eps) ** telling > CHANCE or (2 * telling < right.size and not _place(e, ~right)):
        return ""
    what = _first((*PLAIN, *FORMULAS), e._replace(at=~right))
    return f"is right but {_there(e, ~right)}" + (what and f": there it {what}")


def _of_whole_arrays(hypotheses: Iterable[Hypothesis]) -> Hypothesis:
    """Return the first that fits of some hypotheses which want every entry to be finite."""
    return lambda e: _first(hypotheses, e) if e.at.all() else ""


HYPOTHESES: tuple[Hypothesis, ...] = (
    not_finite,
    *PLAIN,
    _of_whole_arrays(ORDER),
    *FORMULAS,
    _of_whole_arrays(LOOSE_ORDER),
    some_entries,
    _of_whole_arrays(ALONG_AXES),
)


def _there(e: Evidence, wrong: np.ndarray) -> str:
    """Say how many entries these are, and which."""
    count = int(wrong.sum())
    at = f"in {count} of {wrong.size} entries" if count > 1 else f"at {np.argwhere(wrong)[0].tolist()}"
    where = _place(e, wrong)
    return at + (where and f", {where}")


def _place(e: Evidence, wrong: np.ndarray) -> str:
    told = (e.got != 0) | (e.want != 0)
    named = {name: np.broadcast_to(array, wrong.shape) for name, array in e.named.items() if broadcasts(array, wrong)}
    return place(wrong, told, {**named, "the wanted value": e.want})
