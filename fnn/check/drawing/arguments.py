"""Arguments for a function, drawn from its annotations: shapes first, then numbers on which it is well behaved.

What fits is found by asking the function: shapes by `jax.eval_shape`, the richest call first and then, step by step,
other sizes, fewer optional arguments, other kinds of array. Each float argument is drawn from the first of the
DOMAINS (the line, positive numbers, the unit interval, ...) on which value and gradient are tame.

    >>> from fnn import rules
    >>> (x, y), static = draw(rules.power)
    >>> x.shape, bool((x > 0).all()), bool((y > 0).all())         # real powers want a positive base
    ((3, 4), True, False)
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fnn.check.drawing.annotations import Leaf, Parameter, alternatives, name_of, parameters
from fnn.check.drawing.domains import DOMAINS, apart, tameness
from fnn.check.drawing.sizes import BARE, ROWS, Size, assigned, letter_of, shape_of
from fnn.check.leaves import sentence_of

NOTHING: Mapping[str, Any] = MappingProxyType({})
_TRIES = 300  # calls that are asked for at most; only functions that take nothing meet the limit
_DOMAIN_TRIES = 64
_SAMPLES = 4  # a domain must do on each of so many draws: one small draw may be lucky


def draw(
    function: Callable[..., Any],
    seed: int = 0,
    *,
    shapes: Sequence[str] = (),
    sizes: Mapping[str, Size] = NOTHING,
    given: Mapping[str, Any] = NOTHING,
    row: int | None = None,
    way: int = 0,
) -> tuple[tuple, dict[str, Any]]:
    """Return arguments for a function, drawn from its annotations: (positional arguments, static configuration).

    function: a `Rule`, a `jax.custom_vjp` function, a jit or a partial of one, or any function whose parameters are
    annotated with jaxtyping; `shapes` stand for the annotations of its first parameters where it has none. Letters
    are shared between the arguments; `sizes` gives some of them their sizes, `given` some parameters their values.
    `row` of `drawing.sizes.ROWS` gives all sizes, and `way` counts the ways to call the function that it takes; a
    test that draws them prints them.

    Arrays are NumPy's, floats in float64. Optional arrays are given, unless the function takes the call only without
    them. Configuration is at its default. The same seed gives the same arguments. Raises ValueError where the
    annotations do not say enough, or the function takes nothing that they allow.

    >>> from fnn import rules
    >>> args, static = draw(rules.linear, sizes={"*batch": 5})
    >>> [argument.shape for argument in args], static
    ([(5, 4), (4, 5), (5,)], {})
    """
    rows = range(len(ROWS)) if row is None else [row]
    found = calls(function, shapes=shapes, sizes=sizes, given=given, rows=rows)
    call = next(itertools.islice(found, way, None), None)
    if call is None:
        raise ValueError(f"{name_of(function)}: way = {way}, but it can be called in fewer ways; they count from 0.")
    return call.draw(seed)


def options(
    function: Callable[..., Any], *, shapes: Sequence[str] = (), given: Mapping[str, Any] = NOTHING
) -> dict[str, tuple[Any, ...]]:
    """Return for each static parameter of a function the values worth trying: what `draw` takes, and others.

    Both booleans, every string of a Literal, another number, another tuple, None where it may be; each of them one
    that the function takes when the others are as drawn.

    >>> from fnn import rules
    >>> options(rules.mean)
    {'axis': (None, 1, (1,)), 'keepdims': (False, True)}
    """
    return next(calls(function, shapes=shapes, given=given)).options()


def calls(
    function: Callable[..., Any],
    *,
    shapes: Sequence[str] = (),
    sizes: Mapping[str, Size] = NOTHING,
    given: Mapping[str, Any] = NOTHING,
    rows: Sequence[int] = range(len(ROWS)),
) -> Iterator["Call"]:
    """Yield the calls that a function takes, the richest on plain sizes first: the words of `draw`, rows of ROWS.

    Each after the first shows something that none before did: other sizes, another rank or kind of one argument.

    >>> from fnn import rules
    >>> for call in calls(rules.linear, rows=[0]):
    ...     print(call)
    linear(x float64 (2, 3, 4), w float64 (4, 5), b float64 (5,))
    linear(x float64 (2, 3, 4), w float64 (4, 5))
    """
    found = parameters(function, shapes, given)
    axes = [leaf.axes for p in found for leaf in jax.tree.leaves(p.candidates) if isinstance(leaf, Leaf)]
    letters = assigned(axes, 0)
    if unknown := set(sizes) - set(letters):
        raise ValueError(
            f"{name_of(function)}: sizes were given for {', '.join(sorted(unknown))}, but the axes are named "
            f"{', '.join(letters) or '(none)'}."
        )
    floats = any(_is_inexact(leaf) for p in found for leaf in jax.tree.leaves(p.candidates))
    if set(letters) == set(sizes):
        rows = rows[:1]
    first: tuple[Call, Exception] | None = None
    shown: set[tuple[int, int]] = set()
    for row, *choice in itertools.islice(_nearest([len(rows), *(len(p.candidates) for p in found)]), _TRIES):
        shows = set(enumerate((row, *choice)))
        if shows <= shown:
            continue
        trees = [p.candidates[number] for p, number in zip(found, choice, strict=True)]
        call = Call(function, found, _sized(found, trees, assigned(axes, rows[row]) | dict(sizes)))
        if floats and not call.float_names:
            continue  # integers alone have no gradient
        error = call.refusal()
        if error is None:
            shown |= shows
            yield call
        elif first is None:
            first = call, error
    if first is not None and not shown:
        raise ValueError(
            f"{name_of(function)}: it takes nothing that its annotations allow. {first[0]} raises "
            f"{sentence_of(first[1])}. Pass arguments of your own, or sizes."
        ) from first[1]


@dataclasses.dataclass(frozen=True, repr=False)
class Call:
    """A function with the shapes of one call: what to draw, and from where."""

    function: Callable[..., Any]
    parameters: list[Parameter]
    trees: dict[str, Any]
    """For each parameter a tree whose arrays are still to be drawn."""

    @property
    def name(self) -> str:
        """The function's name."""
        return name_of(self.function)

    @property
    def float_names(self) -> list[str]:
        """The names of the parameters that hold real or complex arrays."""
        return [name for name, tree in self.trees.items() if any(map(_is_inexact, jax.tree.leaves(tree)))]

    def draw(self, seed: int = 0) -> tuple[tuple, dict[str, Any]]:
        """Return (positional arguments, static configuration), which depend on the seed alone."""
        return self._split(self._values(seed, self._domains))

    def options(self) -> dict[str, tuple[Any, ...]]:
        """Return for each static parameter the values worth trying that the function takes, that of `draw` first."""
        found = {}
        for p in self.parameters:
            if p.positional or any(isinstance(leaf, _Array) for leaf in jax.tree.leaves(self.trees[p.name])):
                continue
            kept = [self.trees[p.name]]
            for value in alternatives(p):
                # All booleans and strings, but one other number, one other tuple.
                is_new = isinstance(value, (bool, str)) or type(value) not in map(type, kept[1:])
                if is_new and repr(value) not in map(repr, kept) and self.having(p.name, value) is not None:
                    kept.append(value)
            found[p.name] = tuple(kept)
        return found

    def having(self, name: str, value: Any) -> "Call | None":
        """Return the call with another value of a static parameter, None if the function does not take it."""
        other = dataclasses.replace(self, trees=self.trees | {name: value})
        return other if other.refusal() is None else None

    def refusal(self) -> Exception | None:
        """Call the function on shapes alone; return what it raises, None if it takes them."""
        leaves, tree = jax.tree.flatten(self.trees)
        structs = {number: leaf.struct() for number, leaf in enumerate(leaves) if isinstance(leaf, _Array)}

        def call(arrays: dict[int, Any]) -> Any:
            filled = [arrays.get(number, leaf) for number, leaf in enumerate(leaves)]
            args, static = self._split(jax.tree.unflatten(tree, filled))
            return self.function(*args, **static)

        try:
            try:
                y = jax.eval_shape(call, structs)
            except jax.errors.JAXTypeError:  # it looks at values
                y = call(dict(enumerate(jax.tree.leaves(self._values(0, {})))))
            arrays = [leaf for leaf in jax.tree.leaves(y) if hasattr(leaf, "shape")]
            if arrays and not any(math.prod(leaf.shape) for leaf in arrays):
                raise ValueError("its output has no entry.")
        except Exception as error:
            return error
        return None

    def __repr__(self) -> str:
        """Return names, dtypes and shapes."""
        texts = []
        for name, tree in self.trees.items():
            for path, leaf in jax.tree.leaves_with_path(tree):
                where = name + jax.tree_util.keystr(path)
                texts.append(f"{where} {leaf}" if isinstance(leaf, _Array) else f"{where}={leaf!r}")
        return f"{self.name}({', '.join(texts)})"

    def _split(self, values: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        positional = [(p, values[p.name]) for p in self.parameters if p.positional]
        while positional and positional[-1][1] is positional[-1][0].default is not None:
            positional.pop()  # configuration by position, left at its default
        return tuple(v for _, v in positional), {p.name: values[p.name] for p in self.parameters if not p.positional}

    def _values(self, seed: int, domains: dict[str, int]) -> dict[str, Any]:
        generator = np.random.default_rng(seed)
        arrays = [leaf for leaf in jax.tree.leaves(self.trees) if isinstance(leaf, _Array)]
        uniform = iter(apart(generator, sum(a.size * (1 + a.is_complex) for a in arrays if _is_inexact(a))))
        indexed = {item for a in arrays if _is_inexact(a) for item in a.letters.items()}

        def fill(leaf: Any, domain: Callable[[np.ndarray], np.ndarray]) -> Any:
            if not isinstance(leaf, _Array):
                return leaf
            if _is_inexact(leaf):
                parts = [leaf.filled(itertools.islice(uniform, leaf.size)) for _ in range(1 + leaf.is_complex)]
                return domain(parts[0]) + 1j * domain(parts[1]) if leaf.is_complex else domain(parts[0])
            if leaf.dtype == "bool":
                return leaf.filled(generator.permutation(leaf.size) % 2 == 0)
            if leaf.dtype == "key":
                key = jax.random.key(seed)
                return jax.random.split(key, leaf.shape) if leaf.shape else key
            if leaf.dtype == "raw key":
                return np.asarray(jax.random.key_data(jax.random.key(seed)))
            # An index points along an axis that it does not have itself, as a label does along the classes.
            sizes = [size for letter, size in indexed if letter not in leaf.letters]
            return leaf.filled(generator.integers(0, min(sizes, default=2), leaf.size))

        return {
            name: jax.tree.map(functools.partial(fill, domain=DOMAINS[domains.get(name, 0)]), tree)
            for name, tree in self.trees.items()
        }

    @functools.cached_property
    def _domains(self) -> dict[str, int]:
        names = self.float_names
        share = tameness(self.function, *self._split(self._values(0, {})))
        best, best_share = {}, -1.0
        for choice in itertools.islice(_nearest([len(DOMAINS)] * len(names)), _DOMAIN_TRIES):
            domains = dict(zip(names, choice, strict=True))
            shares = (share(*self._split(self._values(seed, domains))) for seed in range(_SAMPLES))
            worst = min(shares)
            if worst > best_share:
                best, best_share = domains, worst
            if best_share == 1:
                break
        return best


@dataclasses.dataclass(frozen=True)
class _Array:
    """A `Leaf` whose axes have sizes."""

    dtype: str
    shape: tuple[int, ...]
    letters: dict[str, int]
    """The axes that have a letter of their own, with their sizes."""

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def is_complex(self) -> bool:
        return self.dtype == "complex128"

    def struct(self) -> Any:
        """Return what stands for the array in `jax.eval_shape`, in JAX's own default dtype."""
        if self.dtype == "key":
            return jax.eval_shape(lambda: jnp.broadcast_to(jax.random.key(0), self.shape))
        dtype = {"float64": float, "complex128": complex, "int64": int, "raw key": "uint32"}.get(self.dtype, self.dtype)
        return jax.ShapeDtypeStruct(self.shape, jax.dtypes.canonicalize_dtype(dtype))

    def filled(self, values: Any) -> np.ndarray:
        """Return the array of these values."""
        dtype = "float64" if _is_inexact(self) else self.dtype
        return np.asarray(list(values), dtype).reshape(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype} {self.shape}"


def _sized(found: list[Parameter], trees: list[Any], sizes: dict[str, Size]) -> dict[str, Any]:
    """Return the trees with `_Array`s for `Leaf`s; a bare "..." is a part of the first array's shape."""
    base: tuple[int, ...] | None = None

    def size(leaf: Any) -> Any:
        nonlocal base
        if not isinstance(leaf, Leaf):
            return leaf
        shape = shape_of(leaf.axes, sizes)
        if leaf.axes == BARE:
            shape = _part(shape if base is None else base, leaf.part)
        if leaf.dtype == "raw key":
            shape = jax.eval_shape(jax.random.PRNGKey, 0).shape
        elif leaf.dtype != "key" and base is None:
            base = shape
        letters = {letter: sizes.get(letter) for letter in map(letter_of, leaf.axes)}
        return _Array(leaf.dtype, shape, {k: v for k, v in letters.items() if isinstance(v, int)})

    return {p.name: jax.tree.map(size, tree) for p, tree in zip(found, trees, strict=True)}


def _is_inexact(leaf: Any) -> bool:
    return getattr(leaf, "dtype", None) in ("float64", "complex128")


def _nearest(counts: list[int]) -> Iterator[tuple[int, ...]]:
    """Yield all tuples of indexes below the counts, those with the least sum first."""
    for total in range(sum(counts) - len(counts) + 1):
        yield from _with_sum(counts, total)


def _with_sum(counts: list[int], total: int) -> Iterator[tuple[int, ...]]:
    if not counts:
        if total == 0:
            yield ()
        return
    for index in range(min(total, counts[0] - 1) + 1):
        for rest in _with_sum(counts[1:], total - index):
            yield (index, *rest)


def _part(shape: tuple[int, ...], part: str) -> tuple[int, ...]:
    return {"whole": shape, "leading": shape[:-1], "last": shape[-1:], "none": ()}[part]
