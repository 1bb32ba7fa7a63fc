"""What a signature says of a function's arguments: each parameter's annotation, read as the values it may take.

`Float[Array, "batch in"]` is an array of floats with the axes batch and in, `Float[Array, " out"] | None` an array or
None, `Literal["mean", "sum"]` one of two strings. A parameter gives a list of candidates, the richest first: trees
whose arrays are written as `Leaf`. Which of them the function takes, `fnn.check.drawing.arguments` finds out.
"""

import dataclasses
import functools
import inspect
import itertools
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import jax
import numpy as np
from jaxtyping import PyTree

from fnn.check.drawing.sizes import BARE
from fnn.rule import Rule

_PARTS = ("whole", "leading", "last", "none")
_NUMBERS = {float: (0.5, 0.25, 2.0, 0.0, -1.0), int: (1, 2, 0, 3, -1), bool: (True, False), complex: (0.5 + 1j,)}
_SCALARS = {float: "float64", complex: "complex128", int: "int64", bool: "bool"}
_PLAIN = ("float64", "int64", "key", "bool")  # what an array may hold of which nothing is said


@dataclasses.dataclass(frozen=True)
class Leaf:
    """One array that is still to be drawn."""

    dtype: str
    """A NumPy dtype, "key" for a key of `jax.random`, "raw key" for the integers of one."""
    axes: tuple[str, ...]
    """The axes as jaxtyping writes them: letters, numbers, "*batch", "...", expressions as "n-1"."""
    part: Literal["whole", "leading", "last", "none"] = "whole"
    """How much of the first array's shape an array annotated "..." takes: NumPy's broadcasting leaves that open."""


class Parameter(NamedTuple):
    """One parameter of a function."""

    name: str
    positional: bool
    candidates: list[Any]
    """The values it may take, the one to try first at the head."""
    annotation: Any
    default: Any
    """`inspect.Parameter.empty` where it must be given."""


def parameters(
    function: Callable[..., Any], shapes: Sequence[str] = (), given: Mapping[str, Any] = MappingProxyType({})
) -> list[Parameter]:
    """Return what is known of each parameter of a function.

    `shapes` stand for the annotations of the first positional parameters, all floats; `given` values are taken as
    they are. Raises ValueError for a required parameter of which nothing is known, and for a name in `given` that
    the function does not have.

    >>> from fnn import rules
    >>> [(p.name, len(p.candidates)) for p in parameters(rules.linear)]
    [('x', 1), ('w', 1), ('b', 2)]
    """
    known = _parameters(function, len(shapes))
    if unknown := [name for name in given if name not in known]:
        raise ValueError(
            f"{name_of(function)}: it has no parameter {', '.join(unknown)}; it takes ({', '.join(known)})."
        )
    hints = _hints(function)
    fixed = getattr(function, "nondiff_argnums", ())
    found: list[Parameter] = []
    for number, p in enumerate(known.values()):
        positional = p.kind is not p.KEYWORD_ONLY
        has_default = p.default is not p.empty
        annotation = hints.get(p.name, p.annotation)
        if p.name in given:
            values = [given[p.name]]
        elif positional and number < len(shapes):
            values = _with_parts(Leaf("float64", tuple(shapes[number].split())))
        else:
            values = candidates(annotation, static=not positional or has_default or number in fixed)
            if has_default:
                drawn = [v for v in values if v is not None] if _leaves(values) else []
                values = [*drawn, p.default]
        if not values:
            raise ValueError(_says_nothing(function, p, annotation))
        if not any(_leaves(p.candidates) for p in found):  # the first array is what the parts are parts of
            values = [v for v in values if not any(leaf.part != "whole" for leaf in _leaves(v)[:1])]
        found.append(Parameter(p.name, positional, values, annotation, p.default))
    return found


def name_of(function: Any) -> str:
    """Return the name to call a function by in a message."""
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "name", None) or getattr(function, "__name__", None) or type(function).__name__


