"""Train a network: epochs of steps on the device, and between them the host looks, reports, decides and keeps."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fnn.data import check_examples
from fnn.layers import Layer
from fnn.optim import Optimizer, solution
from fnn.train.epoch import Broken, Epoch
from fnn.train.evaluate import Metrics, check_evaluation
from fnn.train.evaluate import evaluate as evaluate_network
from fnn.train.failures import Interrupted, NonFiniteError, copy, explain, last_good
from fnn.train.history import History
from fnn.train.metrics import default_metrics
from fnn.train.progress import progress as show_progress
from fnn.train.recorders import Recorder
from fnn.train.step import Loss, TrainState, metric_shapes, start
from fnn.train.stopping import Criterion


@dataclass(frozen=True)
class Best:
    """The epoch with the best held-out loss, and the network as it was then."""

    epoch: int
    params: Any = field(repr=False)
    state: Any = field(repr=False)


@dataclass(frozen=True)
class Result:
    """What a run has learned."""

    params: Any = field(repr=False)
    """The parameters at the end; their average where the optimizer keeps one."""
    state: Any = field(repr=False)
    """The layers' state at the end."""
    history: History
    """One row an epoch."""
    stopped: str
    """Why the run ended."""
    best: Best | None
    """The best epoch by held-out loss; None without held-out examples."""
    train_state: TrainState = field(repr=False)
    """Everything that is needed to go on: give it to `fit` as resume."""

    def plot(self, path: str | os.PathLike[str]) -> Path:
        """Draw the history into a picture; see `History.plot`."""
        return self.history.plot(path)


def fit(
    net: Layer,
    loss: Loss,
    optimizer: Optimizer,
    examples: Any,
    *,
    epochs: int,
    batch_size: int | None = 32,
    key: Any,
    evaluate: Any = None,
    metrics: Metrics = default_metrics,
    stop: Sequence[Criterion] = (),
    recorders: Sequence[Recorder] = (),
    progress: bool = True,
    ignore_label: int | None = None,
    resume: TrainState | None = None,
) -> Result:
    """Train `net` on `examples` by `loss` and `optimizer` for up to `epochs` epochs.

    The data move to the device once and are shuffled there. Steps run in chunks of about a quarter of a second, each
    one XLA call with donated buffers; between chunks the host moves the bar and looks whether all is finite.

    Args:
        net: the network, which fit initialises and evaluates.
        loss: ``(params, state, batch, key) -> (scalar, (state, metrics))``, a plain function; ``batch`` has the
            type of `examples`.
        optimizer: from `fnn.optim`, or any `Optimizer`.
        examples: a pytree of arrays with a shared leading axis and a field x, such as `fnn.data.Examples`.
        epochs: how often every example is seen at most, each time in a new order.
        batch_size: examples a step: 32 for mini-batches, 1 for one-sample learning, None for the full batch. When it
            does not divide the number of examples, the last batch of an epoch is smaller.
        key: a key of `jax.random`; the same key gives the same result, bit for bit.
        evaluate: held-out examples, evaluated after each epoch; their metrics are named "test_...".
        metrics: ``(outputs, y) -> dict of scalars`` for the held-out examples.
        stop: criteria that end the run early: `change_below`, `below`, `patience`, or any function of the history.
        recorders: called after each epoch: `json_lines`, `tensorboard`, or any function of (row, params). The params
            are lent for the call: the next step takes their buffers, so copy what is to be kept.
        progress: whether to show a bar.
        ignore_label: a label outside the classes that the loss ignores.
        resume: a result's ``train_state``, to go on from there.

    Raises:
        ValueError, TypeError: data, labels, sizes or loss that cannot be trained on, before training begins.
        NonFiniteError: the loss or a parameter is not finite; it names the step and the layer.
        Interrupted: Ctrl-C. Both carry the result so far.
    """
    for name, given, kind in (("net", net, Layer), ("optimizer", optimizer, Optimizer)):
        if not isinstance(given, kind):
            hint = "; call it to make one" if callable(given) else ""
            raise TypeError(f"fit: {name} is {given!r}, wanted {kind.__name__}{hint}.")
    if epochs < 1:
        raise ValueError(f"fit: epochs = {epochs}, wanted at least 1.")
    if not hasattr(examples, "x"):
        raise TypeError(f"fit: the examples are a {type(examples).__name__} without a field x, wanted Examples(x, y).")
    count = check_examples(examples, batch_size=batch_size)
    if evaluate is not None:
        check_examples(evaluate)
    data = jax.tree.map(jnp.asarray, examples)
    sample = jax.ShapeDtypeStruct((1, *data.x.shape[1:]), data.x.dtype)
    if resume is None:
        params, model = _init(jax.random.fold_in(key, 0), net, sample)
        train_state = start(optimizer, params, model, jax.random.fold_in(key, 1))
    else:
        train_state = copy(resume)
    for part in (examples, evaluate):
        _check_labels(net, optimizer, train_state, sample, part, ignore_label)

    batch_size = count if batch_size is None else batch_size
    batch = jax.tree.map(lambda leaf: leaf[:batch_size], data)
    params = optimizer.params(train_state.optimizer)
    shapes = metric_shapes(loss, params, train_state.model, batch, train_state.key)
    if evaluate is not None:
        check_evaluation(net, params, train_state.model, evaluate, metrics=metrics)
    one_epoch = Epoch(loss, optimizer, data, count, batch_size, shapes)
    history, best, stopped = History(), None, f"all {epochs} epochs are done"
    latest, before, speed = train_state, _Snapshot(train_state), None
    with show_progress(progress, count * epochs) as show:
        try:
            for epoch in range(1, epochs + 1):
                before = _Snapshot(latest) if epoch > 1 else before
                order = one_epoch.order(latest)

                def report(state, examples_done, row, epoch=epoch):
                    nonlocal latest
                    latest = state
                    show((epoch - 1) * count + examples_done, {"epoch": epoch, **row})

                try:
                    latest, row = one_epoch.run(latest, order, report, speed)
                except Broken as broken:
                    good, index = last_good(one_epoch, before.restore(), order, broken.steps)
                    where = explain(one_epoch, good, order, index)
                    result = _result(optimizer, good, history, f"step {int(good.number)} is not finite", best)
                    raise _non_finite(int(good.number), epoch, where, result) from None
                row = {"epoch": epoch, **row}
                params = solution(optimizer, latest.optimizer)
                if evaluate is not None:
                    found = evaluate_network(net, params, latest.model, evaluate, metrics=metrics)
                    row |= {f"test_{name}": value for name, value in found.items()}
                history.rows.append(row)
                speed = row["samples_per_second"]
                show(epoch * count, row)
                for recorder in recorders:
                    recorder(row, params)
                if "test_loss" in row and history.best_epoch("test_loss") == epoch:
                    best = Best(epoch, *jax.tree.map(jnp.array, (params, latest.model)))
                if reason := next(filter(None, (criterion(history) for criterion in stop)), None):
                    stopped = reason
                    break
        except KeyboardInterrupt:
            raise Interrupted(_result(optimizer, before.newest(latest), history, "interrupted", best)) from None
    return _result(optimizer, latest, history, stopped, best)


