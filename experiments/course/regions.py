"""Regions: what one neuron, one hidden layer and more layers can part.

    python -m experiments course.regions

Source: 003_9c929969f18cf115.txt, slides "Visualization and Understanding of Neural Network" ("Split data with 0
errors", "Non-linear regions", "Combining regions", "Neural Network with more hidden layers") and "Multi-Layer Networks
Demo", which is the playground; 000_7abd68c40c0610f4.txt, slide "Neural network playground".
Wall time: 7 s. Expect: one neuron draws one line and is right on 0.88 of the moons and half of the circles and
spirals; one hidden layer parts moons and circles; the spirals want more: 0.89 with one layer, 0.98 with three.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jax
import numpy as np
from rich.table import Table

from experiments.runner import console, key, save
from fnn import data, layers, optim, rules, train
from fnn.inspect import pictures

DATA = {"moons": data.two_moons, "circles": data.circles, "spirals": data.spirals}


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.regions`."""

    units: int = 8
    """Units of each hidden layer, tanh behind each."""
    layers: int = 3
    """Hidden layers of the deepest network."""
    examples: int = 400
    """Points to learn from; as many again to test on."""
    epochs: int = 300
    """How often each point is seen."""
    rate: float = 0.01
    """Adam's step size."""
    seed: int = 0
    """Seed of the points and of the starts."""
    out: Path = Path("runs/course/regions")
    """Folder for the pictures and the metrics."""


def network(hidden: int, units: int) -> layers.Layer:
    """Return that many hidden layers and one output, the logit of class 1."""
    blocks = [layer for _ in range(hidden) for layer in (layers.dense(units), layers.tanh())]
    return layers.serial(*blocks, layers.dense(1))


def learn(net: layers.Layer, sets: dict[str, data.Dataset], settings: Settings) -> dict[str, train.Result]:
    """Train the network on each set by sigmoid cross-entropy and Adam."""

    def loss(params, state, batch, key):
        logits, state = net.apply(params, state, batch.x)
        return rules.sigmoid_cross_entropy(logits[:, 0], batch.y), (state, {})

    fit = partial(train.fit, net, loss, optim.adam(settings.rate), epochs=settings.epochs, progress=False)
    return {name: fit(points.train, key=key(settings.seed)) for name, points in sets.items()}


def answer(net: layers.Layer, result: train.Result, x):
    """Return the probability of class 1 of each point."""
    return rules.sigmoid(net.apply(result.params, result.state, x)[0][:, 0])


def draw_units(net: layers.Layer, result: train.Result, examples: data.Examples):
    """Draw the units of the first hidden layer, a half-plane each, and the regions that the network makes of them."""

    def hidden(x):
        return rules.tanh(rules.linear(x, *result.params[0]))

    return pictures.hidden_regions(hidden, partial(answer, net, result), examples)


def run(settings: Settings) -> dict[str, float]:
    """Train the three networks on the three sets; print the accuracies; draw the regions and the hidden units."""
    for name, least in (("units", 1), ("layers", 2), ("examples", 2), ("epochs", 1)):
        if getattr(settings, name) < least:
            raise ValueError(f"{name} = {getattr(settings, name)}, wanted at least {least}.")
    count, seed = settings.examples, settings.seed
    both = {name: make(2 * count, seed=seed) for name, make in DATA.items()}
    sets = {name: data.train_test_split(points, 0.5, seed=seed, stratify=True) for name, points in both.items()}
    titles = {0: "one neuron", 1: "one hidden layer", settings.layers: f"{settings.layers} hidden layers"}
    nets = {title: network(hidden, settings.units) for hidden, title in titles.items()}
    results = {title: learn(net, sets, settings) for title, net in nets.items()}

    shown = Table("test accuracy", *sets, title_justify="left")
    metrics = {}
    for title, net in nets.items():
        solve = {name: jax.jit(partial(answer, net, result)) for name, result in results[title].items()}
        right = {name: (np.asarray(solve[name](part.test.x)) > 0.5) == part.test.y for name, part in sets.items()}
        shown.add_row(title, *(f"{rows.mean():.3f}" for rows in right.values()))
        metrics |= {f"{name}_{title.replace(' ', '_')}": float(rows.mean()) for name, rows in right.items()}
    console.print(shown)
    for name, points in sets.items():
        answers = {title: partial(answer, net, results[title][name]) for title, net in nets.items()}
        save(pictures.compare_regions(answers, points.train), settings.out / name)
    if settings.units <= 24:
        hidden = "one hidden layer"
        save(draw_units(nets[hidden], results[hidden]["moons"], sets["moons"].train), settings.out / "units")
    return metrics
