"""Gradient accumulation: one update from several small batches, as if they had been one large batch."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fnn.optim.optimizer import Optimizer, check_gradients, widened
from fnn.optim.optimizer import solution as solution_of


class Accumulate(NamedTuple):
    """State of `accumulate`: how many gradients the sum holds, the sum, and the state of the optimizer inside."""

    count: Any
    total: Any
    state: Any


def accumulate(optimizer: Optimizer, steps: int) -> Optimizer:
    """Update with the mean of the gradients at every ``steps``-th call; in between the parameters stand still.

    With equal batches and a mean loss this is one step on the joined batch. The sum is kept in float32 or wider.
    Schedules inside count the updates made, not the calls.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}; wanted one gradient or more for each update.")

    def init(params):
        state = optimizer.init(params)
        total = jax.tree.map(lambda w: jnp.zeros_like(w, widened(w.dtype)), optimizer.params(state))
        return Accumulate(jnp.zeros((), jnp.int32), total, state)

    def update(state, grads):
        params = optimizer.params(state.state)
        check_gradients(params, grads)
        total = jax.tree.map(lambda s, g: s + jnp.asarray(g).astype(s.dtype), state.total, grads)

        def step():
            mean = jax.tree.map(lambda s, w: (s / steps).astype(w.dtype), total, params)
            inner, _ = optimizer.update(state.state, mean)
            return Accumulate(jnp.zeros((), jnp.int32), jax.tree.map(jnp.zeros_like, total), inner)

        def wait():
            return Accumulate(state.count + 1, total, state.state)

        state = jax.lax.cond(state.count == steps - 1, step, wait)
        return state, jax.tree.map(jnp.copy, optimizer.params(state.state))

    return Optimizer(
        init,
        update,
        lambda state: optimizer.params(state.state),
        lambda state: solution_of(optimizer, state.state),
    )
