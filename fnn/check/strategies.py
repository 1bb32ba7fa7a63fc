"""Hypothesis strategies for arrays and for the arguments of functions: shapes, dtypes, numbers, static options.

Hypothesis draws a row of sizes, a seed and flags; NumPy fills the arrays. There are five rows of sizes whatever the
letters (`drawing.sizes.ROWS`: distinct; even, with an axis of one; equal; odd, with three batch axes; ones), so a
test compiles at most five programs for each choice of flags, however many examples it runs. Shrinking leads to the
first row, to seed 0 and to what `check.draw` gives.

    >>> from hypothesis import given, settings
    >>> from fnn.check import strategies
    >>> @settings(max_examples=20)
    ... @given(strategies.shapes("*batch in", "in out", "out"))
    ... def letters_are_shared(drawn):
    ...     x, w, b = drawn
    ...     assert x[-1] == w[0] and w[1:] == b
    >>> letters_are_shared()

Hypothesis comes with the extra `fnn[test]`.
"""

import functools
import inspect
import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from fnn.check.drawing.arguments import NOTHING, Call, calls
from fnn.check.drawing.domains import apart, line, positive
from fnn.check.drawing.sizes import ROWS, assigned, shape_of

_WAYS = 6  # how many ways to call a function are drawn from: arguments left out, other kinds of array


def shapes(*axes: str) -> Any:
    """Return a strategy of a tuple of shapes, one for each string of axes, which share their letters.

    Axes are written as in jaxtyping: letters, numbers, "*batch", "...", expressions as "2*n". Five tuples of shapes
    exist for each call.
    """
    arrays = [tuple(one.split()) for one in axes]
    return _hypothesis().sampled_from(
        [tuple(shape_of(one, assigned(arrays, row)) for one in arrays) for row in range(len(ROWS))]
    )


def dtypes() -> Any:
    """Return a strategy of the dtypes that networks are trained in: float32, bfloat16, float16."""
    return _hypothesis().sampled_from([jnp.dtype(name) for name in ("float32", "bfloat16", "float16")])


def arrays(shape: Any, dtype: Any = "float32", *, low: float | None = None, high: float | None = None) -> Any:
    """Return a strategy of NumPy arrays; `shape` and `dtype` may be strategies themselves.

    Floats stand between `low` and `high`, or beyond the one that is given, or have the spread 1.5 around zero where
    none is; no two of them are equal before rounding. Integers go from `low` to below `high`, 0 and 2 by default.
    """

    def fill(shape: tuple[int, ...], dtype: Any, seed: int) -> np.ndarray:
        generator, kind = np.random.default_rng(seed), jnp.dtype(dtype)
        if kind == jnp.bool_:
            return generator.integers(0, 2, shape) == 1
        if jnp.issubdtype(kind, jnp.integer):
            start = 0 if low is None else int(low)
            return np.asarray(generator.integers(start, start + 2 if high is None else int(high), shape), kind)
        u = apart(generator, int(np.prod(shape))).reshape(shape)
        if low is not None and high is not None:
            values = low + (high - low) * u
        else:
            values = line(u) if low is high else low + positive(u) if low is not None else high - positive(u)
        return np.asarray(values, kind)

    st = _hypothesis()
    shape, dtype = (x if isinstance(x, st.SearchStrategy) else st.just(x) for x in (shape, dtype))
    return st.builds(_keeping_random(fill), shape, dtype, seeds())


def seeds() -> Any:
    """Return a strategy of seeds, few enough that shrinking ends soon."""
    return _hypothesis().integers(0, 999)


def static(**choices: Sequence[Any]) -> Any:
    """Return a strategy of keyword arguments, each from its choices; the first ones are the simplest.

    >>> from fnn import rules
    >>> from fnn.check.drawing import arguments
    >>> keywords = static(**arguments.options(rules.mean))
    """
    st = _hypothesis()
    return st.fixed_dictionaries({name: st.sampled_from(list(values)) for name, values in choices.items()})


