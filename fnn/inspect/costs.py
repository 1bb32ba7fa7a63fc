"""What each layer's call costs, in numbers of both passes and in bytes kept between them; nothing is run.

The network is traced on shapes, and an observer is shown every layer (see `fnn.layers.scope`). It traces the layer's
own `jax.vjp`, counts the equations of its two halves, and reads what the backward keeps from the outputs of the first.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import jax

from fnn.inspect.flops import flops
from fnn.layers import Layer
from fnn.layers.recompute import Recompute
from fnn.layers.scope import Call, contains, observing

_PURE = ("serial", "parallel", "repeat")  # they compute nothing beside their layers
_BIASES = ("b", "bias", "offset")
Shapes = Any


class Cost(NamedTuple):
    """What one layer costs, all its repetitions together: more than one inside `repeat`."""

    path: str
    output: Shapes
    """Of one repetition."""
    parameters: int
    without_bias: int
    parameter_bytes: int
    output_bytes: int
    """0 where the output can stand in the input's place: a layer without parameters, the output of the input's size."""
    forward_flops: int
    backward_flops: int
    kept: int
    """Bytes that the backward keeps and nobody else does: no parameter, and nothing that an earlier layer keeps."""
    again: int
    """Bytes that come back while the backward of one repetition runs, where it recomputes."""


def costs(
    net: Layer,
    params: Shapes,
    state: Shapes,
    x: Shapes,
    *,
    contexts: Sequence[Callable[[], Any]] = (nullcontext,),
    bytes_alone: bool = False,
) -> tuple[Shapes, list[list[Cost]]]:
    """Return the output of the network and, for each context, the costs of every layer but serial, parallel, repeat.

    A context is one that a layer's passes are traced in, such as `fnn.autodiff`. With `bytes_alone` no FLOPs are
    counted, which spares the trace of the backward.

    A layer around others comes behind them, with what it adds to their costs: `residual` adds two arrays; `recompute`
    takes from them what they keep, keeps its input and runs their forward again.
    """
    key = jax.eval_shape(lambda: jax.random.key(0))
    ledgers = [_Ledger(context, bytes_alone) for context in contexts]

    def observer(call: Call) -> Any:
        for ledger in ledgers:
            ledger.enter(call)
        return call.y

    with observing(observer):
        output, _ = jax.eval_shape(lambda p, s, x, key: net.apply(p, s, x, key=key, train=True), params, state, x, key)
    return output, [ledger.rows for ledger in ledgers]


def count(params: Shapes) -> tuple[int, int]:
    """Return the number of parameters, and without the biases: the leaves that are named b, bias or offset.

    >>> import jax.numpy as jnp
    >>> from fnn.layers import Dense
    >>> count((Dense(jnp.ones((3, 4)), jnp.ones(4)), Dense(jnp.ones((4, 2)), jnp.ones(2))))
    (26, 20)
    """
    sizes = [
        (getattr(path[-1], "name", "") if path else "", leaf.size) for path, leaf in jax.tree.leaves_with_path(params)
    ]
    return sum(size for _, size in sizes), sum(size for name, size in sizes if name not in _BIASES)


def shapes_text(tree: Shapes) -> str:
    """Return the shapes of all arrays of a tree as text."""
    return ", ".join(str(tuple(leaf.shape)) for leaf in jax.tree.leaves(tree))


def nbytes(tree: Shapes) -> int:
    """Return the bytes of all arrays of a tree."""
    from fnn.check import residuals  # which loads the whole checker

    return sum(residuals.nbytes(leaf) for leaf in jax.tree.leaves(tree))


class _Ledger:
    """Enters every call into `rows`. A buffer counts once: `holder` knows by its tracer which row holds it."""

    def __init__(self, context: Callable[[], Any], bytes_alone: bool):
        self.context, self.bytes_alone = context, bytes_alone
        self.rows: list[Cost] = []
        self.holder: dict[int, tuple[Any, int]] = {}
        self._seen: list[tuple[str, int]] = []  # the outermost calls so far: the path, and the row of the first inside

    def enter(self, call: Call) -> None:
        start = len(self.rows)
        holds_others = False
        while self._seen and contains(call.path, self._seen[-1][0]):
            holds_others, (_, start) = True, self._seen.pop()
        self._seen.append((call.path, start))
        if not holds_others:
            self.rows.append(self._cost(call, start))
        elif call.path.rsplit(".", 1)[-1] not in _PURE:
            self._enter_around(call, start)

    def _enter_around(self, call: Call, start: int) -> None:
        """Enter what a layer costs beside the layers inside it, which have the rows from `start` on."""
        if isinstance(call.apply, Recompute):
            self.rows[start:] = [row._replace(kept=0) for row in self.rows[start:]]
        own, inside = self._cost(call, start), self.rows[start:]
        for name in ("parameters", "without_bias", "parameter_bytes", "forward_flops", "backward_flops", "kept"):
            rest = getattr(own, name) - sum(getattr(row, name) for row in inside)
            own = own._replace(**{name: max(0, rest)})
        again = own.again and own.again + max(row.again for row in inside)
        self.rows.append(own._replace(output_bytes=0, again=again))

    def _cost(self, call: Call, start: int) -> Cost:
        recomputed = call.apply.inner.apply if isinstance(call.apply, Recompute) else None
        with self.context():
            forward, output, pull = _forward(call, recomputed or call.apply)
            numbers = (0, 0) if self.bytes_alone else _flops(forward, output, pull, recomputed is not None)
        kept, again = _residuals(forward, len(jax.tree.leaves(output))), []
        if recomputed:
            kept, again = _read(forward), [v for v in kept if v not in forward.invars]
        is_bare = not jax.tree.leaves((call.params, call.state))
        in_place = is_bare and nbytes(output) in map(nbytes, jax.tree.leaves(call.x))
        parameters, without_bias = count(call.params)
        return Cost(
            path=call.path,
            output=output,
            parameters=call.times * parameters,
            without_bias=call.times * without_bias,
            parameter_bytes=call.times * nbytes(call.params),
            output_bytes=0 if in_place else call.times * nbytes(output),
            forward_flops=call.times * numbers[0],
            backward_flops=call.times * numbers[1],
            kept=call.times * self._bytes_kept(call, forward, kept, start),
            again=sum(nbytes(v.aval) for v in again),
        )

    def _bytes_kept(self, call: Call, forward: Any, residuals: list[Any], start: int) -> int:
        """Count the residuals, those aside that a row before `start` holds, or the caller as params and state."""
        from jax.extend import core  # 15 ms that only a table needs

        arguments = jax.tree.leaves((call.params, call.state, call.x, call.key))
        there = {id(leaf) for leaf in jax.tree.leaves((call.params, call.state))}
        tracers: dict[Any, Any] = dict(zip(forward.invars, arguments, strict=True))
        for variable, leaf in zip(forward.outvars, jax.tree.leaves(call.y), strict=False):
            if isinstance(variable, core.Var):
                tracers.setdefault(variable, leaf)
        total = 0
        for residual in residuals:
            tracer = tracers.get(residual, residual)
            _, row = self.holder.setdefault(id(tracer), (tracer, len(self.rows)))
            if id(tracer) not in there and row >= start:
                total += nbytes(residual.aval)
        return total


def _forward(call: Call, apply: Any) -> tuple[Any, Shapes, Any]:
    """Return the jaxpr of the forward, whose last outputs are the residuals, its output, and the shape of `vjp`'s."""

    def forward(params, state, x, key):
        return jax.vjp(lambda params, x: apply(params, state, x, key=key, train=call.train)[0], params, x)

    shapes = jax.tree.map(_shape, (call.params, call.state, call.x, call.key))
    closed, (output, pull) = jax.make_jaxpr(forward, return_shape=True)(*shapes)
    return closed.jaxpr, output, pull


