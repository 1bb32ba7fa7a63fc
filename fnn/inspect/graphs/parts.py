"""What a computational graph is made of: nodes, the wires between them, and what was seen on each wire."""

from typing import Literal, NamedTuple

Kind = Literal["input", "number", "constant", "rule", "step", "copy", "begin", "end", "output"]


class Seen(NamedTuple):
    """What was seen of an array on a wire in one of the two passes."""

    shape: tuple[int, ...]
    """The shape, inside a repeat that of one round."""
    dtype: str
    mean: float | complex | None
    """The mean of the entries, over all rounds; None for a random key, which has none."""
    norm: float | None
    """The Euclidean norm of all entries, of all rounds."""
    value: float | complex | tuple[float | complex, ...] | None = None
    """The number itself where the shape is (); inside a repeat the number of each round; None for arrays."""
    times: int = 1
    """How many rounds: more than 1 inside a repeat."""


class Node(NamedTuple):
    """One step of the program, or a place where wires begin or end."""

    number: int
    kind: Kind
    """"rule": the call of a rule with a backward of its own. "step": any other operation. "copy": a value that is used
    more than once. "input": a leaf of the arguments. "number": a scalar constant. "constant": what depends on no
    floating argument. "begin" and "end": what enters and leaves a repeat. "output": a leaf of the output."""
    name: str
    path: str
    """The layer that it stands in, such as ``serial[0].dense``; empty outside layers."""
    repeat: int | None
    """The number of the innermost repeat around it."""


class Wire(NamedTuple):
    """One edge: the use of a value by one node."""

    source: int
    """The number of the node that it leaves."""
    output: int
    """Which output of that node."""
    target: int
    """The number of the node that it enters."""
    position: int
    """Which input of that node."""
    value: Seen
    """What the forward pass carries."""
    gradient: Seen | None
    """What the backward pass carries: the derivative of the output by this wire. None where there is none: integers."""


class Repeat(NamedTuple):
    """A part of the program that runs several times, drawn once."""

    number: int
    times: int
    path: str
    outer: int | None
    """The number of the repeat around it."""
