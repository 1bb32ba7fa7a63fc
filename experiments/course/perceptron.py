"""Rosenblatt's perceptron learns AND and OR, and goes in circles on XOR.

    python -m experiments course.perceptron

Source: 003_9c929969f18cf115.txt, slides "Perceptron: Neuron Model" and "Bias of a Neuron"; 000_7abd68c40c0610f4.txt,
slide "Perceptron".
Wall time: 5 s. Expect: AND is learned in 6 passes and 11 updates, OR in 4 and 5; on XOR the weights come back.

The rule: show the rows one by one; where the answer is wrong, add the wanted answer times the input to the weights.
It ends if a line parts the classes (Novikoff, 1962). If none does, it never ends, but the weights, whole numbers here,
stay bounded (Block and Levin, 1970): some day they are what they were before, and from there all repeats.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from rich.table import Table

from experiments.runner import console, save
from fnn import data, rules
from fnn.inspect import pictures


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.perceptron`."""

    passes: int = 100
    """How often all rows are shown at most."""
    out: Path = Path("runs/course/perceptron")
    """Folder for the pictures and the metrics."""


class Learned(NamedTuple):
    """What the rule did."""

    weights: np.ndarray
    """The weights (updates + 1, 3) at the start and after each update: W0, which is the bias, W1 and W2."""
    passes: int
    """How often all rows were shown, the last time included."""
    cycle: int
    """How many updates later the weights are the same again, at the same row; 0 if the rule ended."""


@jax.jit
def answer(w, x):
    """Return φ(v) of rows x (n, 2): +1 if v >= 0 and -1 otherwise, v = W0 + W1 x1 + W2 x2. W0 weighs an input of 1."""
    with_one = jnp.concatenate([jnp.ones_like(x[:, :1]), x], axis=1)
    return rules.step(rules.matmul(with_one, w[:, None]), low=-1.0)[:, 0]


def learn(table: data.Examples, passes: int) -> Learned:
    """Do the rule from zeros until a whole pass is right, or until the weights repeat at the start of a pass."""
    weights, starts = [np.zeros(3, np.float32)], {}
    wanted = 2.0 * table.y - 1
    for number in range(1, passes + 1):
        starts[tuple(weights[-1])] = len(weights)
        before = len(weights)
        for x, y in zip(table.x, wanted, strict=True):
            if answer(weights[-1], x[None])[0] != y:
                weights.append(weights[-1] + np.array([y, *(y * x)], np.float32))
        if len(weights) == before:
            return Learned(np.array(weights), number, 0)
        if (known := starts.get(tuple(weights[-1]))) is not None:
            return Learned(np.array(weights), number, len(weights) - known)
    raise ValueError(f"passes = {passes} were not enough to end or to repeat, wanted more.")


def draw_lines(learned: Learned, table: data.Examples):
    """Draw the half-plane at the end, and the line W0 + W1 x1 + W2 x2 = 0 after each update, from light to dark."""
    figure = pictures.decision_regions(lambda x: (answer(learned.weights[-1], x) + 1) / 2, table)
    axes, updates = figure.axes[0], len(learned.weights) - 1
    colours = ScalarMappable(Normalize(0, updates), "Greys")
    shades = colours.to_rgba(np.arange(updates + 1))
    for number, (w0, w1, w2) in enumerate(learned.weights[1:], 1):
        if (w1, w2) != (0, 0):
            nearest = -w0 * np.array([w1, w2]) / (w1**2 + w2**2)
            axes.axline(nearest, nearest + np.array([-w2, w1]), color=shades[number], linewidth=1.5)
    figure.colorbar(colours, ax=axes, label="the line after update", shrink=0.6)
    return figure


def draw_cycle(learned: Learned, table: data.Examples):
    """Draw the regions after each update of the cycle, from where it begins to where it is again."""
    answers = {}
    for n in range(len(learned.weights) - learned.cycle - 1, len(learned.weights)):
        w = learned.weights[n]
        title = f"after update {n}:\nW = ({', '.join(f'{part:g}' for part in w)})"
        answers[title] = lambda x, w=w: (answer(w, x) + 1) / 2
    return pictures.compare_regions(answers, table)


def run(settings: Settings) -> dict[str, float]:
    """Learn AND, OR and XOR; print the weights; draw the line after each update."""
    if settings.passes < 1:
        raise ValueError(f"passes = {settings.passes}, wanted at least 1.")
    shown = Table("", "passes", "updates", "W0 W1 W2 at the end", "", title="Rosenblatt's rule", title_justify="left")
    metrics = {}
    for name, table in {"AND": data.and_gate(), "OR": data.or_gate(), "XOR": data.xor_gate()}.items():
        learned = learn(table, settings.passes)
        weights, updates = " ".join(f"{w:g}" for w in learned.weights[-1]), len(learned.weights) - 1
        right = int(((np.asarray(answer(learned.weights[-1], table.x)) > 0) == table.y).sum())
        end = f"goes in circles: {learned.cycle} updates later all is as before" if learned.cycle else "learned"
        shown.add_row(name, str(learned.passes), str(updates), weights, end)
        save((draw_cycle if learned.cycle else draw_lines)(learned, table), settings.out / name.lower())
        found = {"passes": learned.passes, "updates": updates, "cycle": learned.cycle, "right": right}
        metrics |= {f"{name.lower()}_{key}": value for key, value in found.items()}
    console.print(shown)
    return metrics
