"""Train a network: epochs of steps on the device, and between them the host looks, reports, decides and keeps."""

from collections.abc import Sequence
from functools import partial
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
from fnn.train.failures import Interrupted, Snapshot, non_finite
from fnn.train.history import History, Row
from fnn.train.metrics import default_metrics
from fnn.train.progress import progress as show_progress
from fnn.train.recorders import Recorder
from fnn.train.result import Best, Result
from fnn.train.step import Loss, TrainState, copy, metric_shapes, start
from fnn.train.stopping import Criterion


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
    train_state, one_epoch = _prepare(net, loss, optimizer, examples, epochs, batch_size, key, resume)
    network = net, solution(optimizer, train_state.optimizer), train_state.model
    for part in (examples, evaluate):
        _check_labels(*network, _sample(examples.x), part, ignore_label)
    if evaluate is not None:
        check_examples(evaluate)
        check_evaluation(*network, evaluate, metrics=metrics)
        evaluate = jax.device_put(evaluate)

    history, best, stopped = History(), None, f"all {epochs} epochs are done"
    latest, before, speed, count = train_state, Snapshot(train_state), None, one_epoch.count

    def result(train_state: TrainState, stopped: str) -> Result:
        params = solution(optimizer, train_state.optimizer)
        return Result(params, train_state.model, history, stopped, best, train_state)

    with show_progress(progress, count * epochs) as show:
        try:
            for epoch in range(1, epochs + 1):
                before = Snapshot(latest)
                order = one_epoch.order(latest)

                def report(state: TrainState, done: int, row: Row, epoch: int = epoch) -> None:
                    nonlocal latest
                    latest = state
                    show((epoch - 1) * count + done, {"epoch": epoch, **row})

                try:
                    latest, row = one_epoch.run(latest, order, report, speed)
                except Broken as broken:
                    raise non_finite(one_epoch, before, order, broken.steps, epoch, result) from None
                speed = row["samples_per_second"]
                row, params = {"epoch": epoch, **row}, solution(optimizer, latest.optimizer)
                if evaluate is not None:
                    found = evaluate_network(net, params, latest.model, evaluate, metrics=metrics)
                    row |= {f"test_{name}": value for name, value in found.items()}
                history.rows.append(row)
                show(epoch * count, row)
                for recorder in recorders:
                    recorder(row, params)
                if "test_loss" in row and history.best_epoch("test_loss") == epoch:
                    best = Best(epoch, *jax.tree.map(jnp.array, (params, latest.model)))
                if reason := next(filter(None, (criterion(history) for criterion in stop)), None):
                    stopped = reason
                    break
        except KeyboardInterrupt:
            raise Interrupted(result(before.newest(latest), "interrupted")) from None
    return result(latest, stopped)


def _prepare(
    net: Layer,
    loss: Loss,
    optimizer: Optimizer,
    examples: Any,
    epochs: int,
    batch_size: int | None,
    key: Any,
    resume: TrainState | None,
) -> tuple[TrainState, Epoch]:
    """Check what was given, move the data to the device, and return the state to start from and the epoch to run."""
    for name, given, kind in (("net", net, Layer), ("optimizer", optimizer, Optimizer)):
        if not isinstance(given, kind):
            hint = "; call it to make one" if callable(given) else ""
            raise TypeError(f"fit: {name} is {given!r}, wanted {kind.__name__}{hint}.")
    if not isinstance(key, jax.Array):
        raise TypeError(f"fit: key is {key!r}, wanted a key of jax.random, such as jax.random.key(0).")
    if epochs < 1:
        raise ValueError(f"fit: epochs = {epochs}, wanted at least 1.")
    if not hasattr(examples, "x"):
        raise TypeError(f"fit: the examples are a {type(examples).__name__} without a field x, wanted Examples(x, y).")
    count = check_examples(examples, batch_size=batch_size)
    data = jax.device_put(examples)
    if resume is None:
        params, model = _init(jax.random.fold_in(key, 0), net, _sample(data.x))
        train_state = start(optimizer, params, model, jax.random.fold_in(key, 1))
    else:
        train_state = copy(resume)
    batch_size = count if batch_size is None else batch_size
    batch = jax.tree.map(lambda leaf: leaf[:batch_size], data)
    params = optimizer.params(train_state.optimizer)
    shapes = metric_shapes(loss, params, train_state.model, batch, train_state.key)
    return train_state, Epoch(loss, optimizer, data, count, batch_size, shapes)


@partial(jax.jit, static_argnames=("net", "sample"))
def _init(key: Any, net: Layer, sample: jax.ShapeDtypeStruct) -> tuple[Any, Any]:
    return net.init(key, sample)


def _sample(x: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((1, *np.shape(x)[1:]), jax.dtypes.canonicalize_dtype(x.dtype))


def _check_labels(net: Layer, params: Any, state: Any, sample: Any, examples: Any, ignore_label: int | None) -> None:
    """Check integer labels against the number of the network's outputs, on the host; one output is no class."""
    y = getattr(examples, "y", None)
    if y is None or not np.issubdtype(np.asarray(y).dtype, np.integer):
        return
    outputs = jax.eval_shape(lambda p, s, x: net.apply(p, s, x)[0], params, state, sample)
    if not hasattr(outputs, "shape"):
        return
    shape = outputs.shape
    if len(shape) == np.ndim(y) + 1 and shape[1:-1] == np.shape(y)[1:] and shape[-1] > 1:
        check_examples(examples, classes=shape[-1], ignore_label=ignore_label)