def candidates(annotation: Any, *, static: bool = False) -> list[Any]:
    """Return the values that an annotation allows, as trees with `Leaf`s; none if it says nothing of values.

    Numbers are drawn as arrays, but for static configuration, and where there is a default, they are Python numbers;
    an array of which nothing else is said is then left at its default.

    >>> from jaxtyping import Array, Float
    >>> candidates(Float[Array, "batch 3"] | None)
    [Leaf(dtype='float64', axes=('batch', '3'), part='whole'), None]
    >>> candidates(typing.Literal["mean", "sum"], static=True)
    ['mean', 'sum']
    """
    again = functools.partial(candidates, static=static)
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is None or annotation is type(None):
        return [None]
    if origin is typing.Annotated:
        return again(inner[0])
    if hasattr(annotation, "__value__"):  # type X = ...
        return again(annotation.__value__)
    if hasattr(annotation, "__supertype__"):  # NewType
        return again(annotation.__supertype__)
    if origin in (typing.Union, types.UnionType):
        found = _distinct(value for one in inner for value in again(one))
        if any(leaf.dtype == "key" for leaf in _leaves(found)):  # then integers beside it are a key's
            found = [v for v in found if not any(leaf.dtype.startswith("uint") for leaf in _leaves(v))]
        return [v for v in found if v is not None] + [v for v in found if v is None]
    if origin is Literal:
        return list(inner)
    if isinstance(annotation, type(PyTree)):
        leaves = again(getattr(annotation, "leaftype", None) or jax.Array)
        return [{"a": leaf, "b": _smaller(leaf)} for leaf in leaves]
    if hasattr(annotation, "dim_str"):
        return _of_jaxtyping(annotation)
    if annotation is jax.Array or annotation is np.ndarray or origin is np.ndarray:
        return [] if static else [leaf for dtype in _PLAIN for leaf in _with_parts(Leaf(dtype, BARE))]
    if annotation in _NUMBERS:
        return [*([] if static else [Leaf(_SCALARS[annotation], ())]), *_NUMBERS[annotation]]
    return _of_container(annotation, origin, inner, again)


def alternatives(parameter: Parameter) -> list[Any]:
    """Return values of a static parameter that are worth trying beside its default."""
    default = parameter.default
    others = candidates(parameter.annotation, static=True)
    if isinstance(default, bool):
        others = [not default]
    elif isinstance(default, int):
        others = [default + 1, default - 1, 0, 2 * default]
    elif isinstance(default, float):
        others = [default + 0.5, default / 2]
    return [v for v in others if not _leaves(v)]


def _leaves(tree: Any) -> list[Leaf]:
    return [leaf for leaf in jax.tree.leaves(tree) if isinstance(leaf, Leaf)]


def _of_jaxtyping(annotation: Any) -> list[Leaf]:
    axes, dtypes = tuple(annotation.dim_str.split()), annotation.dtypes
    if not isinstance(dtypes, (tuple, list)):  # Shaped: anything
        dtypes = ("float64", "int64", "bool")
    integers = [d for d in dtypes if d.startswith("int")]
    unsigned = [d for d in dtypes if d.startswith("uint")]
    found: list[str] = []
    if any(d.startswith(("float", "bfloat")) for d in dtypes):
        found.append("float64")
    if integers:
        found.append("int64" if "int64" in integers else integers[0])
    elif unsigned:
        found += ["raw key"] * (axes in (BARE, ("2",))) + ["uint32" if "uint32" in unsigned else unsigned[0]]
    found += ["bool"] * ("bool" in dtypes) + ["key"] * ("prng_key" in dtypes)
    # Num allows complex numbers, but few functions that are annotated so mean them.
    found = found or ["complex128"] * any(d.startswith("complex") for d in dtypes)
    return [leaf for dtype in found for leaf in _with_parts(Leaf(dtype, axes))]


def _with_parts(leaf: Leaf) -> list[Leaf]:
    if leaf.axes != BARE:
        return [leaf]
    if leaf.dtype.endswith("key"):
        return [dataclasses.replace(leaf, axes=())]
    return [dataclasses.replace(leaf, part=part) for part in _PARTS]


