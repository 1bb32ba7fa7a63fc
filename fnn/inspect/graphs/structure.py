"""The program as a graph: which steps are shown, which wires join them, where a value is copied, what is folded.

Shown is what depends on a floating argument and is needed for the output. All else a shown step uses is a leaf: an
argument by its name, a number, or "from key" for what was computed from the argument `key`.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fnn.inspect.graphs.parts import Kind, Node, Repeat
from fnn.inspect.graphs.program import Block, Step, Value

Use = tuple[Step | Block, int]
"""A step and the number of its input, or a block and the number of its output."""


class Edge(NamedTuple):
    """A wire before anything was seen on it."""

    source: int
    output: int
    target: int
    position: int
    carries: Value
    times: tuple[int, ...]
    """The rounds of each repeat around it."""


@dataclass
class Structure:
    """Nodes and edges, and which edge each use of a value is."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    repeats: list[Repeat] = field(default_factory=list)
    uses: dict[Use, int] = field(default_factory=dict)
    whole: dict[Value, int] = field(default_factory=dict)
    """The edge into the copy node of a value that is used more than once."""
    inside: dict[Block, range] = field(default_factory=dict)
    """The edges inside a loop's body."""

    def node(self, kind: Kind, name: str, path: str, repeat: int | None) -> int:
        """Add a node; return its number."""
        self.nodes.append(Node(len(self.nodes), kind, name, path, repeat))
        return len(self.nodes) - 1

    def repeat(self, block: Block, other: Block) -> None:
        """Give an equal block, another round of a repeat, the edges of the first."""
        if block in self.inside:
            self.inside[other] = self.inside[block]
        values = [*zip(block.inputs, other.inputs, strict=True)]
        users: list[tuple[Step | Block, Step | Block]] = [(block, other)]
        for step, again in zip(block.steps, other.steps, strict=True):
            values += zip(step.outputs, again.outputs, strict=True)
            users.append((step, again))
            for body, following in zip(step.bodies, again.bodies, strict=True):
                if body is not following:
                    self.repeat(body, following)
        self.whole.update((w, self.whole[v]) for v, w in values if v in self.whole)
        for user, again in users:
            places = range(len(user.outputs if isinstance(user, Block) else user.inputs))
            self.uses.update(((again, p), self.uses[user, p]) for p in places if (user, p) in self.uses)

    def number(self) -> None:
        """Number the nodes anew, the arguments of the function first."""
        self.nodes.sort(key=lambda node: node.kind != "input" or node.repeat is not None)
        numbers = {node.number: number for number, node in enumerate(self.nodes)}
        self.nodes = [node._replace(number=number) for number, node in enumerate(self.nodes)]
        self.edges = [
            edge._replace(source=numbers[edge.source], target=numbers[edge.target]) for edge in self.edges
        ]  # fmt: skip


def structure(program: Block, output_names: list[str]) -> Structure:
    """Return the graph of a program."""
    graph = Structure()
    sources = {}
    uses = _uses(program)
    for v in program.inputs:
        if v.depends and v in uses and not _is_sliced(uses[v]):
            sources[v] = (graph.node("input", v.name, "", None), 0)
    inner = _Builder(graph, program, uses, sources, set(program.inputs), None, ())
    inner.steps()
    for place, (v, name) in enumerate(zip(program.outputs, output_names, strict=True)):
        source = inner.source(v, (program, place))
        inner.wire(source, (graph.node("output", name, "", None), 0), v, (program, place))
    graph.number()
    return graph


def carries_gradient(value: Value) -> bool:
    """Return whether a value has a gradient: it is floating."""
    from fnn.check.leaves import is_inexact

    return is_inexact(value.aval)


def is_shown(step: Step, block: Block) -> bool:
    """Return whether a step depends on a floating argument and is needed for an output."""
    return any(v.depends and v in block.wanted for v in step.outputs)


def entering(step: Step) -> list[int]:
    """Return which inputs of a scan are shown inside it."""
    assert step.body is not None
    return [place for place, v in enumerate(step.body.inputs) if v.depends and v in step.body.wanted]


def leaving(step: Step, block: Block) -> list[int]:
    """Return which outputs of a scan's body are shown: what is used outside, or in the next round."""
    assert step.body is not None
    body, consts, carries = step.body, step.consts, step.carries
    return [
        place
        for place, v in enumerate(step.outputs)
        if v.depends and (v in block.wanted or (place < carries and body.inputs[consts + place] in body.wanted))
    ]


def _is_sliced(uses: list[Use]) -> bool:
    """Return whether a value is used once, by a loop that takes a slice of it in each round."""
    step, place = uses[0]
    if len(uses) > 1 or isinstance(step, Block) or step.body is None:
        return False
    return place >= step.consts + step.carries


def _uses(block: Block) -> dict[Value, list[Use]]:
    """Return where each value of the block is used by what is shown."""
    found: dict[Value, list[Use]] = {}
    for step in block.steps:
        if is_shown(step, block):
            places = range(len(step.inputs)) if step.body is None else entering(step)
            for place in places:
                found.setdefault(step.inputs[place], []).append((step, place))
    for place, v in enumerate(block.outputs):
        found.setdefault(v, []).append((block, place))
    return found


