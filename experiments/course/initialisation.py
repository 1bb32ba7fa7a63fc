"""How weights begin: a small Gaussian against Xavier and He, 50 layers.

    python -m experiments course.initialisation

Source: 001_171d02eb1ec43db7.txt, slide "Parameter Train": "Initialization".
Wall time: 15 s. Expect: with weights of standard deviation 0.01 ("small number sampled from gaussian distribution")
signals and gradients of 50 layers fade to 1e-55 and less; Xavier's keep those of tanh, He's those of ReLU.

A dense layer of n inputs and weights of variance v multiplies the size of a random vector by √(n v), on the way forward
and, where it is square, on the way back. The activation multiplies it by its slopes: at most 0.25 for the sigmoid and 1
for tanh, and √½ for ReLU, whose slope is 1 for one half and 0 for the other. Xavier's v = 1/n makes √(n v) = 1; He's
v = 2/n makes up for ReLU's √½ as well.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from rich.table import Table

from experiments.course.vanishing import Scales, measure, tapped
from experiments.runner import console, save
from fnn import initializers, layers
from fnn.inspect import pictures


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.initialisation`."""

    depth: int = 50
    """Layers."""
    width: int = 64
    """Units of each layer."""
    deviation: float = 0.01
    """Standard deviation of the small Gaussian."""
    activations: tuple[Literal["sigmoid", "tanh", "ReLU"], ...] = ("sigmoid", "tanh", "ReLU")
    """Activations of the networks that are measured."""
    shown: int = 6
    """Layers of the network whose histograms are drawn."""
    seed: int = 0
    """The same seed gives the same numbers."""
    out: Path = Path("runs/course/initialisation")
    """Folder for the pictures and the metrics."""


SLOPES = {"sigmoid": 0.25, "tanh": 1.0, "ReLU": math.sqrt(0.5)}
"""By what an activation multiplies the rms of a gradient: at most, or for ReLU on the average."""
ACTIVATIONS = {"sigmoid": layers.sigmoid, "tanh": layers.tanh, "ReLU": layers.relu}


def weights(settings: Settings) -> dict[str, tuple[initializers.Initializer, float]]:
    """Return the initializers, each with √(n v)."""
    small = f"Gaussian {settings.deviation:g}"
    return {
        small: (initializers.gaussian(settings.deviation), settings.deviation * math.sqrt(settings.width)),
        "Xavier": (initializers.xavier_normal, 1.0),
        "He": (initializers.he_normal, math.sqrt(2)),
    }


def scales(settings: Settings) -> dict[tuple[str, str], tuple[Scales, float]]:
    """Return, for each activation and initializer, what is measured and the factor a layer that is predicted."""
    return {
        (activation, name): (
            measure(block(settings, activation, weight), settings.depth, settings.width, settings.seed),
            gain * SLOPES[activation],
        )
        for activation in settings.activations
        for name, (weight, gain) in weights(settings).items()
    }


def block(settings: Settings, activation: str, weight: initializers.Initializer) -> layers.Layer:
    """Return one layer: dense, then the activation."""
    return layers.serial(layers.dense(settings.width, weight=weight), ACTIVATIONS[activation]())


def run(settings: Settings) -> dict[str, float]:
    """Print and draw the sizes of outputs and gradients by layer, and histograms of the outputs."""
    if settings.depth < 2 or settings.shown < 1 or not settings.activations:
        given = f"depth = {settings.depth}, shown = {settings.shown}, activations = {settings.activations}"
        raise ValueError(f"{given}: wanted a depth of at least 2, at least 1 shown, and at least 1 activation.")
    heads = f"output {settings.depth}", "gradient 1", "a layer", "predicted"
    table = Table("activation", "weights", *heads, title="sizes, and what a layer does to the gradient")
    forward, backward, metrics = {}, {}, {}
    for (activation, name), (found, predicted) in scales(settings).items():
        output, cotangent = found
        factor = float((cotangent[0] / cotangent[-1]) ** (1 / (settings.depth - 1)))
        sizes = (f"{value:.1e}" for value in (output[-1], cotangent[0]))
        sign = "" if activation == "ReLU" else "<= "
        table.add_row(activation, name, *sizes, f"{factor:.3f}", f"{sign}{predicted:.3f}")
        forward[f"{activation}, {name}"], backward[f"{activation}, {name}"] = output, cotangent
        metrics[f"factor_{activation}_{name.replace(' ', '_')}"] = factor
    console.print(table)
    layer = np.arange(1, settings.depth + 1)
    for file, lines, what in (("outputs", forward, "output"), ("gradients", backward, "gradient")):
        figure = pictures.curves(lines, x=layer, x_label="layer", y_label=f"rms of the {what}", log=True)
        save(figure, settings.out / file)
    for name, (weight, _) in weights(settings).items():
        seen = tapped(block(settings, "tanh", weight), settings.shown, settings.width, settings.seed, bins=40)
        file = f"tanh_{name.split()[0].lower()}"
        save(pictures.activation_histograms(seen.only("tanh")), settings.out / file)
    return metrics
