"""Momentum written both ways, faster in a ravine, over a small minimum.

    python -m experiments course.momentum

Source: 001_171d02eb1ec43db7.txt, slide "Parameter Train" (Momentum update); 002_342234af0f95f09b.txt, slides "Momentum"
and "Gradient-based Optimization with Momentum"; 003_9c929969f18cf115.txt, slides "Momentum" and "Why Momentum?".
Wall time: 3 s. Expect: the two forms are equal to rounding; with gamma = 0.9 a tenth of the steps; gamma = 0.8 rolls
over the small minimum, and 0.9 over the next one too: "still not guarantee reaching global minima, but give some hope".

    001:        v <- beta v + (1 - beta) dE/dw,   w <- w - alpha v
    002, 003:   v <- gamma v + alpha dE/dw,       w <- w - v

With beta = gamma, the first with rate alpha makes the steps of the second with rate alpha (1 - beta). 003 has gamma in
(0, 1], but with gamma = 1 the velocity never fades and nothing converges: `fnn.optim` refuses it.
"""

from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from rich.table import Table

from experiments.course import local_minima
from experiments.course.local_minima import path
from experiments.runner import console, save
from fnn import optim, rules
from fnn.inspect import pictures

INPUTS = np.array([[1.0, 20.0], [1.0, -20.0]])
"""Of a linear neuron whose second input is 20 times as large: the curvatures of its error are 1 and 400."""
TARGETS = INPUTS @ [3.0, 1.0]
START = np.array([-7.0, 1.8])
DENTS_START = -1.0, -1.0

