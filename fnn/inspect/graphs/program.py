"""A traced function as values and steps: jaxprs entered in place, loops kept, dead code marked.

jit, remat and closed calls are read inline. A scan keeps its body as a block of its own. A jit of a function of JAX
that holds nothing of anyone else (``where``, ``clip``, ``silu``) is one step, and so is all that is not entered: the
call of a custom rule, cond, while, a kernel.
"""

import os
import re
from dataclasses import dataclass, field
from typing import Any

import jax
from jax import ref

_ROUNDS = {"[i]": "j", "[j]": "k", "[k]": "l"}  # the number of a round, by that of the repeat around


@dataclass(eq=False)
class Value:
    """One array of the program."""

    aval: Any
    depends: bool
    """Whether it depends on a floating argument."""
    origin: tuple[str, ...] = ()
    """The arguments that a value comes from which does not depend on a floating one."""
    name: str = ""
    """Its name, where it is an argument."""
    constant: Any = None
    """The array, where it is written in the program."""


@dataclass(eq=False)
class Step:
    """One equation."""

    equation: Any
    path: str
    inputs: list[Value]
    outputs: list[Value]
    body: "Block | None" = None
    """What a loop runs in each round."""
    consts: int = 0
    """How many of a loop's inputs are the same in each round: the first ones; then come the carries, then slices."""
    carries: int = 0
    times: int = 1
    """How many rounds a loop has."""
    rounds: "list[tuple[Block, list[Value]]]" = field(default_factory=list)
    """Of equal blocks that were folded: each round's own steps, the first of which is `body`, and its slices."""

    @property
    def bodies(self) -> "list[Block]":
        """All programs that a loop runs."""
        return [block for block, _ in self.rounds] or ([] if self.body is None else [self.body])


@dataclass(eq=False)
class Block:
    """A list of steps with inputs and outputs: the program, or the body of a loop."""

    inputs: list[Value]
    steps: list[Step] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    wanted: set[Value] = field(default_factory=set)
    """The values on which an output depends."""


def read(closed: Any, names: list[str]) -> Block:
    """Return the program of a closed jaxpr whose inputs have these names."""
    from fnn.check.leaves import is_inexact

    block = Block([])
    for variable, name in zip(closed.jaxpr.invars, names, strict=True):
        depends = is_inexact(variable.aval)
        block.inputs.append(Value(variable.aval, depends, () if depends else (_argument(name),), name))
    block.outputs = _enter(closed, block.inputs, block, "")
    mark(block, set(block.outputs))
    return block


def layer_path(text: str) -> str:
    """Return a name stack of JAX as a layer's path.

    >>> layer_path("jvp(serial)/[0]/transpose(dense)")
    'serial[0].dense'
    """
    while text != (text := re.sub(r"\w+\(([^()]*)\)", r"\1", text)):
        pass
    return re.sub(r"\.(?=\[)", "", ".".join(part for part in text.split("/") if part))


def is_of_jax(closed: Any) -> bool:
    """Return whether a program was traced from a function of JAX and holds none of anyone else."""
    from fnn.check import programs

    inner = [program for equation in programs.equations(closed) for program in programs.nested(equation)]
    folder = os.path.dirname(os.path.abspath(jax.__file__)) + os.sep
    return all(f" at {folder}" in (program.jaxpr.debug_info.func_src_info or "") for program in (closed, *inner))


def _argument(name: str) -> str:
    return re.split(r"[.\[]", name)[0]


def _enter(closed: Any, inputs: list[Value], block: Block, path: str) -> list[Value]:
    """Append the steps of a program to the block; return its outputs."""
    from jax.extend import core

    known = dict(zip(closed.jaxpr.invars, inputs, strict=True))
    for variable, constant in zip(closed.jaxpr.constvars, closed.consts, strict=True):
        known[variable] = Value(variable.aval, depends=False, constant=constant)

    def value(atom: Any) -> Value:
        return Value(atom.aval, depends=False, constant=atom.val) if isinstance(atom, core.Literal) else known[atom]

    for equation in closed.jaxpr.eqns:
        outputs = _step(equation, [value(atom) for atom in equation.invars], block, path)
        known.update(zip(equation.outvars, outputs, strict=True))
    return [value(atom) for atom in closed.jaxpr.outvars]


