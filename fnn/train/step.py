"""One training step, and many of them in one XLA program.

    step(train_state, batch) -> (train_state, metrics)

is pure. `run_steps` is a loop of steps over data that lie on the device: the number of steps is data, not shape, so
one compilation serves a chunk of any length, the end of an epoch, and the replay of a failure.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Int

from fnn.kernels import threefry
from fnn.optim import Optimizer

Loss = Callable[[Any, Any, Any, Any], tuple[Any, tuple[Any, dict[str, Any]]]]
Step = Callable[["TrainState", Any], tuple["TrainState", dict[str, Any]]]


class TrainState(NamedTuple):
    """Everything that a training run carries from step to step; donate it whole."""

    optimizer: Any
    """The optimizer's state, which owns the parameters."""
    model: Any
    """The layers' state."""
    key: Array
    """The run's key; step number t draws from ``fold_in(key, t)``."""
    number: Int[Array, ""]
    """How many steps have been done."""


def start(optimizer: Optimizer, params: Any, model: Any, key: Array) -> TrainState:
    """Return the state before the first step. It shares no buffer with the arguments."""
    copied_model, copied_key = jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), (model, key))
    return TrainState(optimizer.init(params), copied_model, copied_key, jnp.zeros((), jnp.int32))


def copy(train_state: TrainState) -> TrainState:
    """Return a copy that may be donated."""
    return jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), train_state)


def step(loss: Loss, optimizer: Optimizer) -> Step:
    """Return the pure training step ``(train_state, batch) -> (train_state, metrics)``; jit and donate it as you like.

    ``loss(params, state, batch, key) -> (scalar, (state, metrics))`` is a plain function; metrics is a dict of
    scalars, to which the step adds "loss".
    """

    def one_step(train_state: TrainState, batch: Any) -> tuple[TrainState, dict[str, Any]]:
        params = optimizer.params(train_state.optimizer)
        key = step_key(train_state)
        (value, (model, metrics)), grads = value_and_grads(loss, params, train_state.model, batch, key)
        state, _ = optimizer.update(train_state.optimizer, grads)
        return TrainState(state, model, train_state.key, train_state.number + 1), {"loss": value, **metrics}

    return one_step


def step_key(train_state: TrainState) -> Array:
    """Return the key of the next step."""
    return threefry.fold_in(train_state.key, train_state.number)


def value_and_grads(loss: Loss, params: Any, model: Any, batch: Any, key: Any):
    """Return ``((loss, (state, metrics)), grads)``, having checked that the loss is what a step needs."""
    return jax.value_and_grad(checked(loss), has_aux=True)(params, model, batch, key)


def checked(loss: Loss) -> Loss:
    """Return the loss with what it returns checked: raises TypeError or ValueError if it is not what a step needs."""

    def checked_loss(params: Any, model: Any, batch: Any, key: Any):
        result = loss(params, model, batch, key)
        try:
            value, (state, metrics) = result
        except (TypeError, ValueError):
            raise TypeError(
                f"the loss returned {_kind(result)}, wanted (scalar, (state, metrics)); metrics may be {{}}."
            ) from None
        if jnp.shape(value) != ():
            raise ValueError(f"the loss has shape {jnp.shape(value)}, wanted a scalar; reduce it by mean or sum.")
        if not isinstance(metrics, dict) or "loss" in metrics:
            raise TypeError(f'metrics are {_kind(metrics)}, wanted a dict of scalars without the name "loss".')
        for name, metric in metrics.items():
            if jnp.shape(metric) != ():
                raise ValueError(f"the metric {name!r} has shape {jnp.shape(metric)}, wanted a scalar; take its mean.")
        if jax.tree.map(jnp.shape, state) != jax.tree.map(jnp.shape, model):
            raise TypeError(
                "the loss returned a state of another structure than it was given; return the state that net.apply "
                f"returns: got {jax.tree.structure(state)}, wanted {jax.tree.structure(model)}."
            )
        return value, (state, metrics)

    return checked_loss


@partial(jax.jit, static_argnames=("loss", "optimizer", "batch_size"), donate_argnames=("train_state", "sums"))
def run_steps(
    train_state: TrainState,
    sums: dict[str, Array],
    examples: Any,
    order: Int[Array, " examples"] | None,
    first: Any,
    last: Any,
    *,
    loss: Loss,
    optimizer: Optimizer,
    batch_size: int,
) -> tuple[TrainState, dict[str, Array], Bool[Array, ""]]:
    """Run the steps first, ..., last - 1 of an epoch and add their metrics to `sums`.

    Step i takes the examples order[i·batch_size : (i+1)·batch_size]; with order None, all examples as they lie.
    Also returns whether the loss and every parameter are still finite.
    """
    one_step = step(loss, optimizer)
    key, before = train_state.key, train_state.number - first

    def body(i, carry):
        # A small step takes as many microseconds as it has scalars to carry, so key and number follow from i.
        state, model, sums = carry
        batch = examples
        if order is not None:
            batch = take(examples, lax.dynamic_slice(order, (i * batch_size,), (batch_size,)))
        after, metrics = one_step(TrainState(state, model, key, before + i), batch)
        return after.optimizer, after.model, jax.tree.map(_add, sums, metrics)

    state, model, sums = lax.fori_loop(first, last, body, (train_state.optimizer, train_state.model, sums))
    train_state = TrainState(state, model, key, before + last)
    return train_state, sums, _is_finite(optimizer, train_state, sums)


@partial(jax.jit, static_argnames=("loss", "optimizer", "batch_size"), donate_argnames=("train_state", "sums"))
def run_remainder(
    train_state: TrainState,
    sums: dict[str, Array],
    examples: Any,
    rows: Int[Array, " rows"],
    *,
    loss: Loss,
    optimizer: Optimizer,
    batch_size: int,
) -> tuple[TrainState, dict[str, Array], Bool[Array, ""]]:
    """Run the step of an epoch whose batch is smaller; its metrics count by its share of a batch."""
    train_state, metrics = step(loss, optimizer)(train_state, take(examples, rows))
    share = len(rows) / batch_size
    sums = jax.tree.map(lambda total, value: _add(total, value, share), sums, metrics)
    return train_state, sums, _is_finite(optimizer, train_state, sums)


def _add(total: Array, value: Any, share: float = 1.0) -> Array:
    # In the sum's dtype: a metric may be a count, a truth value, or in half precision, which cannot sum an epoch.
    return total + share * jnp.asarray(value, total.dtype)


def _is_finite(optimizer: Optimizer, train_state: TrainState, sums: dict[str, Array]) -> Bool[Array, ""]:
    leaves = [sums["loss"], *jax.tree.leaves(optimizer.params(train_state.optimizer))]
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in leaves]).all()


def take(examples: Any, rows: Int[Array, " batch"]) -> Any:
    """Return those rows of every array of the examples."""
    return jax.tree.map(lambda leaf: leaf.at[rows].get(mode="promise_in_bounds"), examples)


def metric_shapes(loss: Loss, params: Any, model: Any, batch: Any, key: Array) -> dict[str, jax.ShapeDtypeStruct]:
    """Return the metrics that a step gives, as shapes; raises as the loss does, before anything runs."""
    (value, (_, metrics)), _ = _probe.eval_shape(loss, params, model, batch, key)
    return {"loss": value, **metrics}


_probe = jax.jit(value_and_grads, static_argnums=0)  # never run: jit remembers what it has traced


def _kind(value: Any) -> str:
    return f"a tuple of {len(value)}" if isinstance(value, tuple) else f"a {type(value).__name__}"
