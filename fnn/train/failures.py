"""How a run ends before its time, with nothing lost: a number that is not finite, and Ctrl-C."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fnn.inspect import find_non_finite, taps
from fnn.train.epoch import Epoch
from fnn.train.result import Result
from fnn.train.step import TrainState, copy, step_key


class NonFiniteError(FloatingPointError):
    """A loss or a parameter became infinite or NaN.

    `step` is the number of the step (from 0) and `where` the first layer output, cotangent or gradient that is not
    finite. `result` holds the network as it was before that step, and the history.
    """

    def __init__(self, message: str, step: int, where: str, result: Result):
        super().__init__(message)
        self.step, self.where, self.result = step, where, result


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during training; `result` is what was learned so far."""

    def __init__(self, result: Result):
        super().__init__("training was interrupted; what was learned so far is in the exception's result")
        self.result = result


class Snapshot:
    """A copy of a train state on the host: it costs no device memory, and donation cannot take it away."""

    def __init__(self, train_state: TrainState):
        self._key = jax.random.clone(train_state.key)
        self._host = jax.tree.map(lambda leaf: np.array(leaf), train_state._replace(key=None))

    def restore(self) -> TrainState:
        """Return the train state, on the device again."""
        return jax.tree.map(jnp.array, self._host)._replace(key=self._key)

    def newest(self, latest: TrainState) -> TrainState:
        """Return `latest`, or this snapshot if its buffers went into a call that never returned."""
        donated = any(leaf.is_deleted() for leaf in jax.tree.leaves(latest))
        return self.restore() if donated else latest


def non_finite(
    epoch: Epoch,
    before: Snapshot,
    order: Any,
    broken: int,
    epoch_number: int,
    result: Callable[[TrainState, str], Result],
) -> NonFiniteError:
    """Return the error for an epoch that was not finite after `broken` steps, having found the step and the place."""
    good, index = last_good(epoch, before.restore(), order, broken)
    where, number = explain(epoch, good, order, index), int(good.number)
    message = (
        f"step {number} (epoch {epoch_number}) is not finite: first {where}. The network as it was before this step "
        "is in the exception's result; try a smaller learning rate, clip the gradient, or look at the data of this "
        "step."
    )
    return NonFiniteError(message, number, where, result(good, f"step {number} is not finite"))


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
    params, batch, key = epoch.optimizer.params(good.optimizer), epoch.batch(order, index), step_key(good)
    found = find_non_finite(jax.jit(taps(epoch.loss))(params, good.model, batch, key)[2])
    return "the optimizer's update of the parameters" if found is None else str(found)
