"""How far two right computations may lie apart: C eps(dtype) sqrt(length) times the scale of what is compared.

The scale of one entry is the largest entry of its leaf, plus how much the entry moves when every input moves by its
own size (its condition), plus a floor, the size of one such number (see `floors`). It is never the array's size: a
wrong bias does not hide under a weight, nor a wrong entry among many. The length is that of the longest sum in the
program, whose rounding errors grow like its root (Higham, Accuracy and Stability of Numerical Algorithms, sections
2.8 and 4.2).
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fnn.check.leaves import is_inexact
from fnn.check.programs import nested

C = 16.0
"""How many rounding errors of one operation a result may collect beside those of its sums: exp, tanh and a division
or two are each right to one or two units in the last place. The one constant of every tolerance of the checker."""


class Difference(NamedTuple):
    """Where two arrays differ the most, measured in what they were allowed."""

    ratio: float
    """The largest |got - want| / allowed; above 1 is wrong."""
    at: tuple[int, ...]
    """The index of that entry."""
    wrong: np.ndarray
    """Which entries are wrong."""


def epsilon(dtype: Any) -> float:
    """Return the distance from 1 to the next number of the dtype."""
    return float(jnp.finfo(dtype).eps)


def allowed(eps: float, length: int, want: Any, condition: Any = 0.0, floor: float = 1.0) -> np.ndarray:
    """Return C eps sqrt(length) (max |want| + condition + floor), entry by entry."""
    want = np.asarray(want)
    finite = np.abs(want[np.isfinite(want)])
    scale = np.full(want.shape, (finite.max() if finite.size else 0.0) + floor)
    return np.asarray(C * eps * math.sqrt(length) * (scale + np.asarray(condition)))


def sensitivity(run: Callable[..., Any], inputs: tuple, base: Any, eps: float, random: np.random.Generator) -> Any:
    """Return how far each number of ``run(*inputs)`` moves when every input moves by its own size, to first order."""
    step = 2.0 ** round(np.log2(eps) / 2)

    def moved(x: Any) -> np.ndarray:
        return np.asarray(x * (1 + step * random.choice([-1.0, 1.0], size=np.shape(x)))).astype(x.dtype)

    near = [run(*jax.tree.map(moved, inputs)) for _ in range(2)]

    def largest(at: Any, *others: Any) -> Any:
        with np.errstate(all="ignore"):
            size = np.max([np.abs(x.astype(np.float64) - at) for x in others], axis=0) / step
            return np.where(np.isfinite(size), size, 0.0)

    return jax.tree.map(largest, base, *near)


def floors(floats: Any, dy: Any, y: Any) -> list[float]:
    """Return for each argument x the size of one of its cotangent: |dy|, times |y| / |x| where y is the larger.

    A cotangent has the unit dy y / x, and may be a small difference of terms of that size.
    """
    cotangent, value = (max((_largest(leaf) for leaf in leaves), default=1.0) for leaves in (dy, y))
    return [cotangent * max(1.0, value / _largest(x)) if _largest(x) else cotangent for x in floats]


def _largest(array: Any) -> float:
    array = np.abs(np.asarray(array, np.float64))
    return float(np.max(array, where=np.isfinite(array), initial=0.0))


def difference(got: Any, want: Any, bound: Any) -> Difference:
    """Compare entry by entry; a NaN equals a NaN, an infinity itself."""
    got, want = np.asarray(got), np.asarray(want)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        same = (got == want) | (np.isnan(got) & np.isnan(want))
        ratio = np.where(same, 0.0, np.abs(got - want) / np.asarray(bound))
    ratio = np.where(np.isnan(ratio), np.inf, ratio)
    if not ratio.size:
        return Difference(0.0, (), np.zeros(got.shape, bool))
    index = tuple(int(axis) for axis in np.unravel_index(int(np.argmax(ratio)), ratio.shape))
    return Difference(float(ratio[index]), index, ratio > 1)


def longest_sum(closed: Any) -> int:
    """Return the number of terms of the longest sum in a program; what a scan repeats counts as often."""
    longest = 1
    for equation in closed.jaxpr.eqns:
        inner = max((longest_sum(program) for program in nested(equation)), default=1)
        times = equation.params["length"] if equation.primitive.name == "scan" else 1
        longest = max(longest, inner * times, _terms(equation))
    return longest


def _terms(equation: Any) -> int:
    name, params = equation.primitive.name, equation.params
    shapes = [v.aval.shape for v in equation.invars if hasattr(v.aval, "shape")]
    if name == "dot_general":
        return math.prod(shapes[0][axis] for axis in params["dimension_numbers"][0][0])
    if name == "conv_general_dilated":
        return math.prod(shapes[1])
    if name == "reduce_sum":
        return math.prod(shapes[0][axis] for axis in params["axes"])
    if name in ("cumsum", "cumlogsumexp"):
        return shapes[0][params["axis"]]
    if name in ("reduce_window_sum", "reduce_window"):
        return math.prod(params["window_dimensions"])
    if name == "scatter-add":
        return math.prod(shapes[2])
    return 1


def narrowest(closed: Any) -> Any:
    """Return the narrowest floating dtype that a live value of the program has; None if there is none."""
    needed = {id(v) for v in closed.jaxpr.outvars}
    writes = not closed.jaxpr.outvars  # a kernel gives its results by writing them
    dtypes = [v.aval.dtype for v in closed.jaxpr.outvars if is_inexact(v.aval)]
    for equation in reversed(closed.jaxpr.eqns):
        if writes or any(id(v) in needed for v in equation.outvars):
            needed |= {id(v) for v in equation.invars}
            dtypes += [v.aval.dtype for v in equation.outvars if is_inexact(v.aval)]
            dtypes += [found for program in nested(equation) if (found := narrowest(program)) is not None]
    return max(dtypes, key=epsilon, default=None)
