"""The memory of training: parameters, gradients, optimizer state and, by layer, what is kept for the backward."""

import functools
from contextlib import nullcontext
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fnn.inspect.costs import Cost, Shapes, costs, nbytes, shapes_text
from fnn.inspect.tables import table
from fnn.layers import Layer
from fnn.layers.layer import abstract
from fnn.optim import Optimizer, sgd
from fnn.rule import autodiff
from fnn.rules import add, mean, multiply


class MemoryRow(NamedTuple):
    """Bytes of one layer, all its repetitions together."""

    layer: str
    output: str
    """Shape of the output."""
    parameters: int
    outputs: int
    """The output itself; 0 where it can stand in the input's place: an activation, a sum, a reshape."""
    kept: int
    """What the backward by fnn's rules keeps and no layer before this one."""
    autodiff: int
    """What JAX's own backward of the same forward keeps."""


class Compiled(NamedTuple):
    """What XLA says of the compiled training step on this machine's device, in bytes."""

    arguments: int
    """Optimizer state, layers' state and input; the first two are donated."""
    outputs: int
    """The donated ones as they come out, and they take no memory of their own."""
    temporaries: int
    """What the step needs beside them: activations, gradients, scratch."""


class Memory(NamedTuple):
    """Bytes of one training step; ``str(memory)`` is the table."""

    rows: tuple[MemoryRow, ...]
    input: int
    parameters: int
    gradients: int
    optimizer: int
    """The optimizer's state without the parameters, where it is the state that owns them."""
    state: int
    """The layers' state, such as the running statistics of batch norm."""
    outputs: int
    """All outputs and the input: the sum that is told of a framework that keeps everything."""
    kept: int
    again: int
    """Kept by a recomputed block while its backward runs: the largest."""
    autodiff: int
    autodiff_again: int
    compiled: Compiled | None
    """None where it was not asked for, or where XLA does not say."""

    @property
    def fixed(self) -> int:
        """What a training step holds whatever the batch: parameters, gradients, and both states."""
        return self.parameters + self.gradients + self.optimizer + self.state

    @property
    def total(self) -> int:
        """What a training step by fnn's rules holds when its backward begins, and what a block recomputes."""
        return self.fixed + self.kept + self.again

    def __str__(self) -> str:
        """Return the table as text."""
        layers = table(
            ("layer", "output", "parameters", "outputs", "kept", "kept by autodiff"),
            [_readable(row) for row in self.rows],
            ("total", "", *map(size, (self.parameters, self.outputs, self.kept, self.autodiff))),
        )
        fixed = ("parameters", "gradients", "optimizer", "state")
        lines = [(name.replace("state", "layers' state"), *[size(getattr(self, name))] * 3) for name in fixed]
        lines.append(("activations", *map(size, (self.outputs, self.kept, self.autodiff))))
        if self.again or self.autodiff_again:
            lines.append(("one block again", size(0), size(self.again), size(self.autodiff_again)))
        sums = self.fixed + self.outputs, self.total, self.fixed + self.autodiff + self.autodiff_again
        step = table(
            ("to train", "all outputs", "fnn's rules", "autodiff"), lines, ("total", *map(size, sums)), names=1
        )
        parts = [layers, step]
        if self.compiled:
            told = (f"{name} {size(number)}" for name, number in self.compiled._asdict().items())
            parts.append("compiled by XLA: " + ", ".join(told))
        return "\n\n".join(parts)