def _flops(forward: Any, output: Shapes, pull: Any, recomputes: bool) -> tuple[int, int]:
    """Return the FLOPs of the forward, without what only the residuals need, and of the backward.

    A backward that recomputes runs the forward once more, without what only the output needs.
    """
    outputs = len(jax.tree.leaves(output))
    is_output = [position < outputs for position in range(len(forward.outvars))]
    backward = flops(jax.make_jaxpr(lambda pull, dy: pull(dy))(pull, output).jaxpr)
    again = flops(forward, [not it_is for it_is in is_output]) if recomputes else 0
    return flops(forward, is_output), backward + again


def _read(forward: Any) -> list[Any]:
    """Return the inputs that the output and the residuals are made of: what `recompute` keeps in their place."""
    needed = {v for v in forward.outvars if not hasattr(v, "val")}  # literals have one, and are no variables
    for equation in reversed(forward.eqns):
        if not needed.isdisjoint(equation.outvars):
            needed |= {v for v in equation.invars if not hasattr(v, "val")}
    return [v for v in forward.invars if v in needed]


def _residuals(forward: Any, outputs: int) -> list[Any]:
    from jax.extend import core

    # A literal is part of the program, and keeps no memory.
    return list(dict.fromkeys(v for v in forward.outvars[outputs:] if isinstance(v, core.Var)))


def _shape(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)
