"""Runs that end before their time: the step and the layer are named, and nothing is lost.

The networks have a layer that counts its calls in its state and breaks at call number 0. A run starts with the count
at -k, so it breaks at step k, and one compilation serves every k.
"""

import contextlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_training import COUNT, KEY, TEST, TRAIN, fit, line

from fnn import layers, optim, rules, train
from fnn.data import Examples
from fnn.train import epoch as epoch_module
from fnn.train.epoch import Epoch
from fnn.train.failures import copy

DATA = Examples(TRAIN.x, TRAIN.x[:, :2])
SGD = optim.sgd(1e-25)
STEPS_AN_EPOCH = 5


def counting(name, forward):
    """Return a layer y = forward(x, whether this is call number 0)."""
    return layers.layer(
        name,
        lambda key, x: ((), jnp.zeros((), jnp.int32)),
        lambda params, state, x, *, key=None, train=False: (forward(x, state == 0), state + 1),
    )


def large(now):
    return jnp.where(now, 1e30, 1.0)


def mean_of(net, factor=lambda state: 1.0):
    def mean(params, state, batch, key):
        y, new_state = net.apply(params, state, batch.x, key=key, train=True)
        return rules.mean(y) * factor(state), (new_state, {})

    return mean


OVERFLOW = layers.serial(
    layers.dense(4),
    layers.residual(layers.serial(layers.tanh(), counting("burst", lambda x, now: x * large(now) * large(now)))),
    layers.dense(2),
)
ROOT = layers.serial(
    layers.dense(4),
    counting("touch", lambda x, now: jnp.where(now, 0 * x, 1 + jnp.square(x))),
    layers.stateless("root", rules.sqrt),
    layers.dense(2),
)
GRADIENT = layers.serial(
    counting("grow", lambda x, now: jnp.where(now, 1e20 * jnp.sign(x), x)),
    layers.dense(2, weight=lambda key, shape, dtype: jnp.full(shape, 1e-20, dtype)),
)
COUNTED = layers.serial(counting("watch", lambda x, now: x), layers.dense(2))


def at_zero(state):
    return jnp.where(state[0] == 0, 1e20, 1.0)


def burst_rate(step):
    return jnp.where(step == 0, jnp.inf, 1e-3)