def _step(equation: Any, inputs: list[Value], block: Block, path: str) -> list[Value]:
    path = f"{path}/{equation.source_info.name_stack}"
    inner = _inline(equation)
    if inner is not None and not is_of_jax(inner):
        return _enter(inner, inputs, block, path)
    if any(isinstance(v.aval, ref.AbstractRef) for v in inputs):
        from fnn.check import programs

        raise ValueError(
            f"graph: the function reads or writes a mutable array at {programs.source_line(equation)}, which has no "
            "place in a graph of values; return the value instead."
        )
    if equation.primitive.name == "convert_element_type" and inputs[0].aval.dtype == equation.outvars[0].aval.dtype:
        return inputs  # only JAX's note of whether the dtype is weak changes
    depends = _depend(equation, [v.depends for v in inputs])
    origin = tuple(dict.fromkeys(name for v in inputs for name in v.origin))
    outputs = [Value(v.aval, d, origin) for v, d in zip(equation.outvars, depends, strict=True)]
    step = Step(equation, layer_path(path), inputs, outputs)
    block.steps.append(step)
    if equation.primitive.name == "scan":
        params = equation.params
        step.consts, step.carries, step.times = params["num_consts"], params["num_carry"], params["length"]
        step.body = _body(equation, inputs, outputs, path)
    return outputs


def _inline(equation: Any) -> Any:
    """Return the program of an equation that runs it once, in place; None for any other."""
    from fnn.check import programs

    if equation.primitive.name not in programs.ENTERED or equation.primitive.name in ("scan", "cond", "while"):
        return None
    return programs.closed_program(equation.params.get("jaxpr", equation.params.get("call_jaxpr")))


def _body(equation: Any, inputs: list[Value], outputs: list[Value], path: str) -> Block:
    """Read what a scan runs in each round."""
    params, closed = equation.params, equation.params["jaxpr"]
    consts, carries = params["num_consts"], params["num_carry"]
    body = Block([])
    for place, (variable, given) in enumerate(zip(closed.jaxpr.invars, inputs, strict=True)):
        inner = Value(variable.aval, given.depends, given.origin)
        if place < consts:
            inner.name, inner.constant = given.name, given.constant
        elif place < consts + carries:
            inner.depends = outputs[place - consts].depends
        elif given.name:
            inner.name = f"{given.name}[{_ROUNDS.get(given.name[-3:], 'i')}]"
        body.inputs.append(inner)
    body.outputs = _enter(closed, body.inputs, body, path)
    return body


def _depend(equation: Any, inputs: list[bool]) -> list[bool]:
    """Return which outputs of an equation depend on those inputs."""
    if equation.primitive.name != "scan" or not any(inputs):
        return [any(inputs)] * len(equation.outvars)
    consts, carries = equation.params["num_consts"], equation.params["num_carry"]
    inputs = list(inputs)
    while True:
        outputs = _program_depends(equation.params["jaxpr"], inputs)
        carry = [a or b for a, b in zip(inputs[consts : consts + carries], outputs[:carries], strict=True)]
        if carry == inputs[consts : consts + carries]:
            return [*carry, *outputs[carries:]]
        inputs[consts : consts + carries] = carry


def _program_depends(closed: Any, inputs: list[bool]) -> list[bool]:
    from jax.extend import core

    known = {v for v, depends in zip(closed.jaxpr.invars, inputs, strict=True) if depends}

    def are(atoms: Any) -> list[bool]:
        return [not isinstance(atom, core.Literal) and atom in known for atom in atoms]

    for equation in closed.jaxpr.eqns:
        inner, inputs = _inline(equation), are(equation.invars)
        outputs = _depend(equation, inputs) if inner is None else _program_depends(inner, inputs)
        known.update(v for v, depends in zip(equation.outvars, outputs, strict=True) if depends)
    return are(closed.jaxpr.outvars)


def mark(block: Block, wanted: set[Value]) -> None:
    """Mark what the wanted values depend on."""
    block.wanted = wanted
    for step in reversed(block.steps):
        if wanted.isdisjoint(step.outputs):
            continue
        if step.body is None:
            wanted.update(step.inputs)
            continue
        body, consts, carries = step.body, step.consts, step.carries
        asked = {inner for inner, v in zip(body.outputs, step.outputs, strict=True) if v in wanted}
        while True:
            mark(body, set(asked))
            again = {
                out for v, out in zip(body.inputs[consts : consts + carries], body.outputs, strict=False)
                if v in body.wanted
            }  # fmt: skip
            if again <= asked:
                break
            asked |= again
        wanted.update(v for v, inner in zip(step.inputs, body.inputs, strict=True) if inner in body.wanted)
