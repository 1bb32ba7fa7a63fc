"""Coupled weight decay (L2): the gradient of the penalty joins the gradient of the loss.

Decoupled decay, which an adaptive rate does not rescale, is the keyword ``weight_decay`` of every algorithm.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fnn.optim.hyper import Hyper, at
from fnn.optim.optimizer import Optimizer, cast, check_gradients, widened
from fnn.optim.optimizer import solution as solution_of


class CoupledWeightDecay(NamedTuple):
    """State of `coupled_weight_decay`: the step, for a scheduled rate, and the state of the optimizer inside."""

    step: Any
    state: Any


def coupled_weight_decay(optimizer: Optimizer, rate: Hyper) -> Optimizer:
    """Add rate * params to the gradients: the gradient of the penalty rate / 2 |w|^2.

    This is what PyTorch calls weight_decay everywhere but in AdamW. The objective becomes loss + penalty, whichever
    way the optimizer goes: one with maximize=True climbs it, and wants a negative rate to keep its weights small.

    >>> from fnn import optim
    >>> optimizer = coupled_weight_decay(optim.sgd(0.1), 0.5)
    >>> state, w = optimizer.update(optimizer.init(2.0), 0.0)
    >>> round(float(w), 6)                                       # 2 - 0.1 * 0.5 * 2
    1.9
    """

    def init(params):
        return CoupledWeightDecay(jnp.zeros((), jnp.int32), optimizer.init(params))

    def update(state, grads):
        params, now = optimizer.params(state.state), at(rate, state.step)
        check_gradients(params, grads)

        def add(g, w):
            wide = widened(w.dtype)
            return (jnp.asarray(g).astype(wide) + cast(now, wide) * w.astype(wide)).astype(w.dtype)

        inner, params = optimizer.update(state.state, jax.tree.map(add, grads, params))
        return CoupledWeightDecay(state.step + 1, inner), params

    return Optimizer(
        init,
        update,
        lambda state: optimizer.params(state.state),
        lambda state: solution_of(optimizer, state.state),
    )
