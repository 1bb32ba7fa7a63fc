"""Save or recompute: a layer whose backward runs its forward again instead of keeping its activations.

    forward     Y = f(X)
    backward    X' = X, not before dY is there;   dX = dY·∂f/∂X at X'

X is what the inner layer reads of its input, its params and state, and its key. That is what is kept, and it is there
anyway. The backward runs f's forward again, with what that keeps, and pulls dY through it by the layers' own rules. X'
in place of X is what stops XLA from merging the second run with the first, and so from keeping all that was to be
forgotten.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import jax
import jax.core
from jax.interpreters.partial_eval import dce_jaxpr_consts

from fnn.kernels.numerics import held_until
from fnn.layers.layer import Layer, layer
from fnn.rule import rule


@dataclass(frozen=True, eq=False)
class Recompute:
    """The forward of a layer that keeps its input alone, which those who look on can tell from others."""

    inner: Layer

    def __call__(self, params, state, x, *, key=None, train=False) -> tuple[Any, Any]:
        """Return (y, state) of the inner layer."""

        def forward(params, state, x, key):
            return self.inner.apply(params, state, x, key=key, train=train)

        # Traced once, here, where the layer stands: so its errors and observers know its path, and arrays that it has
        # from elsewhere, such as a scale that is trained, become arguments and get their cotangents.
        closed, shapes = jax.make_jaxpr(forward, return_shape=True)(params, state, x, key)
        program, *reads = dce_jaxpr_consts(closed.jaxpr, [True] * len(closed.jaxpr.outvars))
        constants = list(itertools.compress(closed.consts, reads[0]))
        arguments, tree = jax.tree.flatten(((params, state), x, key))
        read = [leaf if is_read else None for leaf, is_read in zip(arguments, reads[1], strict=True)]
        model, x, key = tree.unflatten(read)
        leaves = _run_again(constants, model, x, key, program=program)
        return jax.tree.unflatten(jax.tree.structure(shapes), leaves)


@rule
def _run_again(constants, model, x, key, *, program):
    """Return the outputs of a jaxpr; keep what it is given. What it does not read is None."""
    return jax.core.eval_jaxpr(program, constants, *jax.tree.leaves((model, x, key))), (constants, model, x, key)


@_run_again.backward
def _run_again_backward(kept, dy, *, program):
    constants, model, x, key = kept

    def run(*given):
        return _run_again.plain(*given, program=program)

    return jax.vjp(run, constants, model, held_until(x, dy), key)[1](dy)


def recompute(inner: Layer) -> Layer:
    """y = inner(x), computed again by the backward, which keeps x in place of all that `inner` would keep.

    Values, gradients, params and state are those of `inner`, and so are its keys: a dropout drops the same entries in
    both runs. So memory is traded for time where a network is built, ``block if save else layers.recompute(block)``:
    n blocks of equal size keep n inputs, and what one block keeps while its backward runs.

    What the backward does not need is not computed again: of an inner ``serial(batch_norm, relu, conv)`` only what
    is elementwise, for the product's own output is never asked for.

    It is `jax.checkpoint` but for CPUs, where XLA removes the barrier between the two runs and merges them again
    (jaxlib 0.10.2), so that a step takes no less memory. Here it does.

    Source: Chen et al. (2016), "Training deep nets with sublinear memory cost", arXiv:1604.06174.

    >>> import jax, jax.numpy as jnp
    >>> from fnn import inspect, layers
    >>> block = layers.serial(layers.dense(8), layers.tanh(), layers.dense(8), layers.tanh())
    >>> x = jnp.ones((1, 8))
    >>> [inspect.summary(net, x).total.bytes_kept for net in (block, layers.recompute(block))]
    [96, 32]
    """
    if not isinstance(inner, Layer):
        hint = "; call it to make the layer" if callable(inner) else ""
        raise TypeError(f"recompute: inner is {inner!r}, wanted a Layer{hint}.")
    return layer("recompute", inner.init, Recompute(inner))
