"""The computational graph of a function, with what both passes carry on each wire."""

from pathlib import Path
from typing import Any, NamedTuple

import jax

from fnn.inspect.graphs.parts import Node, Repeat, Wire
from fnn.inspect.pictures.canvas import Figure


class Graph(NamedTuple):
    """Nodes and wires in the order in which the program runs. Printed, it is a table; `save` draws it."""

    nodes: tuple[Node, ...]
    wires: tuple[Wire, ...]
    repeats: tuple[Repeat, ...]
    unused: tuple[str, ...]
    """The floating arguments on which the output does not depend."""

    def __str__(self) -> str:
        """Return the graph as a table of 120 columns, where the names allow."""
        from fnn.inspect.graphs.text import table

        return table(self)

    def figure(self) -> Figure:
        """Return the picture as a matplotlib figure: values green, gradients red."""
        from fnn.inspect.graphs.drawing import draw

        return draw(self)

    def save(self, path: str | Path) -> None:
        """Write the picture; the name's end says how: .svg, .png or .pdf."""
        from fnn.inspect.graphs.drawing import save

        save(self, path)

    def _repr_svg_(self) -> str:
        """Return the picture for a notebook."""
        from fnn.inspect.graphs.drawing import svg

        return svg(self)


def graph(f: Any, /, *args: Any, has_aux: bool = False, cotangent: Any = None) -> Graph:
    """Return the computational graph of ``f(*args)``: its steps, and on each wire between them what both passes carry.

    >>> from fnn import inspect, rules
    >>> print(inspect.graph(lambda x, y, z: rules.multiply(rules.add(x, y), z), -2.0, 5.0, -4.0))
    #  step      inputs  shape  value  gradient
    1  x                 ()     -2     -4
    2  y                 ()     5      -4
    3  z                 ()     -4     3
    4  add       x, y    ()     3      -4
    5  multiply  #4, z   ()     -12    1
    6  output    #5
    add distributes: each input gets the gradient of the output
    multiply swaps: each input gets the gradient times the other input

    ``.save("graph.svg")`` (or .png, .pdf) draws the picture, ``.figure()`` returns it, and a notebook shows it.
    ``.nodes`` and ``.wires`` hold the numbers: for a scalar the number, for an array shape, mean and Euclidean norm.

    f is any JAX function, compiled or not; args are pytrees of arrays and numbers. A step is the call of a rule, whose
    inside is not shown and whose own backward runs; or an operation of JAX. What a function of jax.numpy or jax.nn
    does under its own jit is one step. A scan, such as `fnn.layers.repeat` makes, is drawn once, and its wires carry
    mean and norm over all rounds. So are three or more equal blocks that a Python loop runs one after the other, where
    nothing but the last one's result leaves them; what the blocks' arguments differ in is called i: "params[i].w".
    A value that is used more than once passes a "copy", where the gradients of its uses
    are summed. What depends on no floating argument is a leaf: a number, or "from key" for random bits made of `key`.

    The gradient on a wire is the derivative of the output by what that wire carries: Σ of the output's entries, or
    their product with `cotangent`, a tree like the output's. With ``has_aux=True`` f returns (output, auxiliary), and
    the second is dropped. Both passes run once, compiled; no array leaves the device.

    Raises TypeError for what is no function, an argument that is no array, or a cotangent of another tree; ValueError
    without a floating argument or output, for a gradient through a while loop, and for a mutable array.
    """
    from fnn.inspect.graphs.folding import fold
    from fnn.inspect.graphs.program import read
    from fnn.inspect.graphs.structure import structure
    from fnn.inspect.graphs.tracing import cotangents, trace
    from fnn.inspect.graphs.values import measure

    traced = trace(f, args, has_aux)
    program = fold(read(traced.closed, traced.inputs))
    built = structure(program, traced.outputs)
    given = cotangents(traced.shapes, cotangent)
    seen = measure(program, built, jax.tree.leaves(args), given)
    wires = tuple(Wire(*edge[:4], *pair) for edge, pair in zip(built.edges, seen, strict=True))
    nodes = tuple(_numbered(node, wires) for node in built.nodes)
    unused = tuple(v.name for v in program.inputs if v.depends and v not in program.wanted)
    return Graph(nodes, wires, tuple(built.repeats), unused)


def _numbered(node: Node, wires: tuple[Wire, ...]) -> Node:
    """Return a scalar constant as the number that it was seen to be."""
    from fnn.inspect.graphs.text import number

    if node.kind != "constant" or node.name != "constant":
        return node
    value = next(wire.value.value for wire in wires if wire.source == node.number)
    if isinstance(value, tuple):
        value = value[0] if len(set(value)) == 1 else None
    return node if value is None else node._replace(kind="number", name=number(value))