CASES = {
    "output": (OVERFLOW, mean_of(OVERFLOW), SGD, "the output of serial[1].residual.serial[1].burst"),
    "cotangent": (ROOT, mean_of(ROOT), SGD, "the cotangent of serial[1].touch"),
    "loss": (COUNTED, mean_of(COUNTED, lambda state: 1 / jnp.abs(state[0].astype(float))), SGD, "the loss itself"),
    "gradient": (GRADIENT, mean_of(GRADIENT, at_zero), SGD, "the gradient of params[1].w"),
    "update": (COUNTED, mean_of(COUNTED), optim.sgd(burst_rate), "the optimizer's update of the parameters"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_step_and_the_first_broken_value_are_named(case):
    net, mean, optimizer, where = case
    params, model = net.init(KEY, DATA.x)
    start = train.start(optimizer, params, model, KEY)
    given = {"net": net, "loss": mean, "optimizer": optimizer, "examples": DATA, "epochs": 3}
    for broken in (3, 6, 9):  # in the first epoch, in a later one, and in the remainder batch of the second
        counts = jax.tree.map(lambda leaf, broken=broken: leaf - broken if leaf.dtype == jnp.int32 else leaf, start[:2])
        if where != CASES["update"][3]:
            counts = (start.optimizer, counts[1])
        begun = start._replace(optimizer=counts[0], model=counts[1])
        with pytest.raises(train.NonFiniteError) as raised:
            fit(**given, resume=begun)
        error = raised.value
        assert (error.step, error.where) == (broken, where)
        assert str(error).startswith(
            f"step {broken} (epoch {1 + broken // STEPS_AN_EPOCH}) is not finite: first {where}."
        )
        result = error.result
        assert len(result.history.rows) == broken // STEPS_AN_EPOCH
        assert int(result.train_state.number) == broken and "not finite" in result.stopped
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((result.params, result.state)))
        assert np.array_equal(wanted_params(net, mean, optimizer, begun, broken), jax.tree.leaves(result.params)[0])


def wanted_params(net, mean, optimizer, begun, steps):
    """Return the first leaf of the parameters after that many steps, all of them finite."""
    shapes = {"loss": jax.ShapeDtypeStruct((), jnp.float32)}
    run = Epoch(mean, optimizer, jax.tree.map(jnp.asarray, DATA), COUNT, 5, shapes)
    state = copy(begun)
    while steps:
        now = min(steps, STEPS_AN_EPOCH)
        state, _, finite = run.advance(state, run.zeros(), run.order(state), 0, now)
        assert finite
        steps -= now
    return np.asarray(jax.tree.leaves(optimizer.params(state.optimizer))[0])


def test_a_run_that_diverges_by_itself_is_stopped_at_the_step_where_a_loop_of_steps_is():
    net, squares = line()
    data, optimizer = Examples(jnp.asarray(10 * TRAIN.x), jnp.asarray(TRAIN.x.sum(1))), optim.sgd(0.1)
    with pytest.raises(train.NonFiniteError) as raised:
        fit(net=net, loss=squares, optimizer=optimizer, examples=data, epochs=50)
    result = raised.value.result
    step = jax.jit(train.step(squares, optimizer))
    state = train.start(optimizer, *net.init(KEY, data.x), result.train_state.key)
    run, order = Epoch(squares, optimizer, data, COUNT, 5, {}), None
    for number in range(raised.value.step + 1):
        if number % STEPS_AN_EPOCH == 0:
            order = run.order(state)
        state, metrics = step(state, run.batch(order, number % STEPS_AN_EPOCH))
        finite = np.isfinite(metrics["loss"]) and np.isfinite(optimizer.params(state.optimizer).w).all()
        assert finite == (number < raised.value.step)
    assert len(result.history.rows) == raised.value.step // STEPS_AN_EPOCH > 0


def test_ctrl_c_in_a_recorder_keeps_what_was_learned():
    def interrupt(row, params):
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(train.Interrupted) as raised:
        fit(epochs=9, evaluate=TEST, recorders=[interrupt])
    assert isinstance(raised.value, KeyboardInterrupt)
    result, wanted = raised.value.result, fit(evaluate=TEST)
    assert result.stopped == "interrupted" and result.history.values("loss") == wanted.history.values("loss")
    assert result.best is not None and result.best.epoch == 1  # the second row was not looked at yet
    jax.tree.map(np.testing.assert_array_equal, result.params, wanted.params)
    longer, straight = fit(resume=result.train_state, epochs=1), fit(epochs=3)
    jax.tree.map(np.testing.assert_array_equal, longer.params, straight.params)


def test_ctrl_c_between_chunks_keeps_the_chunks(monkeypatch):
    monkeypatch.setattr(epoch_module, "_CHUNK_SECONDS", 1e-12)  # 8 steps, then one by one
    monkeypatch.setattr(sys.modules[train.fit.__module__], "show_progress", interrupting(at=COUNT + 10))
    with pytest.raises(train.Interrupted) as raised:
        fit(epochs=9, batch_size=1)
    result = raised.value.result
    assert int(result.train_state.number) == COUNT + 10 and len(result.history.rows) == 1
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves((result.params, result.train_state)))


def interrupting(at):
    @contextlib.contextmanager
    def progress(shown, total):
        def report(samples, row):
            if samples >= at:
                raise KeyboardInterrupt

        yield report

    return progress


def test_ctrl_c_in_a_call_that_took_the_buffers_goes_back_to_the_start_of_the_epoch(monkeypatch):
    advance = Epoch.advance

    def taken(self, state, *rest):
        number = int(state.number)
        advanced = advance(self, state, *rest)
        if number == STEPS_AN_EPOCH:  # the second epoch begins
            assert state.number.is_deleted()
            raise KeyboardInterrupt
        return advanced

    wanted = fit(epochs=1)
    monkeypatch.setattr(Epoch, "advance", taken)
    with pytest.raises(train.Interrupted) as raised:
        fit(epochs=9)
    result = raised.value.result
    assert int(result.train_state.number) == STEPS_AN_EPOCH and len(result.history.rows) == 1
    jax.tree.map(np.testing.assert_array_equal, result.params, wanted.params)


def test_other_errors_pass_unchanged():
    def fail(row, params):
        raise RuntimeError("the recorder's own")

    with pytest.raises(RuntimeError, match="the recorder's own"):
        fit(recorders=[fail])