@partial(jax.jit, static_argnames=("net", "sample"))
def _init(key: Any, net: Layer, sample: jax.ShapeDtypeStruct) -> tuple[Any, Any]:
    return net.init(key, sample)


class _Snapshot:
    """A copy of a train state on the host: it costs no device memory, and donation cannot take it away."""

    def __init__(self, train_state: TrainState):
        self._key = jax.random.clone(train_state.key)
        self._host = jax.tree.map(lambda leaf: np.array(leaf), train_state._replace(key=None))

    def restore(self) -> TrainState:
        return jax.tree.map(jnp.array, self._host)._replace(key=self._key)

    def newest(self, latest: TrainState) -> TrainState:
        """Return `latest`, or this snapshot if its buffers went into a call that never returned."""
        donated = any(leaf.is_deleted() for leaf in jax.tree.leaves(latest))
        return self.restore() if donated else latest


def _result(optimizer: Optimizer, train_state: TrainState, history: History, stopped: str, best: Best | None) -> Result:
    params = solution(optimizer, train_state.optimizer)
    return Result(params, train_state.model, history, stopped, best, train_state)


def _non_finite(number: int, epoch: int, where: str, result: Result) -> NonFiniteError:
    message = (
        f"step {number} (epoch {epoch}) is not finite: first {where}. The network as it was before this step is in "
        "the exception's result; try a smaller learning rate, clip the gradient, or look at the data of this step."
    )
    return NonFiniteError(message, number, where, result)


def _check_labels(net: Layer, optimizer: Optimizer, train_state: TrainState, sample, examples, ignore_label) -> None:
    """Check integer labels against the number of the network's outputs, on the host; one output is no class."""
    y = getattr(examples, "y", None)
    params = optimizer.params(train_state.optimizer)
    outputs = jax.eval_shape(lambda p, s, x: net.apply(p, s, x)[0], params, train_state.model, sample)
    if y is None or not np.issubdtype(np.asarray(y).dtype, np.integer) or not hasattr(outputs, "shape"):
        return
    if outputs.shape[1:-1] == np.shape(y)[1:] and len(outputs.shape) == np.ndim(y) + 1 and outputs.shape[-1] > 1:
        check_examples(examples, classes=outputs.shape[-1], ignore_label=ignore_label)
