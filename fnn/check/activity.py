"""Which equations of a program carry a gradient: those that depend on an input and of which an output depends.

A program is walked twice, into everything that it holds. Forwards: what depends on the chosen inputs. Backwards: what
of that reaches the chosen outputs. Both through floating values alone, for nothing else has a gradient. A loop is
walked until what is known of its carry stays the same, so it counts as running any number of rounds.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from jax import ref

from fnn.check import programs
from fnn.check.leaves import is_inexact

CONSTANT = frozenset({"stop_gradient", "sign", "floor", "ceil", "round", "bitcast_convert_type"})
"""Primitives whose derivative is zero everywhere, in JAX's own tables: they carry no gradient."""

# Programs within these are the primitive itself: a rule, how a reduction combines two numbers, the code of a kernel.
_INDIVISIBLE = (*programs.CUSTOM_RULES, "pallas_call", "scatter", "reduce", "select_and_scatter")
_LOOPS = ("scan", "while")
CONTAINERS = (*programs.ENTERED, "shard_map")
"""Primitives that are nothing but the programs that they hold."""


class Active(NamedTuple):
    """An equation that carries a gradient."""

    equation: Any
    source: str
    """``file:line (function)`` of the user's code, "?" where it is unknown."""


def active(closed: Any, called_at: str) -> list[Active]:
    """Return the equations that carry a gradient from a floating input to a floating output, in the program's order.

    An equation stands before those that it holds; ``called_at`` is the line to name for those that have none. What a
    primitive unknown here holds is active as a whole, and so is what reads from or writes to a mutable array.
    """
    found: list[Active] = []
    inputs, outputs = ([is_inexact(aval) for aval in avals] for avals in (closed.in_avals, closed.out_avals))
    _reaching(closed, inputs, outputs, found, called_at)
    return found[::-1]


def function_name(closed: Any) -> str:
    """Return the name of the function that was traced to a program."""
    return closed.jaxpr.debug_info.func_name


class _Loop(NamedTuple):
    """A scan or a while: one program that is run again and again."""

    body: Any
    skipped: int  # leading inputs of the equation that the body does not get
    consts: int
    carries: int
    may_not_run: bool  # then the carry comes out as it went in

    @property
    def carry(self) -> slice:
        return slice(self.consts, self.consts + self.carries)


def _loop(equation: Any) -> _Loop:
    params = equation.params
    if equation.primitive.name == "scan":
        return _Loop(params["jaxpr"], 0, params["num_consts"], params["num_carry"], params["length"] == 0)
    # What the condition of a while reads decides how often, and carries no gradient.
    return _Loop(
        params["body_jaxpr"], params["cond_nconsts"], params["body_nconsts"], len(equation.outvars), may_not_run=True
    )


def _programs(equation: Any) -> list[Any]:
    """Return the programs of a container that is no loop; their inputs are the equation's last."""
    if equation.primitive.name == "cond":
        return list(equation.params["branches"])
    return [programs.closed_program(equation.params.get("jaxpr", equation.params.get("call_jaxpr")))]


# Forwards: what depends on the chosen inputs.


def _dependent(closed: Any, inputs: Sequence[bool]) -> set[Any]:
    """Return the variables of a program that depend on the chosen inputs through floating values."""
    known = {v for v, chosen in zip(closed.jaxpr.invars, inputs, strict=True) if chosen and is_inexact(v.aval)}
    for equation in closed.jaxpr.eqns:
        outputs = _outputs(equation, _are(equation.invars, known))
        known.update(v for v, depends in zip(equation.outvars, outputs, strict=True) if depends and is_inexact(v.aval))
    return known


def _outputs_of(closed: Any, inputs: Sequence[bool]) -> list[bool]:
    return _are(closed.jaxpr.outvars, _dependent(closed, inputs))


def _outputs(equation: Any, inputs: list[bool]) -> list[bool]:
    """Return which outputs of an equation depend on the chosen inputs."""
    name, count = equation.primitive.name, len(equation.outvars)
    if name in CONSTANT or not any(inputs):
        return [False] * count
    if name in _LOOPS:
        loop = _loop(equation)
        inside = _settled(loop, inputs)
        outputs = _outputs_of(loop.body, inside)
        return _either(outputs, inside[loop.carry]) if loop.may_not_run else outputs
    if name in CONTAINERS:
        inner = _programs(equation)
        given = inputs[len(inputs) - len(inner[0].jaxpr.invars) :]
        return [any(column) for column in zip(*(_outputs_of(program, given) for program in inner), strict=True)]
    return [True] * count


