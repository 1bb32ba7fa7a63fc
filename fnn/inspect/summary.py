"""A table of a network, layer by layer: shapes, parameters, FLOPs of both passes, bytes kept for the backward."""

from typing import Any, NamedTuple

import jax

from fnn.inspect.costs import Cost, costs, count, shapes_text
from fnn.inspect.tables import table
from fnn.layers import Layer
from fnn.layers.layer import abstract


class Row(NamedTuple):
    """One layer, or the totals."""

    layer: str
    output: str
    """Shape of the output."""
    parameters: int
    without_bias: int
    """The parameters that are no biases."""
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
        heads = ("layer", "output", "parameters", "without bias", "forward FLOPs", "backward FLOPs", "bytes kept")
        return table(heads, self.rows, self.total)


def summary(net: Layer, x: Any) -> Summary:
    """Return the table of `net` for an input like x (an array or a `jax.ShapeDtypeStruct`), in training mode.

    Nothing is run or compiled. A buffer counts once, at the first layer that keeps it: parameters cost the backward
    nothing, and an activation that is one layer's output and the next one's input is kept for both. The network's
    input counts where it is kept. A layer inside `repeat` counts once for each repetition. Biases are the parameters
    that are named b, bias or offset. FLOPs are those of the forms that the rules choose, so a convolution by Winograd
    has fewer than a direct one; what counts as one, `fnn.inspect.flops` says. The layers inside `recompute` keep
    nothing; what it keeps itself and the FLOPs of its second forward are in a row of its own behind them. A `Layer`
    made without `fnn.layers.layer` has no row; its parameters are in the total.

    >>> import jax.numpy as jnp
    >>> from fnn import layers
    >>> table = summary(layers.serial(layers.dense(4), layers.relu(), layers.dense(2)), jnp.ones((1, 3)))
    >>> [row.parameters for row in table.rows], table.total.parameters, table.total.without_bias
    ([16, 0, 10], 26, 20)
    >>> [row.bytes_kept for row in table.rows]          # x; the output of relu, which serves the last layer too
    [12, 16, 0]
    """
    x = abstract(x)
    params, state = jax.eval_shape(lambda key: net.init(key, x), jax.eval_shape(lambda: jax.random.key(0)))
    output, (found,) = costs(net, params, state, x)
    rows = tuple(map(_row, found))
    _, *counts = [sum(column) for column in zip(*(row[3:] for row in rows), strict=True)] or [0] * 4
    return Summary(rows, Row("total", shapes_text(output), *count(params), *counts))


def _row(cost: Cost) -> Row:
    numbers = cost.parameters, cost.without_bias, cost.forward_flops, cost.backward_flops, cost.kept
    return Row(cost.path, shapes_text(cost.output), *numbers)
