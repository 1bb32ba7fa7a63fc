"""Taps on the backward pass: see each layer's output and cotangent while a program runs, without changing either.

A tap is the identity in both passes, with a look at what goes through. `find_non_finite` puts one behind every layer
and names the first value that is not finite; `fnn.train.fit` asks it when a loss is not.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fnn.layers.scope import Call, contains, observing
from fnn.rule import rule

Look = Callable[[str, Any], None]


@rule
def tap(x: Any, *, look: Look):
    """Y = X, dX = dY, showing each array on the way: ``look("output", x)`` and then ``look("cotangent", dy)``.

    `look` runs while the program is traced and may call `jax.debug.callback`. Keeps nothing.
    """
    look("output", x)
    return x, ()


@tap.backward
def tap_backward(saved, dy, *, look):
    """DX = dY."""
    look("cotangent", dy)
    return dy


class NonFinite(NamedTuple):
    """Where the first value that is not finite arose."""

    path: str
    """The layer's path, or "loss", or a parameter's path."""
    kind: str
    """"output", "cotangent" (of the layer's output), or "gradient" (of the parameter)."""

    def __str__(self) -> str:
        return f"the {self.kind} of {self.path}" if self.path != "loss" else "the loss itself"


def find_non_finite(compute: Callable[[Any], tuple[Any, Any]], params: Any) -> NonFinite | None:
    """Return the first value that is not finite in ``compute(params) -> (loss, gradients)``, None if all are finite.

    First means: in the order of the forward pass through the layers, then the loss, then in the order of the backward
    pass, then the parameters' gradients.
    """
    order: list[str] = []
    broken: set[tuple[str, str]] = set()

    def note(path: str, kind: str, finite: Any) -> None:
        if not bool(jnp.all(finite)):
            broken.add((path, kind))

    def observer(call: Call) -> Any:
        order.append(call.path)

        def look(kind: str, x: Any) -> None:
            jax.debug.callback(partial(note, call.path, kind), _all_finite(x))

        return tap(call.y, look=look)

    with observing(observer):
        loss, grads = jax.jit(lambda params: compute(params))(params)
        jax.block_until_ready((loss, grads))
    jax.effects_barrier()
    for path in order:
        if (path, "output") in broken:
            return NonFinite(path, "output")
    if not bool(_all_finite(loss)):
        return NonFinite("loss", "output")
    first = None
    for path in reversed(order):
        # An outer layer's output is its last inner layer's: name the inner one.
        if (path, "cotangent") in broken and (first is None or contains(first, path)):
            first = path
        elif first is not None:
            break
    if first is not None:
        return NonFinite(first, "cotangent")
    for path, leaf in jax.tree_util.tree_leaves_with_path(grads):
        if not bool(_all_finite(leaf)):
            return NonFinite("params" + jax.tree_util.keystr(path), "gradient")
    return None


def _all_finite(tree: Any) -> Any:
    leaves = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(jnp.result_type(leaf), jnp.inexact)]
    return jnp.all(jnp.stack([jnp.isfinite(leaf).all() for leaf in leaves])) if leaves else jnp.bool_(True)
