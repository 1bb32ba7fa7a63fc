"""What is on the wires: one compiled run of both passes that gives mean and norm of every value and every gradient.

Each use of a floating value v is rewritten to v + e with e = 0, so the derivative by e is the gradient on that wire,
and the derivatives by all e are one reverse pass, in which each rule's own backward runs. No array is kept for it: e
is a linear function of two numbers, which is zero, and whose transpose takes mean and norm of the cotangent. Inside a
loop there are two numbers for each round.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_derivatives import linear_call

from fnn.inspect.graphs.parts import Seen
from fnn.inspect.graphs.program import Block, Step, Value
from fnn.inspect.graphs.structure import Structure, carries_gradient
from fnn.kernels.numerics import wide, wide_dtype

Statistics = tuple[Any, Any]
"""Mean and norm."""

# What runs once should compile fast: on a CPU in a third of the time.
_QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def measure(
    program: Block, graph: Structure, leaves: list[Any], cotangent: list[Any]
) -> list[tuple[Seen, Seen | None]]:
    """Return what is seen on each edge: its value, and its gradient where it has one."""
    constants = _constants(program)

    @functools.partial(jax.jit, compiler_options=_QUICK if jax.default_backend() == "cpu" else None)
    def both(leaves, constants_given, cotangent):
        given = dict(zip(constants, constants_given, strict=True))

        def forward(slots):
            outputs, seen = _run(program, graph, leaves, slots, given)
            floating = [y for y, v in zip(outputs, program.outputs, strict=True) if carries_gradient(v)]
            return [jnp.asarray(y) for y in floating], seen

        slots = {
            number: _slot(edge.carries.aval.dtype, edge.times)
            for number, edge in enumerate(graph.edges)
            if carries_gradient(edge.carries)
        }
        _, pull, seen = jax.vjp(forward, slots, has_aux=True)
        return seen, pull(cotangent)[0]

    arrays = [v.constant for v in constants]
    values, gradients = jax.device_get(both(leaves, arrays, cotangent))
    return [
        (
            _seen(edge.carries, edge.times, values[number]),
            _seen(edge.carries, edge.times, gradients[number]) if number in gradients else None,
        )
        for number, edge in enumerate(graph.edges)
    ]


@jax.jit  # traced once for each shape
def statistics(x: Any) -> Statistics:
    """Return mean and norm of an array, in float32 or wider; the norm neither overflows nor underflows."""
    if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
        return jnp.float32(0), jnp.float32(0)
    x = wide(x)
    if x.size <= 1:
        return jnp.sum(x), jnp.sum(jnp.abs(x))
    size = jnp.abs(x)
    largest = jnp.max(size)
    scale = jnp.where((largest > 0) & jnp.isfinite(largest), largest, jnp.ones_like(largest))
    return jnp.mean(x), scale * jnp.sqrt(jnp.sum(lax.square(size / lax.broadcast(scale, size.shape))))


def _slot(dtype: Any, times: tuple[int, ...]) -> Statistics:
    dtype = wide_dtype(dtype)
    return jnp.zeros(times, dtype), jnp.zeros(times, jnp.finfo(dtype).dtype)


def _probe(x: Any, slot: Statistics) -> Any:
    """Return x + 0, where the zero's derivative by `slot` is the statistics of its cotangent."""
    zero = linear_call(lambda _, slot: jnp.zeros_like(x), lambda _, dx: statistics(dx), (), slot)
    return x + zero


