"""Evaluate a network: outputs for all examples in one program, then metrics of the whole."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from fnn.layers import Layer
from fnn.train.metrics import default_metrics

Metrics = Callable[[Any, Any], dict[str, Any]]


def predict(net: Layer, params: Any, state: Any, x: Any, *, batch_size: int = 1024) -> Any:
    """Return the outputs of ``net`` in evaluation for all of x, batch by batch on the device."""
    if batch_size < 1:
        raise ValueError(f"predict: batch_size = {batch_size}, wanted at least 1.")
    return _predict(params, state, jnp.asarray(x), apply=net.apply, batch_size=batch_size)


def evaluate(
    net: Layer, params: Any, state: Any, examples: Any, *, metrics: Metrics = default_metrics, batch_size: int = 1024
) -> dict[str, float]:
    """Return ``metrics(outputs, y)`` of the network on the examples, as numbers of Python.

    Metrics see all outputs at once, so they are exact whatever the batch size. By default: loss and accuracy for
    integer labels, mean squared error otherwise.
    """
    given = _arguments(params, state, examples, batch_size)
    found = _evaluate(*given, apply=net.apply, metrics=metrics, batch_size=batch_size)
    return {name: float(value) for name, value in _scalars(jax.device_get(found)).items()}


def check_evaluation(
    net: Layer, params: Any, state: Any, examples: Any, *, metrics: Metrics = default_metrics, batch_size: int = 1024
) -> None:
    """Raise what `evaluate` would, before anything runs."""
    given = _arguments(params, state, examples, batch_size)
    static = {"apply": net.apply, "metrics": metrics, "batch_size": batch_size}
    _scalars(jax.eval_shape(partial(_evaluate, **static), *given))


def _arguments(params, state, examples, batch_size):
    if not (hasattr(examples, "x") and hasattr(examples, "y")):
        raise TypeError(f"evaluate: the examples are a {type(examples).__name__}, wanted fields x and y.")
    if len(examples.x) == 0:
        raise ValueError("evaluate: there are no examples, wanted at least one.")
    if batch_size < 1:
        raise ValueError(f"evaluate: batch_size = {batch_size}, wanted at least 1.")
    return params, state, *jax.tree.map(jnp.asarray, (examples.x, examples.y))


def _scalars(found: dict[str, Any]) -> dict[str, Any]:
    for name, value in found.items():
        if jnp.shape(value) != ():
            raise ValueError(
                f"evaluate: the metric {name!r} has shape {jnp.shape(value)}, wanted a scalar; "
                "compute it on the outputs of train.predict."
            )
    return found


@partial(jax.jit, static_argnames=("apply", "metrics", "batch_size"))
def _evaluate(params, state, x, y, *, apply, metrics, batch_size):
    return metrics(_outputs(params, state, x, apply, batch_size), y)


@partial(jax.jit, static_argnames=("apply", "batch_size"))
def _predict(params, state, x, *, apply, batch_size):
    return _outputs(params, state, x, apply, batch_size)


def _outputs(params, state, x, apply, batch_size):
    def forward(x):
        return apply(params, state, x, train=False)[0]

    if len(x) <= batch_size:
        return forward(x)
    whole = len(x) // batch_size * batch_size
    batches = x[:whole].reshape(whole // batch_size, batch_size, *x.shape[1:])
    outputs = jax.tree.map(lambda leaf: leaf.reshape(whole, *leaf.shape[2:]), lax.map(forward, batches))
    if whole == len(x):
        return outputs
    return jax.tree.map(lambda *parts: jnp.concatenate(parts), outputs, forward(x[whole:]))
