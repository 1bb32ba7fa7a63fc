"""The coffee menu: four drinks, and what a network says of drinks unseen.

    python -m experiments course.coffee

Source: 001_171d02eb1ec43db7.txt, slide "How the neural network work?" ("Simple Example: A coffee menu classifier").
Wall time: 4 s. Expect: both of the slide's outputs from one neuron and from the trained network, which is sure of the
four drinks to 0.98. Cold water is an ice americano to 0.99: every drink that the network saw had espresso in it, so it
does not look for it. With water and milk, or with neither, two drinks are equally likely.

The slide's single neuron, output = f(Σ x_i w_i + b), numbers the drinks 0 to 3; with f the identity, milk worth 2, ice
worth -1 and b = 1 it is right on all four. But 0 to 3 is an order that drinks do not have, so networks answer with one
output a drink instead, trained by softmax cross-entropy.
"""

import itertools
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.table import Table

from experiments.course.lecture import Number, show
from experiments.runner import console, save
from fnn import data, optim, rules
from fnn.inspect import pictures
from fnn.layers import Dense

INGREDIENTS = ("espresso", "water", "milk", "ice")
DRINKS = ("ice americano", "americano", "ice latte", "latte")
MENU = data.Examples(
    x=np.array([[1, 1, 0, 1], [1, 1, 0, 0], [1, 0, 1, 1], [1, 0, 1, 0]], np.float32), y=np.arange(4, dtype=np.int32)
)
"""The four drinks: what is in them, and their number."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.coffee`."""

    rate: float = 1.0
    """Learning rate."""
    epochs: int = 300
    """Updates, each on all four drinks, from zeros."""
    out: Path = Path("runs/course/coffee")
    """Folder for the pictures and the metrics."""


def neuron(x):
    """The slide's one output: Σ x_i w_i + b with w = (0, 0, 2, -1) and b = 1."""
    return rules.add(rules.dot(x, jnp.array([0.0, 0.0, 2.0, -1.0], x.dtype)), jnp.ones((), x.dtype))


def scores(params: Dense, x):
    """One output a drink: z = x W + b."""
    return rules.linear(x, params.w, params.b)


@partial(jax.jit, static_argnames=("rate", "epochs"))
def learn(x, rate: float, epochs: int) -> tuple[Dense, Any]:
    """Descend on the softmax cross-entropy of the four drinks; return the weights and the loss at each epoch."""
    descent = optim.sgd(rate)

    def loss(params):
        return rules.softmax_cross_entropy(scores(params, x), MENU.y)

    def epoch(state, _):
        value, slope = jax.value_and_grad(loss)(descent.params(state))
        return descent.update(state, slope)[0], value

    start = Dense(jnp.zeros((4, 4), x.dtype), jnp.zeros(4, x.dtype))
    state, losses = jax.lax.scan(epoch, descent.init(start), length=epochs)
    return descent.params(state), losses


def numbers() -> list[Number]:
    """Return the outputs for an ice americano and a latte: of the slide's neuron, and of the trained network."""
    with jax.enable_x64(True):
        x = jnp.asarray(MENU.x, jnp.float64)
        params, _ = learn(x, Settings.rate, Settings.epochs)
        answers = scores(params, x).argmax(1)
        return [
            Number("f(w0 + w1 + w3 + b), one neuron", float(neuron(x[0])), "0"),
            Number("f(w0 + w2 + b), one neuron", float(neuron(x[3])), "3"),
            Number("[1, 1, 0, 1], one output a drink", float(answers[0]), "0"),
            Number("[1, 0, 1, 0], one output a drink", float(answers[3]), "3"),
        ]


def draw(x: np.ndarray, probabilities: np.ndarray):
    """Draw the probability of each drink for every combination of ingredients, those of the menu in bold."""
    figure = pictures.canvas(5.2, 6.4)
    axes = figure.subplots()
    image = axes.imshow(probabilities, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, drink), probability in np.ndenumerate(probabilities):
        colour = "white" if probability > 0.6 else "black"
        axes.text(drink, row, f"{probability:.2f}", ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks(range(4), DRINKS, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(x)), [contents(row) for row in x], fontsize=9)
    for label, row in zip(axes.get_yticklabels(), x, strict=True):
        label.set_fontweight("bold" if on_menu(row) else "normal")
    axes.set_title("in bold: what the network has seen")
    figure.colorbar(image, ax=axes, label="probability", shrink=0.5)
    return figure


def likeliest(probabilities: np.ndarray) -> str:
    """Return the names of the likeliest drink, and of those that are as likely but for rounding."""
    return " or ".join(name for name, p in zip(DRINKS, probabilities, strict=True) if p > 0.99 * probabilities.max())


def contents(x: np.ndarray) -> str:
    """Return the names of the ingredients."""
    return " + ".join(name for name, used in zip(INGREDIENTS, x, strict=True) if used) or "nothing"


def on_menu(x: np.ndarray) -> bool:
    """Return whether the combination is one of the four drinks."""
    return bool((MENU.x == x).all(1).any())


def run(settings: Settings) -> dict[str, float]:
    """Print the numbers; train; print and draw the answers for all sixteen combinations."""
    if settings.epochs < 1:
        raise ValueError(f"epochs = {settings.epochs}, wanted at least 1.")
    counts = show("the slide's two drinks", numbers())
    params, losses = learn(jnp.asarray(MENU.x), settings.rate, settings.epochs)
    x = np.array(sorted(itertools.product((1, 0), repeat=4), key=lambda row: not on_menu(np.array(row))), np.float32)
    probabilities = np.asarray(rules.softmax(scores(params, jnp.asarray(x))))
    table = Table(
        "", "one output a drink", "sure", "one neuron", title="all sixteen, the menu first", title_justify="left"
    )
    for row, p in zip(x, probabilities, strict=True):
        table.add_row(contents(row), likeliest(p), f"{p.max():.2f}", f"{float(neuron(jnp.asarray(row))):g}")
    console.print(table)
    save(draw(x, probabilities), settings.out / "answers")
    save(pictures.curves({"loss": np.asarray(losses)}, x_label="epoch", log=True), settings.out / "loss")
    unseen = probabilities[[not on_menu(row) for row in x]]
    right = int((scores(params, jnp.asarray(MENU.x)).argmax(1) == MENU.y).sum())
    return {**counts, "right": right, "loss": float(losses[-1]), "surest_unseen": float(unseen.max())}
