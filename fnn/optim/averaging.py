"""Parameter averaging: the iterates go on as they did, and their mean is the solution."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fnn.optim.hyper import bias_correction, require_fractions
from fnn.optim.optimizer import Optimizer, cast, widened
from fnn.optim.optimizer import solution as solution_of


class Average(NamedTuple):
    """State of `average`: the number of iterates averaged, their mean, and the state of the optimizer inside."""

    step: Any
    mean: Any
    state: Any


def average(optimizer: Optimizer, decay: float | None = None) -> Optimizer:
    """Average the parameters after each update; `fnn.optim.solution` gives the average.

    Without ``decay`` it is the mean of all iterates, a <- a + (w - a) / t. With it, the exponential mean, in which an
    iterate of k updates ago weighs decay^k, and the weights sum to one from the first update on:
    a <- a + (1 - decay) / (1 - decay^t) (w - a). Before the first update the solution is the start. The mean is kept
    in float32 or wider.

    >>> from fnn import optim
    >>> optimizer = average(optim.sgd(1.0))
    >>> state = optimizer.init(0.0)
    >>> for gradient in (-1.0, -1.0, -1.0):
    ...     state, w = optimizer.update(state, gradient)
    >>> float(w), float(optim.solution(optimizer, state))        # 3, and the mean of 1, 2 and 3
    (3.0, 2.0)

    Source: Polyak and Juditsky, Acceleration of stochastic approximation by averaging, 1992.
    """
    if decay is not None:
        require_fractions(decay=decay)

    def init(params):
        state = optimizer.init(params)
        mean = jax.tree.map(lambda w: jnp.array(w, widened(w.dtype), copy=True), solution_of(optimizer, state))
        return Average(jnp.zeros((), jnp.int32), mean, state)

    def update(state, grads):
        inner, params = optimizer.update(state.state, grads)
        step = state.step + 1
        t = jnp.asarray(step, float)
        share = 1 / t if decay is None else (1 - decay) / bias_correction(decay, t)
        mean = jax.tree.map(
            lambda a, w: a + cast(share, a.dtype) * (w.astype(a.dtype) - a), state.mean, solution_of(optimizer, inner)
        )
        return Average(step, mean, inner), params

    def solution(state):
        return jax.tree.map(lambda a, w: a.astype(w.dtype), state.mean, optimizer.params(state.state))

    return Optimizer(init, update, lambda state: optimizer.params(state.state), solution)
