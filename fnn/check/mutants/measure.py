"""How much a wrong rule changes, in float64, and where: at the arguments, at ties, at cotangents of zeros.

A rule that is wrong for arguments in half precision alone is measured in bfloat16, against the right one there.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fnn.check import programs
from fnn.check.mutants.mutant import Mutant, Wrong, passes
from fnn.check.mutants.sample import Sample, cotangent_like, is_float

ROUNDING = 2.0**-40
"""A change below it is rounding: 4096 times the rounding unit of float64."""
CANCELLED = 2.0**-46
"""What sums that cancel may leave of the largest number beside them, 64 times the rounding unit: it counts as 0."""


class Measure:
    """What a rule gives at the points where mutants are compared with it, computed when it is first asked for."""

    def __init__(self, sample: Sample):
        self.sample = sample
        self.right: dict[str, list[np.ndarray]] = {}

    def mutant(self, wrong: Wrong) -> Mutant | None:
        """Return a mutant with its largest change at the first point where it changes anything; None if it fails."""
        for point, (arguments, dy) in points(self.sample, wrong):
            if point not in self.right:
                self.right[point] = numbers(self.sample, self.sample.rule, arguments, dy, wrong.order)
            try:
                got = numbers(self.sample, wrong.rule, arguments, dy, wrong.order)
            except Exception:
                return None
            values = len(list(filter(is_float, jax.tree.leaves(self.sample.y)))) if wrong.order == 1 else 0
            changes = largest_change(got, self.right[point], values)
            if changes > ROUNDING:
                return Mutant(wrong.name, wrong.kind, wrong.rule, wrong.order, changes, point)
        return Mutant(wrong.name, wrong.kind, wrong.rule, wrong.order, 0.0, "nowhere")


def points(sample: Sample, wrong: Wrong) -> Iterator[tuple[str, tuple[tuple, Any]]]:
    """Yield the points by name: (arguments, cotangent)."""
    if wrong.half:
        yield "in bfloat16", in_half_precision(sample)
        return
    if wrong.order == 2:
        yield "the second derivative at the arguments", (sample.arguments, sample.dy)
        return
    yield "at the arguments", (sample.arguments, sample.dy)

    def cotangent(value: Any) -> Any:
        return jax.tree.map(lambda y: cotangent_like(y, value), sample.y)

    yield "at a cotangent of zeros", (sample.arguments, cotangent(0.0))
    yield "at a cotangent of 2**768", (sample.arguments, cotangent(2.0**768))
    yield "at a cotangent of 2**-768", (sample.arguments, cotangent(2.0**-768))
    for leaf in sample.leaves if len(sample.leaves) > 1 else ():
        yield f"at a {leaf.name} of zeros", (filled(sample, 0.0, alone=leaf.path), sample.dy)
    for value in (0.0, *constants(sample)):
        yield f"at ties of {value:.6g}", (filled(sample, value), sample.dy)


def in_half_precision(sample: Sample) -> tuple[tuple, Any]:
    """Return the arguments and the cotangent in bfloat16; the cotangent of an output that stays wider is wider."""
    halved = lambda leaf: np.asarray(leaf, jnp.bfloat16) if is_float(leaf) else leaf  # noqa: E731
    arguments = jax.tree.map(halved, sample.arguments)
    y = jax.eval_shape(lambda: sample.rule(*arguments, **sample.static))
    dy = jax.tree.map(lambda leaf, given: cotangent_like(leaf, given) if is_float(leaf) else given, y, sample.dy)
    return arguments, dy


def filled(sample: Sample, value: float, *, alone: tuple | None = None) -> tuple:
    """Return the arguments with one value in every entry, of all float arrays or of the one at a path."""
    paths = [leaf.path for leaf in sample.leaves] if alone is None else [alone]
    fill = lambda path, leaf: np.full_like(leaf, value) if path in paths else leaf  # noqa: E731
    return jax.tree.map_with_path(fill, sample.arguments)


def constants(sample: Sample) -> list[float]:
    """Return the constants in the programs of both passes, and their opposites: where the kinks of a rule may be."""
    forward, backward, names = passes(sample.rule)
    kept = {name: sample.static[name] for name in names}
    from jax.extend import core

    arrays = jax.tree.map(jnp.asarray, sample.arguments)
    traced = (
        programs.trace(lambda *given: forward(*given, **sample.static), *arrays)[0],
        programs.trace(lambda *given: backward(*given, **kept), sample.saved, sample.dy)[0],
    )
    found = {
        abs(float(variable.val))
        for equation in itertools.chain(*map(programs.equations, traced))
        for variable in equation.invars
        if isinstance(variable, core.Literal) and np.ndim(variable.val) == 0 and is_float(variable.val)
    }
    finite = sorted(value for value in found | {1.0} if 0 < value < 1e4)
    return [signed for value in finite[:12] for signed in (value, -value)]


def numbers(sample: Sample, rule: Callable[..., Any], arguments: tuple, dy: Any, order: int) -> list[np.ndarray]:
    """Return the values and the cotangents of a rule; of order 2, the gradients of a random sum of its cotangents."""
    leaves, tree = jax.tree.flatten(arguments)
    floats = [jnp.asarray(leaf) for leaf in leaves if is_float(leaf)]

    def call(*given: Any) -> Any:
        rest = iter(given)
        whole = jax.tree.unflatten(tree, [next(rest) if is_float(leaf) else leaf for leaf in leaves])
        return rule(*whole, **sample.static)

    def pull(floats: list[Any], dy: Any) -> Any:
        y, backward = jax.vjp(call, *floats)
        return y, backward(dy)

    if order == 1:
        return [np.asarray(leaf) for leaf in jax.tree.leaves(pull(floats, dy)) if is_float(leaf)]
    draw = np.random.default_rng(1)
    direction = [draw.standard_normal(leaf.shape) for leaf in floats]

    def probe(floats: list[Any], dy: Any) -> Any:
        return sum((a * b).sum() for a, b in zip(pull(floats, dy)[1], direction, strict=True))

    return [np.asarray(leaf) for leaf in jax.tree.leaves(jax.grad(probe, (0, 1), allow_int=True)(floats, dy))]


def largest_change(got: list[np.ndarray], want: list[np.ndarray], values: int = 0) -> float:
    """Return the largest |got - want|, in proportion to the largest entry of its array; inf where one alone is NaN.

    The first arrays are values, so many, the others cotangents. Among each kind, what is no more than rounding beside
    the largest entry of all is no change: a cotangent that is 0 because its terms cancel may come out as 1e-17.
    """
    worst = 0.0
    for kind in (slice(values), slice(values, None)):
        noise = CANCELLED * max(map(_scale, want[kind]), default=0.0)
        for g, w in zip(got[kind], want[kind], strict=True):
            if g.dtype == jax.dtypes.float0:
                continue
            with np.errstate(all="ignore"):
                difference = np.where((g == w) | (np.isnan(g) & np.isnan(w)), 0.0, np.abs(g - w))
                change = np.max(np.where(np.isnan(difference), np.inf, difference), initial=0.0)
                scale = _scale(w)
            if change > noise:
                worst = max(worst, float(change / scale) if scale else np.inf)
    return worst


def _scale(x: np.ndarray) -> float:
    """Return the largest finite entry; 0 if there is none."""
    if x.dtype == jax.dtypes.float0:
        return 0.0
    return float(np.max(np.abs(x), initial=0.0, where=np.isfinite(x)))