def memory(
    net: Layer, x: Any, *, dtype: Any = None, optimizer: Optimizer | None = None, compile: bool = False
) -> Memory:
    """Count the bytes of a training step of `net` on an input like x (an array or a `jax.ShapeDtypeStruct`).

    Nothing is run, so any size can be asked for. Three counts of the activations stand side by side:

        kept       what the backward by fnn's rules keeps: each buffer once, parameters and layers' state not
        autodiff   the same count of the same network inside `fnn.autodiff()`, where JAX differentiates the forward
        outputs    the input and the output of every layer: what a framework holds that keeps all. A layer without
                   parameters whose output has the size of its input, as activations, residual sums and reshapes
                   are, works in place and adds nothing

    Args:
        net: the network, in training mode.
        x: the input, with its batch.
        dtype: cast floating-point input and parameters to it; the layers' state stays as the layers make it.
        optimizer: whose state counts; without one there is none. With `optim.mixed_precision` its float32 master
            copy counts there.
        compile: compile the step for this machine's device and tell what XLA says of it, which takes from seconds
            to minutes. Its loss is the mean square of the output.

    What is not counted: cotangents on their way back, scratch of single operations, and what XLA saves by running
    parts of the forward again; with `compile` they are in XLA's own numbers.

    >>> import jax.numpy as jnp
    >>> from fnn import layers, optim
    >>> net = layers.serial(layers.dense(4), layers.silu(), layers.dense(2))
    >>> told = memory(net, jnp.ones((8, 3)), dtype=jnp.float16, optimizer=optim.momentum(0.1, 0.9))
    >>> told.parameters, told.kept, told.autodiff
    (52, 176, 496)
    """
    x = _cast(abstract(x), dtype)
    params, state = jax.eval_shape(lambda key: net.init(key, x), jax.eval_shape(lambda: jax.random.key(0)))
    params = _cast(params, dtype)
    _, (own, plain) = costs(net, params, state, x, contexts=(nullcontext, autodiff), bytes_alone=True)
    rows = tuple(map(_row, own, plain))
    given, owned = _optimizer_bytes(optimizer, params)
    return Memory(
        rows,
        nbytes(x),
        given,
        nbytes([leaf for leaf in jax.tree.leaves(params) if jnp.issubdtype(leaf.dtype, jnp.inexact)]),
        owned,
        nbytes(state),
        nbytes(x) + sum(row.outputs for row in rows),
        sum(cost.kept for cost in own),
        max((cost.again for cost in own), default=0),
        sum(cost.kept for cost in plain),
        max((cost.again for cost in plain), default=0),
        _compiled(net, params, state, x, optimizer) if compile else None,
    )


def size(number: int) -> str:
    """Return bytes as a person reads them, in powers of 1000.

    >>> size(12), size(12_345), size(51_114_064), size(11_400_000_000)
    ('12 B', '12.3 kB', '51.1 MB', '11.40 GB')
    """
    if number < 1000:
        return f"{number} B"
    for unit, scale, digits in (("kB", 1e3, 1), ("MB", 1e6, 1)):
        if number < 999.95 * scale:
            return f"{number / scale:.{digits}f} {unit}"
    return f"{number / 1e9:.2f} GB"


def _row(own: Cost, plain: Cost) -> MemoryRow:
    numbers = own.parameter_bytes, own.output_bytes, own.kept, plain.kept
    return MemoryRow(own.path, shapes_text(own.output), *numbers)


def _readable(row: MemoryRow) -> tuple[str, ...]:
    return (*row[:2], *map(size, row[2:]))


def _cast(tree: Shapes, dtype: Any) -> Shapes:
    def one(leaf: Any) -> jax.ShapeDtypeStruct:
        floating = dtype is not None and jnp.issubdtype(leaf.dtype, jnp.floating)
        return jax.ShapeDtypeStruct(leaf.shape, dtype if floating else leaf.dtype)

    return jax.tree.map(one, tree)


def _optimizer_bytes(optimizer: Optimizer | None, params: Shapes) -> tuple[int, int]:
    """Return the bytes of the parameters as they are given out, and of the state beside them."""
    if optimizer is None:
        return nbytes(params), 0
    state = jax.eval_shape(optimizer.init, params)
    jaxpr = jax.make_jaxpr(optimizer.params)(state).jaxpr
    its_own = {id(v) for v in jaxpr.invars}
    given = [v.aval for v in jaxpr.outvars]
    shared = [v.aval for v in jaxpr.outvars if id(v) in its_own]
    return nbytes(given), nbytes(state) - nbytes(shared)


def _compiled(net: Layer, params: Shapes, state: Shapes, x: Shapes, optimizer: Optimizer | None) -> Compiled | None:
    chosen = optimizer or sgd(0.1)

    def step(chosen_state: Any, state: Any, x: Any, key: Any) -> Any:
        def loss(params: Any) -> Any:
            y, after = net.apply(params, state, x, key=key, train=True)
            squares = [mean(multiply(leaf, leaf)) for leaf in jax.tree.leaves(y)]
            return functools.reduce(add, squares), after

        grads, after = jax.grad(loss, has_aux=True)(chosen.params(chosen_state))
        return chosen.update(chosen_state, grads)[0], after

    shapes = jax.eval_shape(chosen.init, params), state, x, jax.eval_shape(lambda: jax.random.key(0))
    told = jax.jit(step, donate_argnums=(0, 1)).lower(*shapes).compile().memory_analysis()
    return told and Compiled(told.argument_size_in_bytes, told.output_size_in_bytes, told.temp_size_in_bytes)