@dataclass
class _Builder:
    graph: Structure
    block: Block
    uses: dict[Value, list[Use]]
    sources: dict[Value, tuple[int, int]]
    leaves: set[Value]
    """The values that are arguments, or slices of them."""
    repeat: int | None
    times: tuple[int, ...]

    def steps(self) -> None:
        for step in self.block.steps:
            if not is_shown(step, self.block):
                continue
            if step.body is not None:
                self.loop(step)
                continue
            kind, name = describe(step.equation)
            places = [self.source(v, (step, place)) for place, v in enumerate(step.inputs)]
            number = self.graph.node(kind, name, step.path, self.repeat)
            for place, (v, source) in enumerate(zip(step.inputs, places, strict=True)):
                self.wire(source, (number, place), v, (step, place))
            self.sources.update((v, (number, place)) for place, v in enumerate(step.outputs))

    def wire(self, source: tuple[int, int], target: tuple[int, int], v: Value, use: Use) -> None:
        self.graph.uses[use] = len(self.graph.edges)
        self.graph.edges.append(Edge(*source, *target, v, self.times))

    def source(self, v: Value, use: Use) -> tuple[int, int]:
        """Return where the wire of a use begins: a leaf, a step, or the copy of either."""
        if not v.depends:
            return self.graph.node(*leaf(v), "", self.repeat), 0
        if len(self.uses[v]) == 1 or not carries_gradient(v):
            return self.sources[v]
        if v not in self.graph.whole:
            number = self.graph.node("copy", "copy", "", self.repeat)
            self.graph.whole[v] = len(self.graph.edges)
            self.graph.edges.append(Edge(*self.sources[v], number, 0, v, self.times))
            self.sources[v] = (number, 0)
        return self.sources[v][0], self.uses[v].index(use)

    def loop(self, step: Step) -> None:
        body, consts, carries = step.body, step.consts, step.carries
        assert body is not None
        number = len(self.graph.repeats)
        self.graph.repeats.append(Repeat(number, step.times, step.path, self.repeat))
        shown = leaving(step, self.block)
        uses = _uses_inside(body, shown)
        # A slice of an argument in each round: the same numbers inside as outside, so the leaf stands inside.
        sliced = {
            place
            for place in entering(step)
            if step.inputs[place] in self.leaves and _is_sliced(self.uses[step.inputs[place]])
        }
        outside = {
            place: self.source(step.inputs[place], (step, place)) for place in entering(step) if place not in sliced
        }
        sources, leaves = {}, set()
        for place in entering(step):
            given, v = step.inputs[place], body.inputs[place]
            if place in sliced:
                leaves.add(v)
                if not _is_sliced(uses[v]):
                    sources[v] = (self.graph.node("input", v.name, "", number), 0)
                continue
            name = "carry" if consts <= place < consts + carries else v.name or "each round"
            port = self.graph.node("begin", name, "", number)
            self.wire(outside[place], (port, 0), given, (step, place))
            sources[v] = (port, 0)
        first = len(self.graph.edges)
        times = (*self.times, step.times)
        inner = _Builder(self.graph, body, uses, sources, leaves, number, times)
        inner.steps()
        for place in shown:
            source = inner.source(body.outputs[place], (body, place))
            port = self.graph.node("end", "next carry" if place < carries else "stack", "", number)
            inner.wire(source, (port, 0), body.outputs[place], (body, place))
            self.sources[step.outputs[place]] = (port, 0)
        self.graph.inside[body] = range(first, len(self.graph.edges))
        for block, _ in step.rounds[1:]:
            self.graph.repeat(body, block)


def _uses_inside(body: Block, shown: list[int]) -> dict[Value, list[Use]]:
    uses = _uses(body)
    for place, v in enumerate(body.outputs):
        if place not in shown:
            uses[v].remove((body, place))
    return uses


def leaf(v: Value) -> tuple[Kind, str]:
    """Return the kind and the name of a value that depends on no floating argument."""
    if v.name:
        return "input", v.name
    if v.origin:
        return "constant", f"from {', '.join(v.origin)}"
    return "constant", "constant"


def describe(equation: Any) -> tuple[Kind, str]:
    """Return the kind and the name of an equation's node.

    >>> import jax, jax.numpy as jnp
    >>> from fnn import rules
    >>> program = jax.make_jaxpr(lambda x: jnp.clip(rules.tanh(x), 0, 1) ** 3)(1.0)
    >>> [describe(equation) for equation in program.eqns]
    [('rule', 'tanh'), ('step', 'clip'), ('step', 'power 3')]
    """
    from fnn.check import programs
    from fnn.check.activity import function_name

    name, params = equation.primitive.name, equation.params
    if name in programs.CUSTOM_RULES:
        return "rule" if name in programs.CUSTOM_VJP else "step", function_name(programs.nested(equation)[0])
    if name == "jit":
        return "step", params["name"].lstrip("_")
    if name == "integer_pow":
        return "step", f"power {params['y']}"
    if name == "convert_element_type":
        return "step", f"to {params['new_dtype']}"
    return "step", name
