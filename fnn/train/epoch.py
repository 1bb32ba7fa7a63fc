"""One epoch: a new order of the examples, chunks of steps, and the last smaller batch."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from fnn.kernels import threefry
from fnn.kernels.numerics import wide_dtype
from fnn.optim import Optimizer
from fnn.train.history import Row
from fnn.train.step import Loss, TrainState, copy, run_remainder, run_steps, take

_CHUNK_SECONDS = 0.25
_SHUFFLE = 0x5EED  # sets the stream of orders apart from the stream of step keys


class Broken(Exception):
    """A loss or a parameter is no longer finite after this many steps of the epoch."""

    def __init__(self, steps: int):
        super().__init__(steps)
        self.steps = steps


@dataclass(frozen=True)
class Epoch:
    """What the epochs of a run have in common."""

    loss: Loss
    optimizer: Optimizer
    data: Any
    count: int
    batch_size: int
    metrics: dict[str, jax.ShapeDtypeStruct]

    @property
    def whole_steps(self) -> int:
        """How many steps have a full batch."""
        return self.count // self.batch_size

    @property
    def steps(self) -> int:
        """How many steps an epoch has, the smaller last one included."""
        return -(-self.count // self.batch_size)

    def order(self, train_state: TrainState) -> Any:
        """Return the order of the examples in the epoch that starts here; None for a full batch, which needs none."""
        if self.batch_size == self.count:
            return None
        return _shuffle(train_state.key, train_state.number, self.count)

    def batch(self, order: Any, index: int) -> Any:
        """Return the batch of step `index`."""
        if order is None:
            return self.data
        return take(self.data, order[index * self.batch_size : (index + 1) * self.batch_size])

    def zeros(self) -> dict[str, Any]:
        """Return the sums of the metrics before the first step, in float32 or wider."""
        return {name: jnp.zeros((), wide_dtype(metric.dtype)) for name, metric in self.metrics.items()}

    def advance(self, train_state: TrainState, sums: dict, order: Any, first: int, last: int):
        """Run steps first, ..., last - 1; return the train state, the sums, and whether all is finite."""
        static = {"loss": self.loss, "optimizer": self.optimizer, "batch_size": self.batch_size}
        whole = min(last, self.whole_steps)
        finite: Any = True
        if first < whole or first == last:
            bounds = np.int32(first), np.int32(whole)
            train_state, sums, finite = run_steps(train_state, sums, self.data, order, *bounds, **static)
        if last > self.whole_steps:
            rows = order[self.whole_steps * self.batch_size :]
            train_state, sums, finite = run_remainder(train_state, sums, self.data, rows, **static)
        return train_state, sums, finite

    def run(
        self,
        train_state: TrainState,
        order: Any,
        report: Callable[[TrainState, int, Row], None],
        samples_per_second: float | None = None,
    ) -> tuple[TrainState, Row]:
        """Run the whole epoch; return the train state and its row. Raises Broken.

        ``report(train_state, examples done, row)`` is called after each chunk. The speed of the epoch before sets the
        size of the chunks; without it, the steps are compiled first and the chunks grow from small ones.
        """
        sums, done, row = self.zeros(), 0, {}
        if samples_per_second is None:
            self._compile(train_state, order)
        began = time.perf_counter()
        while done < self.steps:
            chunk = 8 if samples_per_second is None else round(samples_per_second / self.batch_size * _CHUNK_SECONDS)
            last = min(done + max(chunk, 1), self.steps)
            train_state, sums, finite = self.advance(train_state, sums, order, done, last)
            if not finite:
                raise Broken(last)
            done = last
            row = self._row(train_state, sums, done, time.perf_counter() - began)
            samples_per_second = row["samples_per_second"]
            report(train_state, min(done * self.batch_size, self.count), row)
        return train_state, row

    def _compile(self, train_state: TrainState, order: Any) -> None:
        """Run no step, and the smaller last one, on copies: what comes then is timed without compilation."""
        compiled = self.advance(copy(train_state), self.zeros(), order, 0, 0)
        if self.steps > self.whole_steps:
            compiled = self.advance(copy(train_state), self.zeros(), order, self.whole_steps, self.steps)
        jax.block_until_ready(compiled)

    def _row(self, train_state: TrainState, sums: dict, done: int, seconds: float) -> Row:
        examples = min(done * self.batch_size, self.count)
        totals = jax.device_get(sums)
        means = {name: float(totals[name]) * self.batch_size / examples for name in self.metrics}
        speed = {"seconds": seconds, "samples_per_second": examples / max(seconds, 1e-9)}
        return {"step": int(train_state.number), **means, **speed}


@partial(jax.jit, static_argnames="count")
def _shuffle(key, number, count):
    """Return a uniformly random order: that of 64 random bits an example. `jax.random.permutation` sorts twice."""
    key = threefry.fold_in(threefry.fold_in(key, _SHUFFLE), number)
    high, low = (threefry.bits(threefry.fold_in(key, half), (count,)) for half in range(2))
    return lax.sort((high, low, lax.iota(jnp.int32, count)), num_keys=2, is_stable=False)[2]