def _smaller(tree: Any) -> Any:
    """Return a tree whose arrays annotated "..." have the last axis alone."""

    def shrink(leaf: Any) -> Any:
        return dataclasses.replace(leaf, part="last") if isinstance(leaf, Leaf) and leaf.axes == BARE else leaf

    return jax.tree.map(shrink, tree)


def _of_container(annotation: Any, origin: Any, inner: tuple, again: Callable[[Any], list[Any]]) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, tuple) and hasattr(annotation, "_fields"):
        hints = _annotations_of(annotation)
        return [annotation(*row) for row in _rows(again(hints.get(f)) for f in annotation._fields)]  # pyright: ignore[reportAttributeAccessIssue]
    if origin is tuple and len(inner) == 2 and inner[1] is Ellipsis:
        return [(value,) * count for value in again(inner[0]) for count in (2, 1)]
    if origin is tuple:
        return _rows(map(again, inner))
    if origin is dict and inner[0] is str:
        return [{"first": value, "second": value} for value in again(inner[1])]
    if origin is not None and inner and isinstance(origin, type) and issubclass(list, origin):  # list, Sequence, ...
        return [[value, value] for value in again(inner[0])]
    return []


def _rows(columns: Iterable[list[Any]]) -> list[tuple]:
    return list(itertools.islice(itertools.product(*columns), 16))


def _distinct(values: Iterable[Any]) -> list[Any]:
    # By repr, for 1, 1.0 and True are equal, and trees need not be hashable.
    return list({repr(value): value for value in values}.values())


def _says_nothing(function: Any, p: inspect.Parameter, annotation: Any) -> str:
    what = "has no annotation" if annotation is p.empty else f"is annotated {annotation}"
    if p.kind is p.KEYWORD_ONLY:
        return f"{name_of(function)}: the keyword {p.name} {what} and has no default; give it one, or a value here."
    return (
        f"{name_of(function)}: the argument {p.name} {what}, which does not say what to draw. Annotate it with "
        f'jaxtyping, as {p.name}: Float[Array, "batch features"], or pass arguments of your own.'
    )


def _parameters(function: Any, count: int) -> dict[str, inspect.Parameter]:
    """Return the parameters that may be drawn: no **kwargs, and of *args as many as make `count`."""
    try:
        signature = function.signature if isinstance(function, Rule) else inspect.signature(function)
    except (TypeError, ValueError):
        signature = inspect.Signature([inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL)])
    bound: set[str] = set()
    inner = function
    while isinstance(inner, functools.partial):
        bound |= set(inner.keywords)
        inner = inner.func
    found = [p for p in signature.parameters.values() if p.name not in bound and p.kind is not p.VAR_KEYWORD]
    positional = [p for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    keyed = [p for p in found if p.kind is p.KEYWORD_ONLY]
    starred = [p.name for p in found if p.kind is p.VAR_POSITIONAL]
    if starred:
        names = [f"{starred[0]}{number}" for number in range(count - len(positional))]
        positional += [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in names]
    if len(positional) < max(count, 1):
        wanted = f"{count} arrays" if count else "an array"
        raise ValueError(
            f"{name_of(function)}: it takes {signature}, which does not name {wanted}; give as many shapes as it takes "
            "arrays, or pass arguments of your own."
        )
    return {p.name: p for p in (*positional, *keyed)}


def _hints(function: Any) -> dict[str, Any]:
    """Return the annotations with strings resolved, as far as they can be."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        else:
            break
    if not inspect.isroutine(function):
        function = type(function).__call__
    return _annotations_of(function)


def _annotations_of(owner: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(owner, include_extras=True)
    except Exception:  # one name that cannot be resolved must not hide the others
        hints = {}
        space = getattr(owner, "__globals__", None) or vars(inspect.getmodule(owner) or types)
        for name, annotation in getattr(owner, "__annotations__", {}).items():
            try:
                hints[name] = eval(annotation, dict(space)) if isinstance(annotation, str) else annotation
            except Exception:
                hints[name] = annotation
        return hints
