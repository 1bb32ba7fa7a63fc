"""The neuron models: activation functions and their derivatives, and the bias.

    python -m experiments course.neurons

Source: 003_9c929969f18cf115.txt, slides "Neuron Models" and "Bias of a Neuron"; 000_7abd68c40c0610f4.txt, slide "Single
neuron"; 001_171d02eb1ec43db7.txt, slide "Parameter Train" ("Activation Functions"); 002_342234af0f95f09b.txt, slide
"Activation Function (neuron node function , g)"; 004_3d7c4cf9f16fd877.txt, slide "Sigmoid function".
Wall time: 6 s. Expect: sigmoid's derivative is 0.25 at 0 and less elsewhere; tanh's is 1; a step's is 0 everywhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.table import Table

from experiments.course.lecture import Number, show
from experiments.runner import console, key, save
from fnn import rules
from fnn.inspect import pictures

MODELS: dict[str, Callable[[Any], Any]] = {
    "step, a = -1, b = 1, c = 0": partial(rules.step, low=-1.0, high=1.0, threshold=0.0),
    "ramp, a = 0, b = 1, c = -1, d = 1": partial(rules.ramp, a=0.0, b=1.0, c=-1.0, d=1.0),
    "general sigmoid, x = 3, y = 0, z = -0.5": partial(rules.general_sigmoid, x=3.0, y=0.0, z=-0.5),
    "Gaussian, μ = 0, σ = 0.5": partial(rules.gaussian, mu=0.0, sigma=0.5),
    "sigmoid": rules.sigmoid,
    "tanh": rules.tanh,
    "ReLU": rules.relu,
}
"""The models of the slides. The first four are those of lecture 003, with its letters."""

PARAMETERS = ((1.0, 0.0, 0.0), (3.0, 0.0, 0.0), (1.0, 3.0, 0.0), (1.0, 0.0, -0.5), (-1.0, 0.0, 0.0))
"""Slope x, shift y and offset z of the general sigmoids that are drawn beside each other."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.neurons`."""

    points: int = 1001
    """Points along each curve; an odd number has 0 among them."""
    inputs: int = 4
    """Inputs of the neuron whose bias becomes a weight."""
    seed: int = 0
    """Seed of that neuron."""
    out: Path = Path("runs/course/neurons")
    """Folder for the pictures and the metrics."""


def slope(model: Callable[[Any], Any], v):
    """Return the derivative at each v, by the rule's hand-written backward."""
    _, backward = jax.vjp(model, v)
    return backward(jnp.ones_like(v))[0]


def numbers() -> list[Number]:
    """Return the sigmoid's derivative where its lecture's neuron stands, at S = 0: its largest."""
    with jax.enable_x64(True):
        v = jnp.linspace(-8.0, 8.0, 1601)
        derivative = slope(rules.sigmoid, v)
        return [
            Number("sigmoid(0)", float(rules.sigmoid(jnp.zeros(()))), "0.5"),
            Number("sigmoid(0) (1 - sigmoid(0))", float(slope(rules.sigmoid, jnp.zeros(()))), "0.25"),
            Number("the largest derivative of all", float(derivative.max()), "0.25"),
        ]


def bias_as_weight(inputs: int, seed: int) -> tuple[float, float]:
    """Return the induced field v of a random neuron twice: u + b, and the sum from j = 0 with x0 = 1 and W0 = b."""
    x, w = jax.random.normal(key(seed), (2, inputs))
    b = jnp.asarray(0.7, x.dtype)
    u = rules.dot(w, x)
    one, extra = jnp.ones(1, x.dtype), jnp.reshape(b, (1,))
    with_extra = rules.dot(jnp.concatenate([extra, w]), jnp.concatenate([one, x]))
    return float(rules.add(u, b)), float(with_extra)


def draw_models(points: int):
    """Draw each model, and under it its derivative."""
    v = jnp.linspace(-4.0, 4.0, points)
    figure = pictures.canvas(14, 5)
    panels = figure.subplots(2, len(MODELS), sharex=True, sharey=True)
    for column, (name, model) in enumerate(MODELS.items()):
        for axes, values, colour in zip(panels[:, column], (model(v), slope(model, v)), ("C0", "C1"), strict=True):
            y = np.array(values)
            y[1:][np.abs(np.diff(y)) > 0.4] = np.nan  # a jump is no line
            axes.plot(v, y, color=colour)
            axes.grid(alpha=0.3)
        panels[0, column].set_title(name.replace(", ", "\n", 1), fontsize=9)
        panels[1, column].set_xlabel("v")
    panels[0, 0].set(ylabel="φ(v)", ylim=(-1.1, 1.4))
    panels[1, 0].set_ylabel("dφ/dv")
    return figure


def draw_general_sigmoids(points: int):
    """Draw what slope, shift and offset do to the general sigmoid."""
    v = jnp.linspace(-8.0, 8.0, points)
    curves = {f"x = {x:g}, y = {y:g}, z = {z:g}": rules.general_sigmoid(v, x=x, y=y, z=z) for x, y, z in PARAMETERS}
    return pictures.curves(curves, x=v, x_label="v", y_label="φ(v)", title="φ(v) = z + 1 / (1 + exp(-x v + y))")


def run(settings: Settings) -> dict[str, float]:
    """Print the largest derivatives and the bias as a weight; draw all models."""
    if settings.points < 2 or settings.inputs < 1:
        raise ValueError(f"points = {settings.points} and inputs = {settings.inputs}, wanted at least 2 and 1.")
    counts = show("the sigmoid's derivative", numbers())
    v = jnp.linspace(-4.0, 4.0, settings.points)
    table = Table("model", "φ from", "to", "largest |dφ/dv|", title="neuron models on [-4, 4]", title_justify="left")
    for name, model in MODELS.items():
        y, largest = model(v), jnp.abs(slope(model, v)).max()
        table.add_row(name, f"{float(y.min()):.3f}", f"{float(y.max()):.3f}", f"{float(largest):.3f}")
    console.print(table)
    with_bias, with_extra = bias_as_weight(settings.inputs, settings.seed)
    console.print(f"bias of a neuron: u + b = {with_bias:.6f}; as weight W0 of an input 1: v = {with_extra:.6f}")
    save(draw_models(settings.points), settings.out / "models")
    save(draw_general_sigmoids(settings.points), settings.out / "general_sigmoids")
    return {**counts, "v_with_bias": with_bias, "v_with_extra_input": with_extra}