walk = jax.jit(path, static_argnums=(0, 1, 3))


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.momentum`."""

    rate: float = 0.004
    """Learning rate alpha of the second form; the descent without momentum diverges from 2 / 400 on."""
    gamma: float = 0.9
    """The lectures' momentum, 0 or greater and less than 1."""
    switch: int = 20
    """The step at which the momentum goes from 0.5 to `gamma` in the lecture's schedule."""
    steps: int = 2000
    """Steps of each descent."""
    arrived: float = 1e-6
    """The share of the first error below which a descent has arrived."""
    out: Path = Path("runs/course/momentum")
    """Folder for the pictures and the metrics."""


def ravine(weights):
    """E = 1/2 mean (w·x - t)², the error of the linear neuron; weights (2,)."""
    inputs, targets = (jnp.asarray(array, weights.dtype) for array in (INPUTS, TARGETS))
    return rules.half_squared_error(rules.linear(inputs, weights[:, None])[:, 0], targets)


def slope_by_hand(weights: np.ndarray) -> np.ndarray:
    """Return dE/dw = mean (w·x - t) x of the ravine."""
    return INPUTS.T @ (INPUTS @ weights - TARGETS) / len(TARGETS)


def averaged_by_hand(alpha: float, beta: float, steps: int) -> np.ndarray:
    """Return the path of the form of lecture 001, (steps + 1, 2)."""
    weights, v, walked = START, np.zeros(2), [START]
    for _ in range(steps):
        v = beta * v + (1 - beta) * slope_by_hand(weights)
        weights = weights - alpha * v
        walked.append(weights)
    return np.array(walked)


def summed_by_hand(alpha: float, gamma: float, steps: int) -> np.ndarray:
    """Return the path of the form of lectures 002 and 003, (steps + 1, 2)."""
    weights, v, walked = START, np.zeros(2), [START]
    for _ in range(steps):
        v = gamma * v + alpha * slope_by_hand(weights)
        weights = weights - v
        walked.append(weights)
    return np.array(walked)


def both_ways(rate: float, gamma: float, steps: int) -> dict[str, float]:
    """Return how far each way of writing momentum strays from `optim.momentum`, in float64."""
    with jax.enable_x64(True):
        start = jnp.asarray(START)
        reference = np.asarray(walk(ravine, optim.momentum(rate, gamma), start, steps))
        averaged = walk(ravine, optim.averaged_momentum(rate / (1 - gamma), gamma), start, steps)
        others = {
            "002, 003 by hand": summed_by_hand(rate, gamma, steps),
            "001 by hand": averaged_by_hand(rate / (1 - gamma), gamma, steps),
            "optim.averaged_momentum": np.asarray(averaged),
        }
    return {name: float(np.abs(other - reference).max()) for name, other in others.items()}


def arrival(errors: np.ndarray, share: float) -> float:
    """Return after how many steps the error is below a share of the first for good, infinity if it is not at the end.

    The share is at most 1; an error that is NaN is not below.
    """
    last = np.flatnonzero(~(errors < share * errors[0]))[-1]
    return np.inf if last == len(errors) - 1 else float(last + 1)


def run(settings: Settings) -> dict[str, float]:
    """Compare the forms, race down the ravine, roll over the small minimum; draw all of it."""
    if not 0 <= settings.gamma < 1 or not 0 < settings.arrived <= 1 or settings.steps < 1:
        given = f"gamma = {settings.gamma}, arrived = {settings.arrived} and steps = {settings.steps}"
        raise ValueError(f"{given}, wanted gamma in [0, 1), arrived in (0, 1] and at least 1 step.")
    table = Table("form", "largest difference of the path", title="one algorithm, float64", title_justify="left")
    forms = both_ways(settings.rate, settings.gamma, settings.steps)
    for name, difference in forms.items():
        table.add_row(name, f"{difference:.1e}")
    console.print(table)

    runners = {
        "plain": optim.sgd(settings.rate),
        "half, gamma 0.5": optim.momentum(settings.rate, 0.5),
        f"full, gamma {settings.gamma:g}": optim.momentum(settings.rate, settings.gamma),
        f"switched, 0.5 then {settings.gamma:g}": optim.momentum(
            settings.rate, optim.momentum_switch(settings.switch, 0.5, settings.gamma)
        ),
    }
    down, over = (jax.jit(jnp.vectorize(f, signature="(n)->()")) for f in (ravine, local_minima.error))
    start = jnp.asarray(START, jnp.float32)
    paths = {name: np.asarray(walk(ravine, runner, start, settings.steps)) for name, runner in runners.items()}
    errors = {name: np.asarray(down(walked)) for name, walked in paths.items()}
    table = Table("", "steps to arrive", "way walked", title="down the ravine", title_justify="left")
    arrivals = {name: arrival(values, settings.arrived) for name, values in errors.items()}
    for name, walked in paths.items():
        way = np.linalg.norm(np.diff(walked, axis=0), axis=1).sum()
        table.add_row(name, f"{arrivals[name]:g}", f"{way:.1f}")
    console.print(table)

    momenta = 0.0, 0.8, 0.9
    rolls = {
        f"gamma {gamma:g}": np.asarray(
            walk(local_minima.error, optim.momentum(0.1, gamma), jnp.array(DENTS_START), settings.steps)
        )
        for gamma in momenta
    }
    ends = {name: float(over(walked[-1])) for name, walked in rolls.items()}
    table = Table("", "w1", "w2", "error", title="over the small minimum", title_justify="left")
    for name, walked in rolls.items():
        table.add_row(name, *(f"{value:.3f}" for value in (*walked[-1], ends[name])))
    console.print(table)

    drawn = {name: paths[name][:60] for name in list(paths)[::2]}
    figure = pictures.error_surface(down, ((-8.0, 8.0), (0.0, 2.0)), paths=drawn, minima=[(3.0, 1.0)])
    save(figure, settings.out / "ravine")
    begun = {name: values[: settings.steps // 4 + 2] for name, values in errors.items()}
    save(pictures.curves(begun, y_label="error", log=True, title="down the ravine"), settings.out / "speed")
    minima = [tuple(local_minima.stationary(guess).weights.tolist()) for guess in local_minima.CORNERS]
    span = (-1.8, 4.2), (-1.8, 4.2)
    figure = pictures.error_surface(over, span, paths=rolls, minima=minima)
    save(figure, settings.out / "escape")
    taken = {f"steps_{name.split(',')[0]}": steps for name, steps in arrivals.items() if np.isfinite(steps)}
    rolled = {f"error_{name.replace(' ', '_')}": end for name, end in ends.items()}
    return {"difference_of_forms": max(forms.values()), **taken, **rolled}