def _run(
    block: Block, graph: Structure, inputs: list[Any], slots: dict[int, Statistics], given: dict[Value, Any]
) -> tuple[list[Any], dict[int, Statistics]]:
    """Run a block with a probe at each use; return its outputs and the statistics of each wire's value."""
    from fnn.check import programs

    known, taken, seen = {}, {}, {}

    def look(v: Value, x: Any, wire: int) -> Any:
        if v not in taken:
            taken[v] = statistics(x)
        seen[wire] = taken[v]
        return _probe(x, slots[wire]) if wire in slots else x

    def define(v: Value, x: Any) -> None:
        known[v] = look(v, x, graph.whole[v]) if v in graph.whole else x

    def use(owner: Step | Block, place: int, v: Value) -> Any:
        x = known[v] if v in known else given.get(v, v.constant)
        wire = graph.uses.get((owner, place))
        return x if wire is None else look(v, jnp.asarray(x, v.aval.dtype), wire)

    for v, x in zip(block.inputs, inputs, strict=True):
        if v in block.wanted:
            define(v, jnp.asarray(x) if v in graph.whole else x)
    for step in block.steps:
        if block.wanted.isdisjoint(step.outputs):
            continue
        values = [use(step, place, v) for place, v in enumerate(step.inputs)]
        inside = {}
        if step.body is None:
            outputs = programs.run(step.equation, values, lambda equation, inputs: None)
        elif step.rounds:
            slices = [[known.get(v) for v in each] for _, each in step.rounds]
            outputs, inside = _rounds(step, graph, values, slices, slots, given)
        else:
            outputs, inside = _loop(step, graph, values, slots, given)
        seen |= inside
        for v, x in zip(step.outputs, outputs, strict=True):
            if v in block.wanted:
                define(v, x)
    return [use(block, place, v) if v in block.wanted else None for place, v in enumerate(block.outputs)], seen


def _loop(
    step: Step, graph: Structure, inputs: list[Any], slots: dict[int, Statistics], given: dict[Value, Any]
) -> tuple[list[Any], dict[int, Statistics]]:
    body, params, consts, carries = step.body, step.equation.params, step.consts, step.carries
    assert body is not None
    inside = {wire: slots[wire] for wire in graph.inside.get(body, ()) if wire in slots}

    def each(carry, xs):
        xs, slots = xs
        outputs, seen = _run(body, graph, [*inputs[:consts], *carry, *xs], slots, given)
        # A carry that nobody wants stays as it is.
        following = [old if new is None else new for old, new in zip(carry, outputs, strict=False)]
        return following, (outputs[carries:], seen)

    xs = (inputs[consts + carries :], inside)
    carry, (ys, seen) = lax.scan(
        each, inputs[consts : consts + carries], xs, params["length"], params["reverse"], params["unroll"]
    )
    return [*carry, *ys], seen


def _rounds(
    step: Step, graph: Structure, inputs: list[Any], slices: list[list[Any]], slots: dict[int, Statistics],
    given: dict[Value, Any],
) -> tuple[list[Any], dict[int, Statistics]]:  # fmt: skip
    """Run equal blocks that were folded, each by its own steps."""
    assert step.body is not None
    inside = {wire: slots[wire] for wire in graph.inside[step.body] if wire in slots}
    shared, carry = inputs[: step.consts], inputs[step.consts : step.consts + step.carries]
    rounds = []
    for number, (block, _) in enumerate(step.rounds):
        own = jax.tree.map(lambda slot, number=number: slot[number], inside)
        carry, seen = _run(block, graph, [*shared, *carry, *slices[number]], own, given)
        rounds.append(seen)
    return carry, jax.tree.map(lambda *seen: jnp.stack(seen), *rounds)


def _constants(block: Block) -> list[Value]:
    """Return the arrays that the program holds: they are handed to what is compiled, not compiled into it."""
    values = [v for step in block.steps for v in step.inputs] + block.outputs
    found = dict.fromkeys(v for v in values if isinstance(v.constant, jax.Array | np.ndarray) and v.constant.ndim)
    inner = [v for step in block.steps for body in step.bodies for v in _constants(body)]
    return list(found | dict.fromkeys(inner))


def _seen(v: Value, times: tuple[int, ...], statistics: Any) -> Seen:
    shape, dtype, rounds = tuple(v.aval.shape), str(v.aval.dtype), int(np.prod(times, dtype=int))
    if jnp.issubdtype(v.aval.dtype, jax.dtypes.prng_key):
        return Seen(shape, dtype, None, None, None, rounds)
    means, norms = (np.asarray(numbers) for numbers in statistics)
    means = means.astype(np.complex128 if np.iscomplexobj(means) else np.float64)
    norms = norms.astype(np.float64)
    largest = norms.max(initial=0.0)
    scale = largest if 0 < largest < np.inf else 1.0
    value = None
    if shape == ():
        value = tuple(means.reshape(-1).tolist()) if times else means.item()
    mean = means.mean().item() if means.size else 0.0
    return Seen(shape, dtype, mean, float(scale * np.sqrt(np.sum((norms / scale) ** 2))), value, rounds)
