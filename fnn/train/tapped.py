"""The training step with taps: what every layer's output and cotangent and every parameter look like in a step.

The step of `fnn.train.step` and this one take and give the same train state, so a loop may run the cheap one and look
through this one every hundred steps.
"""

from collections.abc import Callable
from typing import Any

from fnn.inspect import Taps, taps
from fnn.optim import Optimizer
from fnn.train.step import Loss, TrainState, checked, step_key


def tapped_step(
    loss: Loss, optimizer: Optimizer, *, bins: int = 0
) -> Callable[[TrainState, Any], tuple[TrainState, dict[str, Any], Taps]]:
    """Return the pure training step ``(train_state, batch) -> (train_state, metrics, taps)``; jit it as `train.step`.

    The train state and the metrics are those of `train.step`. The taps are those of `fnn.inspect.taps` at the
    parameters before the step, with the ratio of each parameter's update. bins: those of the histograms, 0 for none.

    >>> import jax, jax.numpy as jnp
    >>> from fnn import layers, optim, rules, train
    >>> net, optimizer = layers.dense(1), optim.sgd(0.1)
    >>> x, y = jnp.ones((4, 3)), jnp.ones((4, 1))
    >>> def loss(params, state, batch, key):
    ...     output, state = net.apply(params, state, batch[0], key=key, train=True)
    ...     return rules.squared_error(output, batch[1]), (state, {})
    >>> start = train.start(optimizer, *net.init(jax.random.key(0), x), jax.random.key(1))
    >>> after, metrics, seen = jax.jit(train.tapped_step(loss, optimizer))(start, (x, y))
    >>> [f"{entry.update_ratio / entry.gradient_ratio:.3f}" for entry in seen.only("w").params.values()]
    ['0.100']
    """

    def one_step(train_state: TrainState, batch: Any) -> tuple[TrainState, dict[str, Any], Taps]:
        params, key = optimizer.params(train_state.optimizer), step_key(train_state)
        watched = taps(checked(loss), bins=bins)
        (value, (model, metrics)), grads, seen = watched(params, train_state.model, batch, key)
        state, _ = optimizer.update(train_state.optimizer, grads)
        seen = seen.updated(params, optimizer.params(state))
        return TrainState(state, model, train_state.key, train_state.number + 1), {"loss": value, **metrics}, seen

    return one_step
