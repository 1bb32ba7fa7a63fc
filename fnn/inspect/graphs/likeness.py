"""When two steps of a program are equal, and what equal things that differ in a number are called together."""

import itertools
import re
from collections.abc import Sequence
from typing import Any

from fnn.inspect.graphs.program import Block, Step, Value
from fnn.inspect.graphs.structure import describe

_DEEPER = {"[i]": "[j]", "[j]": "[k]", "[k]": "[l]"}
# Where a slice is cut out may move with the rounds, and whether a dtype is weak is seen nowhere.
_IGNORED = ("start_indices", "limit_indices", "weak_type", "debug_info")


class Likeness:
    """Numbers for the steps of a program, equal where the steps are."""

    def __init__(self, program: Block) -> None:
        self.program = program
        self.numbers: dict[Any, int] = {}

    def of(self, step: Step) -> int:
        """Return the number of a step; a folded one is like no other."""
        key = id(step) if step.rounds else _step(step, self.program)
        return self.numbers.setdefault(key, len(self.numbers))


def common(names: Sequence[str]) -> str | None:
    """Return one name for names that differ in a number alone, which goes up or down evenly; None where there is none.

    >>> common(["params[0].w", "params[2].w", "params[4].w"]), common(["w1", "w2", "w3"])
    ('params[i].w', 'w[i]')
    >>> common(["x", "x"]), common(["x", "y"]), common(["a[0][1]", "a[1][0]"]), common(["p[0].w[i]", "p[1].w[i]"])
    ('x', None, None, 'p[i].w[j]')
    """
    if len(set(names)) == 1:
        return names[0]
    texts = [re.split(r"(\d+)", name) for name in names]
    if len({tuple(text[::2]) for text in texts}) > 1:
        return None
    differing = [place for place in range(1, len(texts[0]), 2) if len({text[place] for text in texts}) > 1]
    found = {tuple(int(text[place]) for text in texts) for place in differing}
    if len(found) != 1:
        return None
    steps = {b - a for a, b in itertools.pairwise(found.pop())}
    if len(steps) > 1 or 0 in steps:
        return None
    parts = [re.sub(r"\[[ijk]\]", lambda round_: _DEEPER[round_[0]], part) for part in texts[0]]
    for place in differing:
        parts[place] = "i" if parts[place - 1].endswith("[") and parts[place + 1].startswith("]") else "[i]"
    return "".join(parts)


def common_inside(bodies: Sequence[Block | None]) -> list[tuple[Any, str, str]] | None:
    """Return what all of equal loops' bodies are called: objects of the first one, an attribute, its common text."""
    found = []
    blocks = [body for body in bodies if body is not None]
    if not blocks:
        return []
    for group in zip(*(block.inputs for block in blocks), strict=True):
        found.append((group[0], "name", common([v.name for v in group])))
    for group in zip(*(block.steps for block in blocks), strict=True):
        found.append((group[0], "path", common([step.path for step in group])))
        inner = common_inside([step.body for step in group])
        if inner is None:
            return None
        found.extend(inner)
    return None if any(text is None for _, _, text in found) else found


def _step(step: Step, block: Block) -> Any:
    """Return what makes a step: two with equal ones differ in nothing but where their inputs come from."""
    arrays = tuple(tuple(_array(v) for v in values) for values in (step.inputs, step.outputs))
    depends = tuple(v.depends for v in step.outputs)
    if step.body is None:
        return describe(step.equation), _parameters(step.equation), arrays, depends
    wanted = tuple(v in block.wanted for v in step.outputs)
    reverse = step.equation.params["reverse"]
    return "repeat", step.consts, step.carries, step.times, reverse, arrays, depends, wanted, _body(step.body)


def _body(body: Block) -> Any:
    """Return what makes a loop's body, in which its values are numbered."""
    numbers: dict[Value, int] = {}

    def numbered(v: Value) -> Any:
        if v not in numbers and v.constant is not None:
            return _constant(v.constant)
        return numbers.setdefault(v, len(numbers))

    inputs = tuple((numbered(v), _array(v), v.depends, v in body.wanted, bool(v.name)) for v in body.inputs)
    steps = []
    for step in body.steps:
        wired = tuple(map(numbered, step.inputs)), tuple(map(numbered, step.outputs))
        depends = tuple(v.depends for v in step.inputs)
        steps.append((_step(step, body), wired, depends, not body.wanted.isdisjoint(step.outputs)))
    return inputs, tuple(steps), tuple(map(numbered, body.outputs))


def _array(v: Any) -> Any:
    return getattr(v.aval, "shape", None), str(getattr(v.aval, "dtype", v.aval))


def _constant(value: Any) -> Any:
    return repr(value) if getattr(value, "shape", ()) == () else (value.shape, str(value.dtype))


def _parameters(equation: Any) -> Any:
    """Return an equation's parameters: what it holds as programs, all else by value. Of a rule the forward counts."""
    from fnn.check import programs

    programs_inside = tuple(map(_program, programs.nested(equation)))
    if equation.primitive.name in programs.CUSTOM_RULES:
        return programs_inside
    plain = []
    for name, value in sorted(equation.params.items()):
        if name in _IGNORED or _holds_program(value):
            continue
        try:
            hash(value)
        except TypeError:
            value = id(value)  # in doubt they differ
        plain.append((name, value))
    return tuple(plain), programs_inside


def _holds_program(value: Any) -> bool:
    from jax.extend import core

    several = value if isinstance(value, (tuple, list)) else (value,)
    return any(isinstance(item, (core.ClosedJaxpr, core.Jaxpr)) for item in several)


def _program(closed: Any) -> Any:
    """Return what makes a program that is not entered: its equations, with its variables numbered."""
    from jax.extend import core

    numbers: dict[Any, Any] = {}
    unused = itertools.count()

    def numbered(atom: Any) -> Any:
        if isinstance(atom, core.Literal):
            return _constant(atom.val)
        if atom not in numbers:
            numbers[atom] = next(unused)
        return numbers[atom]

    constants = tuple((numbered(v), _constant(c)) for v, c in zip(closed.jaxpr.constvars, closed.consts, strict=False))
    inputs = tuple((numbered(v), _array(v)) for v in closed.jaxpr.invars)
    equations = []
    for equation in closed.jaxpr.eqns:
        wired, arrays = tuple(map(numbered, equation.invars)), tuple(map(_array, equation.outvars))
        if equation.primitive.name == "convert_element_type" and arrays == (_array(equation.invars[0]),):
            numbers[equation.outvars[0]] = wired[0]  # only JAX's note of whether the dtype is weak changes
            continue
        made = tuple(map(numbered, equation.outvars))
        equations.append((equation.primitive.name, _parameters(equation), wired, made, arrays))
    return constants, inputs, tuple(equations), tuple(map(numbered, closed.jaxpr.outvars))
