"""A table of a network, layer by layer: shapes, parameters, FLOPs of both passes, bytes kept for the backward.

Nothing is run: each layer's call is traced on shapes, its forward and its backward are costed by XLA, and what its
backward keeps is read from the residuals of `jax.vjp`.
"""

from typing import Any, NamedTuple

import jax

from fnn.layers import Layer
from fnn.layers.layer import abstract
from fnn.layers.scope import Call, contains, observing


class Row(NamedTuple):
    """One layer, or the totals."""

    layer: str
    output: str
    """Shape of the output."""
    parameters: int
    forward_flops: int
    backward_flops: int
    bytes_kept: int
    """What the backward keeps and nobody else does: no parameter, and no activation that a layer before it keeps."""


class Summary(NamedTuple):
    """The rows of a network and their sum; ``str(summary)`` is the table."""

    rows: tuple[Row, ...]
    total: Row

    def __str__(self) -> str:
        """Return the table as text."""
        heads = ("layer", "output", "parameters", "forward FLOPs", "backward FLOPs", "bytes kept")
        lines = [tuple(f"{cell:,}" if isinstance(cell, int) else cell for cell in row) for row in self.rows]
        last = tuple(f"{cell:,}" if isinstance(cell, int) else cell for cell in self.total)
        widths = [max(map(len, column)) for column in zip(heads, *lines, last, strict=True)]
        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))

        def text(line: tuple[str, ...]) -> str:
            cells = [
                cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
            ]
            return "  ".join(cells).rstrip()

        return "\n".join([text(heads), rule, *map(text, lines), rule, text(last)])


def summary(net: Layer, x: Any) -> Summary:
    """Return the table of `net` for an input like x (an array or a `jax.ShapeDtypeStruct`), in training mode.

    A buffer counts once, at the first layer that keeps it: parameters cost the backward nothing, and an activation
    that is one layer's output and the next one's input is kept for both. The network's input counts where it is kept.
    A layer inside `repeat` counts once for each repetition. FLOPs are XLA's count, integer arithmetic included (the
    random bits of dropout), an exp or tanh being one. A `Layer` made without `fnn.layers.layer` has no row; its
    parameters are in the total.

    >>> import jax.numpy as jnp
    >>> from fnn import layers
    >>> table = summary(layers.serial(layers.dense(4), layers.relu(), layers.dense(2)), jnp.ones((1, 3)))
    >>> [row.parameters for row in table.rows], table.total.parameters
    ([16, 0, 10], 26)
    >>> [row.bytes_kept for row in table.rows]          # x; the output of relu, which serves the last layer too
    [12, 16, 0]
    """
    key = jax.eval_shape(lambda: jax.random.key(0))
    x = abstract(x)
    params, state = jax.eval_shape(lambda key: net.init(key, x), key)
    rows: list[Row] = []
    calls: list[Call] = []
    kept: dict[Any, Any] = {}

    def observer(call: Call) -> Any:
        if not any(contains(call.path, earlier.path) for earlier in calls):
            rows.append(_row(call, kept))
        calls.append(call)
        return call.y

    with observing(observer):
        output, _ = jax.eval_shape(lambda p, s, x, key: net.apply(p, s, x, key=key, train=True), params, state, x, key)
    _, *counts = [sum(column) for column in zip(*(row[2:] for row in rows), strict=True)] or [0] * 4
    parameters = sum(leaf.size for leaf in jax.tree.leaves(params))
    return Summary(tuple(rows), Row("total", _shapes(output), parameters, *counts))


def _row(call: Call, kept: dict[Any, Any]) -> Row:
    from fnn.check.residuals import flops  # which loads the whole checker

    arguments = (call.params, call.x, call.state, call.key)
    shapes = jax.tree.map(_shape, arguments)

    def forward(params, x, state, key):
        return call.apply(params, state, x, key=key, train=call.train)[0]

    def both(params, x, state, key):
        return jax.vjp(lambda params, x: forward(params, x, state, key), params, x)

    with observing(_ignore):
        output, pull = jax.eval_shape(both, *shapes)
        jaxpr = jax.make_jaxpr(lambda *arguments: tuple(map(tuple, map(jax.tree.leaves, both(*arguments)))))(*shapes)
        forward_flops = flops(forward, *shapes)
        backward_flops = flops(lambda pull, dy: pull(dy), pull, output)
    bytes_kept = _bytes_kept(call, arguments, jaxpr.jaxpr, len(jax.tree.leaves(output)), kept)
    parameters = sum(leaf.size for leaf in jax.tree.leaves(shapes[0]))
    counts = (parameters, forward_flops, backward_flops, bytes_kept)
    return Row(call.path, _shapes(output), *(call.times * count for count in counts))


def _bytes_kept(call: Call, arguments: tuple, jaxpr: Any, outputs: int, kept: dict[Any, Any]) -> int:
    """Count the residuals that are not kept yet. `kept` remembers them: buffers by the tracer that stands for them."""
    from jax.extend import core  # 15 ms that only a summary needs

    from fnn.check.residuals import nbytes

    owners: dict[Any, Any] = {}
    params = jax.tree.leaves(arguments[0])
    for variable, leaf in zip(jaxpr.invars, jax.tree.leaves(arguments), strict=True):
        owners[variable] = None if any(leaf is param for param in params) else leaf
    for variable, leaf in zip(jaxpr.outvars[:outputs], jax.tree.leaves(call.y), strict=True):
        owners.setdefault(variable, leaf) if isinstance(variable, core.Var) else None
    total = 0
    for residual in dict.fromkeys(v for v in jaxpr.outvars[outputs:] if isinstance(v, core.Var)):
        owner = owners.get(residual, residual)
        if owner is None or id(owner) in kept:
            continue
        kept[id(owner)] = owner
        total += nbytes(residual.aval)
    return total


def _shape(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)


def _shapes(tree: Any) -> str:
    return ", ".join(str(tuple(leaf.shape)) for leaf in jax.tree.leaves(tree))


def _ignore(call: Call) -> Any:
    return call.y
