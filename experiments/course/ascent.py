"""The smallest network climbs P = -1/2 |d - z|²: by hand, by the rules.

    python -m experiments course.ascent

Source: 003_9c929969f18cf115.txt, slides "Mathematical model", "Simplest MLP", "Gradient ascent (Hill Climbing
Approach)" and "Weight update...".
Wall time: 3 s. Expect: the slide's partial derivatives are the rules' to rounding, and the gradient climbs to the top
from each start; the last slide's Δw climbs down from one of them and comes to the top from none.

    y = s(w1 x),   z = s(w2 y),   s the sigmoid
    dP/dw2 = (d - z) z(1 - z) y
    dP/dw1 = (d - z) z(1 - z) w2 y(1 - y) x

The last slide has two slips. It drops the factor y of dP/dw2; and it adds the two components of the gradient into one
number, where each weight wants its own, Δw1 = η dP/dw1 and Δw2 = η dP/dw2 (the slide writes dP/dx and dP/dy, but the
axes of the hill are the weights). So both weights move by one amount, whichever way is up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from rich.table import Table

from experiments.course.local_minima import path
from experiments.runner import console, save
from fnn import optim, rules
from fnn.inspect import pictures

SPAN = (-5.0, 5.0), (-6.0, 4.0)
STARTS = (0.5, 1.0), (2.5, 3.0), (-1.0, -2.0)
"""From the last, the Δw of the last slide climbs down."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.ascent`."""

    x: float = 1.0
    """The input."""
    d: float = 0.1
    """The desired output, between 0 and 1."""
    rate: float = 1.0
    """The rate η."""
    steps: int = 500
    """Steps of the climb."""
    out: Path = Path("runs/course/ascent")
    """Folder for the pictures and the metrics."""


def outputs(weights, x: float):
    """Return y = s(w1 x) and z = s(w2 y); weights (2,)."""
    y = rules.sigmoid(rules.multiply(weights[0], jnp.asarray(x, weights.dtype)))
    return y, rules.sigmoid(rules.multiply(weights[1], y))


def performance(weights, x: float, d: float):
    """P = -1/2 (d - z)²; weights (2,)."""
    return -rules.half_squared_error(outputs(weights, x)[1], jnp.asarray(d, weights.dtype))


def by_hand(weights: np.ndarray, x: float, d: float) -> np.ndarray:
    """Return (dP/dw1, dP/dw2) by the formulas of the slides."""
    w1, w2 = weights
    y = 1 / (1 + np.exp(-w1 * x))
    z = 1 / (1 + np.exp(-w2 * y))
    return np.array([(d - z) * z * (1 - z) * w2 * y * (1 - y) * x, (d - z) * z * (1 - z) * y])


def last_slide(weights: np.ndarray, x: float, d: float) -> np.ndarray:
    """Return the last slide's Δw / η, one number for both weights: (d-z) z(1-z) w2 y(1-y) x + (d-z) z(1-z)."""
    w1, w2 = weights
    y = 1 / (1 + np.exp(-w1 * x))
    z = 1 / (1 + np.exp(-w2 * y))
    total = (d - z) * z * (1 - z) * w2 * y * (1 - y) * x + (d - z) * z * (1 - z)
    return np.array([total, total])


def climb(direction: Callable, start: tuple[float, float], settings: Settings) -> np.ndarray:
    """Return the path w <- w + η direction(w), (steps + 1, 2)."""
    walked = [np.array(start)]
    for _ in range(settings.steps):
        walked.append(walked[-1] + settings.rate * direction(walked[-1], settings.x, settings.d))
    return np.array(walked)


def compare(settings: Settings, points: int = 100, seed: int = 0) -> float:
    """Return the largest difference of the formulas by hand and the rules, over random weights, in float64."""
    weights = np.random.default_rng(seed).uniform(-4, 4, (points, 2))
    with jax.enable_x64(True):
        slope = jax.jit(jax.vmap(jax.grad(lambda w: performance(w, settings.x, settings.d))))(weights)
    hand = np.array([by_hand(w, settings.x, settings.d) for w in weights])
    return float(np.abs(np.asarray(slope) - hand).max())


def run(settings: Settings) -> dict[str, float]:
    """Compare the derivatives, climb from three starts by the gradient and by the last slide, draw the hill."""
    if not 0 < settings.d < 1 or settings.steps < 1:
        raise ValueError(f"d = {settings.d} and steps = {settings.steps}, wanted 0 < d < 1 and at least 1 step.")

    def hill(weights):
        return performance(weights, settings.x, settings.d)

    difference = compare(settings)
    table = Table("", "w1", "w2", "by hand", "rules", title="dP/dw1 and dP/dw2", title_justify="left")
    surface = jax.jit(jnp.vectorize(hill, signature="(n)->()"))
    slope_by_rules = jax.jit(jax.grad(hill))
    climbs: dict[str, np.ndarray] = {}
    with jax.enable_x64(True):
        ascent = optim.sgd(settings.rate, maximize=True)
        walk = jax.jit(lambda start: path(hill, ascent, start, settings.steps))
        for number, start in enumerate(STARTS, start=1):
            hand, slope = by_hand(np.array(start), settings.x, settings.d), slope_by_rules(np.array(start))
            for row in zip(("dP/dw1", "dP/dw2"), hand, slope, strict=True):
                table.add_row(row[0], *(f"{w:g}" for w in start), *(f"{value:.15f}" for value in row[1:]))
            climbs[f"gradient {number}"] = np.asarray(walk(jnp.array(start)))
            climbs[f"last slide {number}"] = climb(last_slide, start, settings)
        heights = {name: np.asarray(surface(walked)) for name, walked in climbs.items()}
    console.print(table)
    table = Table("", "P at the start", "after 1 step", "at the end", "w1", "w2", title="P = -1/2 (d - z)²")
    for name, height in heights.items():
        last = climbs[name][-1]
        table.add_row(name, *(f"{value:.5f}" for value in (height[0], height[1], height[-1], *last)))
    console.print(table)

    figure = pictures.error_surface(surface, SPAN, paths=climbs, title="the hill P(w1, w2) and the ways up")
    figure.axes[1].set_ylabel("P")
    save(figure, settings.out / "hill")
    save(pictures.curves(heights, y_label="P", title="how the climbs do"), settings.out / "climb")
    ends = {name.replace(" ", "_"): float(height[-1]) for name, height in heights.items()}
    return {"largest_difference": difference, **ends}
