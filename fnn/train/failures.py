"""How a run ends before its time, with nothing lost: a number that is not finite, and Ctrl-C."""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from fnn.inspect.taps import find_non_finite
from fnn.train.epoch import Epoch
from fnn.train.step import TrainState, value_and_grads

if TYPE_CHECKING:
    from fnn.train.fit import Result


class NonFiniteError(FloatingPointError):
    """A loss or a parameter became infinite or NaN.

    `step` is the number of the step (from 0) and `where` the first layer output, cotangent or gradient that is not
    finite. `result` holds the network as it was before that step, and the history.
    """

    def __init__(self, message: str, step: int, where: str, result: "Result"):
        super().__init__(message)
        self.step, self.where, self.result = step, where, result


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during training; `result` is what was learned so far."""

    def __init__(self, result: "Result"):
        super().__init__("training was interrupted; what was learned so far is in the exception's result")
        self.result = result


def last_good(epoch: Epoch, before: TrainState, order: Any, broken: int) -> tuple[TrainState, int]:
    """Return the last finite train state of the epoch and how many of its steps led there.

    `before` is the state at the start of the epoch; after `broken` steps it was not finite. Training is bitwise
    repeatable and what is not finite stays so: halving the interval finds the step, in one more epoch at most.
    """
    good, low, high = before, 0, broken
    while high - low > 1:
        middle = (low + high) // 2
        trial, _, finite = epoch.advance(copy(good), epoch.zeros(), order, low, middle)
        if finite:
            good, low = trial, middle
        else:
            high = middle
    return good, low


def explain(epoch: Epoch, good: TrainState, order: Any, index: int) -> str:
    """Return where the first value that is not finite arises in step `index`, which starts from `good`."""
    batch, key = epoch.batch(order, index), jax.random.fold_in(good.key, good.number)

    def compute(params):
        (value, _), grads = value_and_grads(epoch.loss, params, good.model, batch, key)
        return value, grads

    found = find_non_finite(compute, epoch.optimizer.params(good.optimizer))
    return "the optimizer's update of the parameters" if found is None else str(found)


def copy(train_state: TrainState) -> TrainState:
    """Return a copy that may be donated."""
    return jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), train_state)
