"""The adding problem, 100 steps long: an LSTM learns it, a simple RNN does not

    python -m experiments adding
    python -m experiments adding --time 30              # short enough for both
    python -m experiments adding --weight orthogonal    # a better start for the simple network

Hardware: two CPU cores. Wall time: 1 min.
Expect: lstm_loss 0.003, and rnn_loss 0.16, hardly less than what the answer 1 gets, whatever was asked.

A sequence has two numbers a step: one drawn from 0..1, and a mark, which is 1 at one step of the first half and at one
of the second, and 0 elsewhere. Wanted at the end is the sum of the two marked numbers. The squared error of the best
constant answer, 1, is 1/6.

loss.png shows how both learn. gradients.png shows why one does not: how large the gradient of the loss is with respect
to the state after step t, back from the end. In the simple network each step back multiplies it by diag(1 - h²)·Uᵀ,
which shrinks it; in the LSTM the cell's gradient is multiplied by the forget gate, which learns to be 1.
Source: Hochreiter and Schmidhuber (1997), "Long short-term memory", section 5.4.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from experiments.runner import key, save, say
from fnn import data, initializers, layers, optim, rules, train
from fnn.inspect import pictures

WEIGHTS = {"xavier": initializers.xavier_uniform, "orthogonal": initializers.orthogonal()}


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `adding`."""

    time: int = 100
    """Steps of a sequence."""
    hidden: int = 64
    """Units of each network."""
    forget_bias: float = 3.0
    """Where the forget gate's bias starts: at 3 a cell keeps 95% of its value from step to step."""
    weight: Literal["xavier", "orthogonal"] = "xavier"
    """How the recurrent weights of the simple network start."""
    sequences: int = 10_000
    """Sequences to learn from."""
    test_sequences: int = 1_000
    """Sequences to judge by."""
    epochs: int = 12
    """How often each sequence is seen."""
    batch_size: int = 50
    """Sequences a step."""
    learning_rate: float = 5e-3
    """Adam's largest step size: it rises to it and falls along half cosines (one cycle)."""
    clip: float = 1.0
    """Largest norm of the gradient of all parameters."""
    seed: int = 0
    """The same seed gives the same sequences and networks, bit for bit."""
    out: Path = Path("runs/adding")
    """Folder for the pictures and the metrics."""


def run(settings: Settings) -> dict[str, float]:
    """Train both networks, draw their losses and the gradients of their states, and return the final metrics."""
    check(settings)
    learned, held_out = (
        sequences(settings, n, 1 + i) for i, n in enumerate((settings.sequences, settings.test_sequences))
    )
    recurrent = WEIGHTS[settings.weight]
    cells = {
        "LSTM": layers.lstm(settings.hidden, forget_bias=settings.forget_bias),
        "RNN": layers.rnn(settings.hidden, recurrent_weight=recurrent),
    }
    # The same networks, but for that their state goes on from call to call: their parameters are the same.
    carrying = {"LSTM": layers.lstm(settings.hidden, carry=True), "RNN": layers.rnn(settings.hidden, carry=True)}
    losses, gradients, metrics = {}, {}, {}
    for name, cell in cells.items():
        say(f"{name}:")
        net = layers.serial(cell, LAST, layers.dense(1))
        result = fit(net, settings, learned, held_out)
        start, _ = net.init(key(settings.seed), held_out.x[:1])
        losses[name] = result.history.values("test_loss")
        few = jax.tree.map(lambda leaf: leaf[: settings.batch_size], held_out)
        for when, params in (("at the start", start), ("trained", result.params)):
            gradients[f"{name}, {when}"] = sizes(carrying[name], params[0], params[2], few)
        found = gradients[f"{name}, trained"]
        metrics |= {
            f"{name.lower()}_loss": float(losses[name][-1]),
            f"{name.lower()}_gradient_left": found[0] / found[-1],
        }
    epochs = np.arange(1, settings.epochs + 1)
    losses["the answer 1"] = np.full(settings.epochs, 1 / 6)
    figure = pictures.curves(losses, x=epochs, x_label="epoch", y_label="squared error, held-out sequences", log=True)
    save(figure, settings.out / "loss")
    label = "norm of the gradient of the loss by the state"
    figure = pictures.curves(gradients, x=np.arange(1, settings.time), x_label="step t", y_label=label, log=True)
    save(figure, settings.out / "gradients")
    return {name: float(value) for name, value in metrics.items()}


def check(settings: Settings) -> None:
    """Raise ValueError for settings that make no problem."""
    for name, least in {
        "time": 4,
        "hidden": 1,
        "sequences": 1,
        "test_sequences": 2,
        "epochs": 1,
        "batch_size": 1,
    }.items():
        if getattr(settings, name) < least:
            raise ValueError(f"{name.replace('_', '-')} = {getattr(settings, name)}, wanted at least {least}.")


def sequences(settings: Settings, count: int, part: int) -> data.Examples:
    """Return x (count, time, 2), a number and a mark a step, and y (count, 1), the sum of the marked numbers."""
    generator = np.random.default_rng([settings.seed, part])
    numbers, marks = generator.random((count, settings.time)), np.zeros((count, settings.time))
    half, rows = settings.time // 2, np.arange(count)
    marks[rows, generator.integers(0, half, count)] = 1
    marks[rows, generator.integers(half, settings.time, count)] = 1
    x = np.stack([numbers, marks], -1).astype(np.float32)
    return data.Examples(x, (numbers * marks).sum(1, keepdims=True).astype(np.float32))


def last_step(y: Float[Array, "batch time features"]) -> Float[Array, "batch features"]:
    """Return the output of the last step."""
    return y[:, -1]


LAST = layers.stateless("last", last_step)


def fit(net: layers.Layer, settings: Settings, learned: data.Examples, held_out: data.Examples) -> train.Result:
    """Train one network, by Adam and with the norm of the gradient clipped."""

    def loss(params, state, batch, key):
        y, state = net.apply(params, state, batch.x, key=key, train=True)
        return rules.squared_error(y, batch.y), (state, {})

    steps = settings.epochs * -(-settings.sequences // settings.batch_size)
    return train.fit(
        net,
        loss,
        optim.clip_by_global_norm(optim.adam(optim.one_cycle(settings.learning_rate, steps)), settings.clip),
        learned,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        key=key(settings.seed),
        evaluate=held_out,
        metrics=lambda y, wanted: {"loss": rules.squared_error(y, wanted)},
    )


def sizes(cell: layers.Layer, params: Any, head: layers.Dense, examples: data.Examples) -> Float[np.ndarray, " steps"]:
    """Return the norm of the gradient of the loss by the state after step t, for t = 1, ..., time - 1.

    The cell runs t steps from zeros, which is a batch of sequences of length t, and from there the other steps, which
    are moved to the front; the gradient is that of the second run by the state that it starts from.
    """
    x, y = map(jnp.asarray, examples)
    count, time, _ = x.shape

    def run(state, x, steps):
        return cell.apply(params, state, layers.Padded(x, jnp.full(count, steps)))[1]

    def at(t):
        def loss(state):
            answer = rules.linear(run(state, jnp.roll(x, -t, 1), time - t).h, head.w, head.b)
            return rules.squared_error(answer, y)

        slopes = jax.grad(loss)(run(cell.init(key(0), x)[1], x, t))
        return jnp.sqrt(sum(jnp.sum(slope**2) for slope in slopes))

    return np.asarray(jax.jit(lambda: jax.lax.map(at, jnp.arange(1, time)))())
