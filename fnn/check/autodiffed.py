"""What JAX differentiates by itself: the primitives between the inputs and the output that no hand-written rule covers.

Of the equations that carry a gradient (activity.py), a call of a `jax.custom_vjp` is a rule's, rearranging is left to
JAX's transposes, and all else is JAX's own derivative.
"""

import collections
import functools
import inspect
import traceback
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax

from fnn.check import programs
from fnn.check.activity import CONTAINERS, active, function_name
from fnn.check.leaves import is_inexact

# Their transposes rearrange, copy or add up: "reshape, transpose, slice, concatenate, broadcast, dtype conversion".
STRUCTURAL = frozenset(
    {
        *("reshape", "squeeze", "expand_dims", "transpose", "rev"),  # the same entries in another shape or order
        *("slice", "dynamic_slice", "split", "unstack"),  # some of the entries
        *("concatenate", "stack"),
        "pad",  # concatenation with a constant; the transpose of slice
        "dynamic_update_slice",  # concatenation at a place known at run time: no entries meet, as in scatter they may
        *("broadcast_in_dim", "tile"),  # the transpose is a sum
        "pvary",  # the broadcast over devices that shard_map writes by itself where sharded and whole arrays meet
        *("convert_element_type", "reduce_precision"),  # between floating dtypes; the second there and back
        *("copy", "copy_p", "name", "optimization_barrier"),  # the value itself: jnp.copy, checkpoint_name
        *("device_put", "sharding_constraint", "layout_constraint", "reshard"),  # the value itself, in another place
    }
)
_NAMES = {"pjit": "jit", "remat2": "remat", "checkpoint": "remat"}  # one name for what JAX's versions call differently


class Differentiated(NamedTuple):
    """One primitive at one line."""

    primitive: str
    """JAX's name of it; ``custom_jvp_call[relu]`` for a function with a forward rule; of a rule, its own name."""
    source: str
    """``file:line (function)`` of the user's code, "?" where it is unknown."""
    count: int  # pyright: ignore[reportIncompatibleMethodOverride]
    """How many equations of the program; the body of a loop counts once."""


class Autodiffed(NamedTuple):
    """What carries the gradient between the inputs and the output, in the program's order. True if JAX differentiates.

    Printed, it is a table with source lines.
    """

    differentiated: tuple[Differentiated, ...]
    """What JAX differentiates by itself."""
    structural: tuple[Differentiated, ...]
    """What only rearranges, copies or converts, and the jit, scan, cond, while, remat and shard_map on the way."""
    rules: tuple[Differentiated, ...]
    """The calls of hand-written rules."""

    def __bool__(self) -> bool:
        return bool(self.differentiated)

    def __str__(self) -> str:
        titles = ("differentiated by JAX", "structural", "hand-written rules")
        width = max(len(name) for name in (*titles, *(item.primitive for items in self for item in items)))
        lines = []
        for title, items in zip(titles, self, strict=True):
            if items:
                rows = [f"{item.primitive:<{width}}  {item.count:>5}  {item.source}" for item in items]
                lines += [f"{title:<{width}}  count  source", *rows, ""]
        return "\n".join((*lines, self._meaning()))

    def _meaning(self) -> str:
        """Say what the table means."""
        if self.differentiated:
            names = ", ".join(dict.fromkeys(item.primitive for item in self.differentiated))
            text = (
                f"JAX, not a rule, differentiates {names} between the inputs and the output: "
                "move them into a rule, or call the rule that has them."
            )
        elif self.rules:
            text = "Every derivative between the inputs and the output is a hand-written rule's."
        elif self.structural:
            text = "Between the inputs and the output there is only rearranging: nothing needs a derivative."
        else:
            text = "No operation between the inputs and the output carries a gradient."
        if loops := [item.source for item in self.structural if item.primitive == "while"]:
            text += (
                f" The gradient would pass through the while loop at {loops[0]}, which JAX cannot differentiate in "
                "reverse: use scan, or fori_loop with a fixed number of rounds."
            )
        return text