def _settled(loop: _Loop, inputs: list[bool]) -> list[bool]:
    """Return which inputs of the body depend on the chosen inputs in any round."""
    inside = inputs[loop.skipped :]
    while (grown := _either(inside[loop.carry], _outputs_of(loop.body, inside)[: loop.carries])) != inside[loop.carry]:
        inside[loop.carry] = grown
    return inside


# Backwards: what of that reaches the chosen outputs.


def _reaching(
    closed: Any, inputs: Sequence[bool], outputs: Sequence[bool], found: list[Active] | None, called_at: str
) -> list[bool]:
    """Return which inputs of a program reach the chosen outputs; append the equations between to `found`, last first.

    ``called_at`` is the line that ran the program, named for equations of no line of the user's: those of jnp.var, say.
    """
    dependent = _dependent(closed, inputs)
    reached = _are(closed.jaxpr.outvars, dependent)
    wanted = {
        v for v, depends, chosen in zip(closed.jaxpr.outvars, reached, outputs, strict=True) if depends and chosen
    }
    for equation in reversed(closed.jaxpr.eqns):
        given, asked = _are(equation.invars, dependent), _are(equation.outvars, wanted)
        mutates = any(_is_mutable(v.aval) for v in equation.invars)
        if any(given) and (any(asked) or mutates) and equation.primitive.name not in CONSTANT:
            reaching = _inputs(equation, given, asked, found, called_at)
            pairs = zip(equation.invars, given, reaching, strict=True)
            wanted.update(v for v, depends, reaches in pairs if depends and reaches)
    return _are(closed.jaxpr.invars, wanted)


def _inputs(
    equation: Any, given: list[bool], asked: list[bool], found: list[Active] | None, called_at: str
) -> list[bool]:
    """Return which inputs of an equation reach the outputs asked for; append what it holds, then it, to `found`."""
    name, source = equation.primitive.name, programs.source_line(equation)
    source = called_at if source == "?" else source
    reaching = [True] * len(given)
    if name in _LOOPS:
        reaching = _through_loop(_loop(equation), given, asked, found, source)
    elif name in CONTAINERS:
        inner = _programs(equation)
        first = len(given) - len(inner[0].jaxpr.invars)  # before it, the number of the branch
        columns = [_reaching(program, given[first:], asked, found, source) for program in reversed(inner)]
        reaching = [False] * first + [any(column) for column in zip(*columns, strict=True)]
    elif not name.startswith(_INDIVISIBLE):
        for program in reversed(programs.nested(equation)):
            inputs, outputs = [True] * len(program.jaxpr.invars), [True] * len(program.jaxpr.outvars)
            _reaching(program, inputs, outputs, found, source)
    if found is not None:
        found.append(Active(equation, source))
    return reaching


def _through_loop(
    loop: _Loop, given: list[bool], asked: list[bool], found: list[Active] | None, called_at: str
) -> list[bool]:
    inside, wanted = _settled(loop, given), list(asked)
    while True:
        before = _reaching(loop.body, inside, wanted, None, called_at)[loop.carry]
        if (grown := _either(wanted[: loop.carries], before)) == wanted[: loop.carries]:
            break
        wanted[: loop.carries] = grown
    reaching = _reaching(loop.body, inside, wanted, found, called_at)
    if loop.may_not_run:
        reaching[loop.carry] = wanted[: loop.carries]
    return [False] * loop.skipped + reaching


def _are(variables: Sequence[Any], known: set[Any]) -> list[bool]:
    """Return which variables are known; a mutable floating array is, since its writes are not followed."""
    from jax.extend import core  # 15 ms that importing fnn need not take

    return [
        is_inexact(v.aval) if _is_mutable(v.aval) else not isinstance(v, core.Literal) and v in known for v in variables
    ]


def _either(left: Sequence[bool], right: Sequence[bool]) -> list[bool]:
    return [a or b for a, b in zip(left, right, strict=True)]


def _is_mutable(aval: Any) -> bool:
    return isinstance(aval, ref.AbstractRef)