def arguments(function: Callable[..., Any], *shapes: str, given: Mapping[str, Any] = NOTHING) -> Any:
    """Return a strategy of (positional arguments, static configuration) of a function, from its annotations.

    They are those of `draws`, which tells what is drawn.
    """
    return draws(function, *shapes, given=given).map(_keeping_random(Draw.values))


class Draw:
    """The words of one call of `check.draw`, and its arguments; its repr is that call."""

    def __init__(self, call: Call, seed: int, words: Mapping[str, Any]):
        self.call, self.seed, self.words = call, seed, words

    def values(self) -> tuple[tuple, dict[str, Any]]:
        """Return (positional arguments, static configuration)."""
        return self.call.draw(self.seed)

    def __repr__(self) -> str:
        """Return the call, as code."""
        words = "".join(f", {name}={value!r}" for name, value in self.words.items() if value or name == "row")
        return f"check.draw({self.call.name}, {self.seed}{words})"


def plain(function: Callable[..., Any], *shapes: str, given: Mapping[str, Any] = NOTHING) -> list[Draw]:
    """Return the plainest `Draw` on each row of sizes that a function takes; none if it takes nothing."""
    found = []
    for row in range(len(ROWS)):
        try:
            call = next(calls(function, shapes=shapes, given=given, rows=[row]))
        except ValueError:
            continue
        found.append(Draw(call, 0, {"shapes": shapes, "given": dict(given), "row": row}))
    return found


def draws(function: Callable[..., Any], *shapes: str, given: Mapping[str, Any] = NOTHING) -> Any:
    """Return a strategy of `Draw`s, the arguments of a function and how to draw them again.

    `shapes` stand for the annotations of its first parameters where it has none; `given` gives parameters their
    values. Drawn are the row of sizes, among those that the function takes; each static option from
    `drawing.arguments.options`; the way to call it, of at most six: optional arguments left out, an array of lower
    rank where it is annotated "...", integers where any number is allowed; and the seed.
    """
    st = _hypothesis()

    @functools.cache
    @_keeping_random
    def ways(row: int, *choice: int) -> tuple[list[Call], dict[str, Any]]:
        """Return the calls on a row of sizes with a choice among the options, and what the choice gives."""
        words = dict(given)
        for (name, (values, has_default)), number in zip(options(row).items(), choice, strict=True):
            if number or not has_default:
                words[name] = values[number]
        return list(itertools.islice(calls(function, shapes=shapes, given=words, rows=[row]), _WAYS)), words

    @functools.cache
    @_keeping_random
    def options(row: int) -> dict[str, tuple[tuple[Any, ...], bool]]:
        first = next(calls(function, shapes=shapes, given=given, rows=[row]))
        required = {p.name for p in first.parameters if p.default is inspect.Parameter.empty}
        found = first.options().items()
        return {name: (values, name not in required) for name, values in found if name not in given}

    @functools.cache
    @_keeping_random
    def rows() -> list[int]:
        found, error = [], None
        for row in range(len(ROWS)):
            try:
                options(row)
            except ValueError as refusal:
                error = error or refusal
            else:
                found.append(row)
        if error is not None and not found:
            raise error
        return found

    @st.composite
    def drawn(draw: Callable[[Any], Any]) -> Draw:
        row = draw(st.sampled_from(rows()))
        choice = [draw(st.integers(0, len(values) - 1)) for values, _ in options(row).values()]
        try:
            found, words = ways(row, *choice)
        except ValueError:  # each of the options is taken, but not together
            found, words = ways(row, *(0 for _ in choice))
        way = draw(st.integers(0, len(found) - 1))
        seed = draw(seeds())
        return Draw(found[way], seed, {"shapes": shapes, "given": words, "row": row, "way": way})

    return drawn()


def _keeping_random(function: Callable[..., Any]) -> Callable[..., Any]:
    """Leave Python's random state as it was: Hypothesis objects to its use, and run-time type checkers use it."""

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        state = random.getstate()
        try:
            return function(*arguments)
        finally:
            random.setstate(state)

    return call


def _hypothesis() -> Any:
    try:
        from hypothesis import strategies
    except ImportError as error:
        raise ImportError('fnn.check.strategies are those of Hypothesis; pip install "fnn[test]".') from error
    return strategies
