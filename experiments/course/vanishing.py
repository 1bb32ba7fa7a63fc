"""Vanishing gradients: sigmoid, tanh, ReLU and residual, 2 to 50 deep.

    python -m experiments course.vanishing

Source: 001_171d02eb1ec43db7.txt, slides "Parameter Train": "Gradient Vanishing problem" and "Activation Functions".
Wall time: 40 s. Expect: at depth 50 the first sigmoid layer gets 1e-31 of the last one's gradient; ten sigmoid layers
learn nothing, and of the networks of 50 layers only the residual one learns.

The slope of the sigmoid is at most 0.25. Weights that keep the length of a vector (Xavier's do, on the average) leave
it to the slopes what becomes of the gradient, so it shrinks to a quarter or less at each sigmoid layer.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from rich.table import Table

from experiments.runner import console, key, save
from fnn import data, initializers, inspect, layers, optim, rules, train
from fnn.inspect import pictures


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.vanishing`."""

    depths: tuple[int, ...] = (2, 10, 20, 50)
    """Numbers of layers at which the gradient is measured."""
    trained: tuple[int, ...] = (2, 10, 50)
    """Numbers of layers at which networks are trained on the 8x8 digits."""
    width: int = 64
    """Units of each layer."""
    epochs: int = 10
    """How often each digit is seen."""
    seed: int = 0
    """The same seed gives the same numbers."""
    out: Path = Path("runs/course/vanishing")
    """Folder for the pictures and the metrics."""


class Scales(NamedTuple):
    """Root mean squares, a number a layer, the first layer first."""

    output: np.ndarray
    """Of what the layer gives to the next, on the way forward."""
    cotangent: np.ndarray
    """Of the gradient of that output, on the way back."""


def blocks(width: int) -> dict[str, layers.Layer]:
    """Return one layer of each kind of network, with the weights that suit its activation."""
    xavier, he = (layers.dense(width, weight=w) for w in (initializers.xavier_normal, initializers.he_normal))
    sigmoid = layers.serial(xavier, layers.sigmoid())
    return {
        "sigmoid": sigmoid,
        "tanh": layers.serial(xavier, layers.tanh()),
        "ReLU": layers.serial(he, layers.relu()),
        "residual sigmoid": layers.residual(sigmoid),
    }


def tapped(block: layers.Layer, depth: int, width: int, seed: int, bins: int = 0) -> inspect.Taps:
    """Return the taps of `depth` such layers, random inputs at the one end and random gradients at the other."""
    net = layers.repeat(block, depth)
    x, gradient = (jax.random.normal(jax.random.fold_in(key(seed), i), (256, width)) for i in (1, 2))
    params, state = net.init(key(seed), x)
    loss = lambda params: rules.sum(rules.multiply(net.apply(params, state, x)[0], gradient))  # noqa: E731
    return jax.jit(inspect.taps(loss, bins=bins))(params)[2]


def measure(block: layers.Layer, depth: int, width: int, seed: int) -> Scales:
    """Return how large outputs and gradients are, layer by layer; in float64, whose range is wide enough."""
    with jax.enable_x64(True):
        seen = tapped(block, depth, width, seed)
    last = [layer for layer in seen.layers.values() if layer.output.rms.shape == (depth,)][-1]  # the block's own output
    return Scales(np.asarray(last.output.rms), np.asarray(last.cotangent.rms))


def learned(block: layers.Layer, depth: int, settings: Settings) -> float:
    """Return the share of test digits that a network with such layers answers rightly after training."""
    net = layers.serial(layers.dense(settings.width), layers.repeat(block, depth), layers.dense(10))
    digits = data.digits()
    whole = jax.tree.map(lambda leaf: leaf[: len(leaf) // 32 * 32], digits.train)  # no smaller last batch to compile

    def loss(params, state, batch, key):
        logits, state = net.apply(params, state, batch.x, key=key, train=True)
        return rules.softmax_cross_entropy(logits, batch.y), (state, {})

    options = {"epochs": settings.epochs, "key": key(settings.seed), "evaluate": digits.test, "progress": False}
    result = train.fit(net, loss, optim.momentum(0.03, 0.9), whole, **options)
    return float(result.history.values("test_accuracy")[-1])


def gradients(settings: Settings) -> dict[str, dict[int, np.ndarray]]:
    """Return the size of the gradient at each layer, for each kind of network and each depth."""
    return {
        name: {n: measure(block, n, settings.width, settings.seed).cotangent for n in settings.depths}
        for name, block in blocks(settings.width).items()
    }


def run(settings: Settings) -> dict[str, float]:
    """Print what is left of the gradient at each depth, beside 0.25 a layer; train; draw the gradients."""
    depths, trained = settings.depths, settings.trained
    if not depths or min(depths) < 2 or min(trained, default=1) < 1:
        raise ValueError(
            f"depths = {depths}, trained = {trained}: wanted depths of 2 or more, trained ones of 1 or more."
        )
    found, bound = gradients(settings), 0.25 ** (np.array(depths) - 1.0)
    left = {name: np.array([sizes[0] / sizes[-1] for sizes in each.values()]) for name, each in found.items()}
    left["0.25 a layer"] = bound
    table = Table("layers", *left, title="gradient at the first layer over that at the last")
    for row, depth in enumerate(depths):
        table.add_row(str(depth), *(f"{values[row]:.1e}" for values in left.values()))
    console.print(table)
    answers = {name: [learned(block, n, settings) for n in trained] for name, block in blocks(settings.width).items()}
    table = Table("layers", *answers, title=f"test accuracy on the 8x8 digits after {settings.epochs} epochs")
    for row, depth in enumerate(trained):
        table.add_row(str(depth), *(f"{values[row]:.3f}" for values in answers.values()))
    console.print(table)

    figure = pictures.curves(
        left, x=np.array(depths), x_label="layers", y_label="gradient, first layer / last layer", log=True
    )
    save(figure, settings.out / "depths")
    deepest = max(depths)
    within = {name: each[deepest] for name, each in found.items()}
    within["0.25 a layer"] = 0.25 ** np.arange(deepest - 1.0, -1, -1)
    layer, title = np.arange(1, deepest + 1), f"{deepest} layers, back from the last"
    figure = pictures.curves(within, x=layer, x_label="layer", y_label="rms of the gradient", log=True, title=title)
    save(figure, settings.out / "layers")
    metrics = {f"gradient_left_{name}": values[-1] for name, values in left.items()}
    metrics |= {f"accuracy_{name}_{n}": a for name, each in answers.items() for n, a in zip(trained, each, strict=True)}
    return {name.replace(" ", "_"): float(value) for name, value in metrics.items()}
