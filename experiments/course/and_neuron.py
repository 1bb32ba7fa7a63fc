"""One sigmoid neuron learns AND: the first update number by number, then all.

    python -m experiments course.and_neuron

Source: 004_3d7c4cf9f16fd877.txt, slides "A single neuron", "Sigmoid function" and "Chain rules for calculating dE/dw1,
dE/dw2, and dE/db".
Wall time: 3 s. Expect: all numbers agree; the trained neuron answers 0, 0, 0, 1.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.course.lecture import Number, show
from experiments.runner import save
from fnn import data, optim, rules
from fnn.inspect import pictures


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.and_neuron`."""

    rate: float = 0.1
    """Learning rate of the lecture's update."""
    epochs: int = 20_000
    """How often the four rows are seen afterwards, from the lecture's zeros."""
    out: Path = Path("runs/course/and_neuron")
    """Folder for the pictures and the metrics."""


class Neuron(NamedTuple):
    """Two weights and a bias."""

    w: Any
    b: Any


def weighted_sum(neuron: Neuron, x):
    """S = x1 w1 + x2 w2 + b."""
    return rules.add(rules.dot(x, neuron.w), neuron.b)


def output(neuron: Neuron, x):
    """O = sigmoid(S)."""
    return rules.sigmoid(weighted_sum(neuron, x))


def error(neuron: Neuron, x, y):
    """E = 1/2 (Y - O)²."""
    return rules.half_squared_error(output(neuron, x), y)


def total_error(neuron: Neuron, x, y):
    """Return the sum of E over all rows."""
    return rules.sum(jax.vmap(error, (None, 0, 0))(neuron, x, y))


def numbers() -> list[Number]:
    """Do the lecture's update on (0, 1) -> 0 from zeros, with rate 0.1."""
    with jax.enable_x64(True):
        start = Neuron(jnp.zeros(2), jnp.zeros(()))
        x, y = jnp.array([0.0, 1.0]), jnp.array(0.0)
        z, o = weighted_sum(start, x), output(start, x)
        loss, slope = jax.value_and_grad(error)(start, x, y)
        descent = optim.sgd(0.1)
        _, after = descent.update(descent.init(start), slope)
        return [
            Number("S", float(z), "0"),
            Number("O", float(o), "0.5"),
            Number("E", float(loss), "0.125"),
            Number("dE/dO = O - Y", float(jax.grad(rules.half_squared_error)(o, y)), "0.5"),
            Number("dO/dS = sigmoid(S) (1 - sigmoid(S))", float(jax.grad(rules.sigmoid)(z)), "0.25"),
            Number("dE/dw1 = 0.5 * 0.25 * 0", float(slope.w[0]), "0"),
            Number("dE/dw2 = 0.5 * 0.25 * 1", float(slope.w[1]), "0.125"),
            Number("w1 after = 0 - 0.1 * 0.5 * 0.25 * 0", float(after.w[0]), "0"),
            Number("w2 after", float(after.w[1]), "-0.0125"),
            Number("b after", float(after.b), "-0.0125"),
        ]


def learn(rate: float, epochs: int) -> tuple[Neuron, np.ndarray]:
    """Descend on the sum of the four errors; return the neuron and the sum at each epoch."""
    table = data.and_gate()
    x, y = jnp.asarray(table.x), jnp.asarray(table.y, jnp.float32)
    descent = optim.sgd(rate)

    def epoch(state, _):
        loss, slope = jax.value_and_grad(total_error)(descent.params(state), x, y)
        return descent.update(state, slope)[0], loss

    start = descent.init(Neuron(jnp.zeros(2), jnp.zeros(())))
    state, losses = jax.jit(lambda state: jax.lax.scan(epoch, state, length=epochs))(start)
    return descent.params(state), np.asarray(losses)


def run(settings: Settings) -> dict[str, float]:
    """Print the numbers, train, draw the half-plane that the neuron has learned and its error."""
    counts = show("the first update, (0, 1) -> 0", numbers())
    neuron, losses = learn(settings.rate, settings.epochs)
    table = data.and_gate()
    answers = np.asarray(jax.vmap(output, (None, 0))(neuron, jnp.asarray(table.x)))
    save(pictures.decision_regions(lambda x: jax.vmap(output, (None, 0))(neuron, x), table), settings.out / "regions")
    save(pictures.curves({"error": losses}, x_label="epoch", y_label="error"), settings.out / "error")
    return {**counts, "error": float(losses[-1]), "right": int(((answers > 0.5) == table.y).sum())}