def autodiffed(f: Any, /, *args: Any, **static: Any) -> Autodiffed:
    """Return which primitives JAX, and not a rule, differentiates between the inputs and the output of ``f(*args)``.

    >>> import jax.numpy as jnp
    >>> from fnn import rules
    >>> def neuron(x, w):
    ...     return rules.tanh(x @ w).reshape(-1)
    >>> found = autodiffed(neuron, jnp.ones((4, 3)), jnp.ones((3, 2)))
    >>> bool(found), [item.primitive for item in found.differentiated]
    (True, ['dot_general'])
    >>> [item.primitive for item in found.structural], [item.primitive for item in found.rules]
    (['reshape'], ['tanh'])
    >>> assert not autodiffed(lambda x, w: rules.tanh(rules.matmul(x, w)), jnp.ones((4, 3)), jnp.ones((3, 2)))

    The inputs are the floating (real or complex) leaves of `args`, pytrees of arrays, `jax.ShapeDtypeStruct`s, Python
    numbers, keys and None; the keywords are static. Nothing is run.

    An equation is listed if it depends on an input and its result reaches a floating output, both through floating
    values: integers, booleans and `stop_gradient` end a way, and so do sign, floor, ceil and round, whose derivative
    is zero. A function with a forward rule only (`jax.custom_jvp`), which JAX transposes, counts as differentiated by
    JAX, and so does a Pallas kernel. In loops and branches, what carries a gradient in any round or branch is listed.
    So is everything that a primitive unknown here holds, and what reads from or writes to a mutable array.

    Raises TypeError for what is no function or no array, and for a function that asks for the value of an array;
    ValueError without a floating input or output.
    """
    if not callable(f):
        raise TypeError(f"autodiffed: {f!r:.80} is no function; give a function and the arguments to call it with.")
    given = {_name(path): _shape(_name(path), leaf) for path, leaf in jax.tree.leaves_with_path(args)}
    if not any(map(is_inexact, given.values())):
        raise ValueError(
            f"autodiffed: no argument is floating point ({_listed(given.items())}), so there is nothing to "
            "differentiate by; give at least one as a floating array."
        )
    closed = _traced(f, args, static)
    if not any(map(is_inexact, closed.out_avals)):
        outputs = ((f"output {number}", aval) for number, aval in enumerate(closed.out_avals))
        raise ValueError(
            f"autodiffed: no output is floating point ({_listed(outputs)}), so nothing is differentiated; "
            "return the value whose gradient you want."
        )
    counts = {kind: collections.Counter[tuple[str, str]]() for kind in Autodiffed._fields}
    for equation, source in active(closed, _caller()):
        kind, primitive = _kind(equation)
        counts[kind][primitive, source] += 1
    merged = (tuple(Differentiated(*at, count) for at, count in items.items()) for items in counts.values())
    return Autodiffed(*merged)


def _kind(equation: Any) -> tuple[str, str]:
    """Return the field of Autodiffed that an equation belongs to, and its name there."""
    name = equation.primitive.name
    if name in programs.CUSTOM_RULES:
        function = function_name(programs.nested(equation)[0])
        return ("rules", function) if name in programs.CUSTOM_VJP else ("differentiated", f"{name}[{function}]")
    return "structural" if name in STRUCTURAL or name in CONTAINERS else "differentiated", _NAMES.get(name, name)


def _traced(f: Callable[..., Any], args: tuple, static: dict[str, Any]) -> Any:
    """Return the program of ``f(*args, **static)``, or say where f wants to know a value."""
    try:
        return programs.trace(functools.partial(f, **static), *args)[0]
    except (
        jax.errors.ConcretizationTypeError,
        jax.errors.TracerArrayConversionError,
        jax.errors.TracerIntegerConversionError,
        jax.errors.NonConcreteBooleanIndexError,
    ) as error:
        places = _places(traceback.walk_tb(error.__traceback__))
        where = f" at {places[-1]}" if places else ""
        first = str(error).splitlines()[0].rstrip(".")
        raise TypeError(
            f"autodiffed: {getattr(f, '__name__', 'the function')} asks{where} for the value of an array, which has "
            f"only a shape and a dtype while a program is traced ({first}). Pass what Python "
            "decides by as a keyword, which is static, or decide by jnp.where or jax.lax.cond."
        ) from error


def _caller() -> str:
    """Return the line of the user's code that is running: what f is where f is a function of JAX's or a rule."""
    return next(iter(_places(traceback.walk_stack(inspect.currentframe()))), "?")


def _places(frames: Iterable[tuple[Any, int]]) -> list[str]:
    """Return the lines of the user's code among the frames, as `programs.source_line` writes them."""
    codes = ((frame.f_code, line) for frame, line in frames)
    return [
        f"{code.co_filename}:{line} ({code.co_qualname})"
        for code, line in codes
        if not programs.is_machinery(code.co_filename)
    ]


def _shape(name: str, leaf: Any) -> Any:
    try:
        return jax.eval_shape(lambda x: x, leaf)
    except TypeError:
        raise TypeError(
            f"autodiffed: {name} is a {type(leaf).__name__}, wanted an array or a number; "
            "pass configuration as a keyword, which is static."
        ) from None


def _name(path: Any) -> str:
    return f"argument {path[0].idx}{jax.tree_util.keystr(path[1:])}"


def _listed(avals: Iterable[tuple[str, Any]]) -> str:
    return ", ".join(f"{name} is {aval.dtype}{list(aval.shape)}" for name, aval in avals) or "there is none"
