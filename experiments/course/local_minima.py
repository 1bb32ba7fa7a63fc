"""Different starts reach different minima; plateaus and saddles besides.

    python -m experiments course.local_minima

Source: 003_9c929969f18cf115.txt, slides "Local Minima" and "Besides local minima .....".
Wall time: 3 s. Expect: four minima with four errors, a basin for each; on a plateau the descent hardly moves.

The surface is that of one sigmoid neuron with two weights, whose squared error has more than one minimum when inputs
of different sizes ask for different weights (Auer, Herbster and Warmuth, 1995). Here two examples ask each weight.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from rich.table import Table

from experiments.runner import console, save
from fnn import optim, rules
from fnn.inspect import pictures

INPUTS = np.array([[6.0, 0.0], [-0.8, 0.0], [0.0, 5.0], [0.0, -0.7]], np.float32)
TARGETS = np.array([0.7, 0.1, 0.6, 0.15], np.float32)
SPAN = (-2.5, 8.0), (-2.5, 8.0)
STARTS = {"A": (-2.0, -1.5), "B": (2.0, -2.0), "C": (-2.0, 2.0), "D": (4.0, 4.5), "plateau": (7.5, 7.5)}
CORNERS = (0.2, 0.1), (2.7, 0.1), (0.2, 2.5), (2.7, 2.5)
"""Near the minima, by eye; Newton's method takes them from here."""
PASSES = (0.5, 0.1), (2.7, 0.8), (0.5, 2.5), (0.2, 0.8)
"""Near the saddles between neighbouring minima."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.local_minima`."""

    rate: float = 0.5
    """Learning rate of the descent."""
    steps: int = 3000
    """Steps of each descent."""
    grid: int = 40
    """Starts along each axis of the picture of the basins."""
    out: Path = Path("runs/course/local_minima")
    """Folder for the pictures and the metrics."""


class Point(NamedTuple):
    """A point where the gradient is zero."""

    weights: np.ndarray
    error: float
    curvatures: np.ndarray
    """The eigenvalues of the matrix of second derivatives: all positive at a minimum, of both signs at a saddle."""


def error(weights):
    """E = Σ (t - sigmoid(w·x))² over the four examples; weights (2,)."""
    outputs = rules.sigmoid(rules.linear(jnp.asarray(INPUTS, weights.dtype), weights[:, None]))[:, 0]
    return rules.squared_error(outputs, jnp.asarray(TARGETS, weights.dtype), reduction="sum")


def path(error: Callable[[Any], Any], optimizer: optim.Optimizer, start: Any, steps: int) -> Any:
    """Return the weights before the first step and after each, (steps + 1, ...), of an optimizer on an error."""

    def step(state, _):
        weights = optimizer.params(state)
        return optimizer.update(state, jax.grad(error)(weights))[0], weights

    state, weights = jax.lax.scan(step, optimizer.init(start), length=steps)
    return jnp.concatenate([weights, optimizer.params(state)[None]])


def end(error: Callable[[Any], Any], optimizer: optim.Optimizer, start: Any, steps: int) -> Any:
    """Return the weights after the last step alone."""

    def step(_, state):
        return optimizer.update(state, jax.grad(error)(optimizer.params(state)))[0]

    return optimizer.params(jax.lax.fori_loop(0, steps, step, optimizer.init(start)))


def stationary(near: tuple[float, float]) -> Point:
    """Return the point of zero gradient near a guess, by Newton's method in float64, w <- w - H⁻¹ g."""
    with jax.enable_x64(True):
        weights = np.array(near)
        for _ in range(12):
            _, slope, hessian = _derivatives(weights)
            weights = weights - np.linalg.solve(hessian, slope)
        value, _, hessian = _derivatives(weights)
        return Point(weights, float(value), np.linalg.eigvalsh(hessian))


@jax.jit
def _derivatives(weights):
    return *jax.value_and_grad(error)(weights), jax.jacrev(jax.grad(error))(weights)


def basins(minima: list[Point], ends: np.ndarray) -> np.ndarray:
    """Return the number of the minimum that each end has come to, and -1 for one that is on its way; ends (..., 2)."""
    distances = np.stack([np.linalg.norm(ends - minimum.weights, axis=-1) for minimum in minima])
    return np.where(distances.min(0) < 0.05, distances.argmin(0), -1)


def draw_basins(reached: np.ndarray, minima: list[Point], saddles: list[Point]):
    """Draw which minimum each start comes to; reached (grid, grid), rows w2."""
    from matplotlib.colors import ListedColormap

    colours = ["0.85", "#9ecae1", "#fdae6b", "#a1d99b", "#dadaeb"]
    figure = pictures.canvas(5.6, 5.2)
    axes = figure.subplots()
    extent = (*SPAN[0], *SPAN[1])
    axes.imshow(reached, origin="lower", extent=extent, cmap=ListedColormap(colours), vmin=-1.5, vmax=3.5)
    for minimum in minima:
        axes.plot(*minimum.weights, "k*", markersize=11)
        axes.annotate(f"{minimum.error:.3f}", tuple(minimum.weights), (7, 7), textcoords="offset points")
    for saddle in saddles:
        axes.plot(*saddle.weights, "kx")
    axes.set(xlabel="w1 at the start", ylabel="w2 at the start")
    axes.set_title("the minimum that each start reaches, with its error\n(x: saddles; grey: still on a plateau)")
    return figure


def run(settings: Settings) -> dict[str, float]:
    """Find minima and saddles, descend from everywhere, draw the paths and the basins."""
    if settings.steps < 1 or settings.grid < 2:
        raise ValueError(
            f"steps = {settings.steps} and grid = {settings.grid}, wanted at least 1 step and a grid of 2."
        )
    minima, saddles = ([stationary(guess) for guess in guesses] for guesses in (CORNERS, PASSES))
    descent = optim.sgd(settings.rate)
    paths = {}
    table = Table(
        "start",
        "w1",
        "w2",
        "w1 at the end",
        "w2 at the end",
        "error",
        "gradient",
        title="where the descents end",
        title_justify="left",
    )
    walk, value_and_slope = jax.jit(path, static_argnums=(0, 1, 3)), jax.jit(jax.value_and_grad(error))
    for name, start in {**STARTS, "saddle": (-2.0, float(saddles[-1].weights[1]))}.items():
        paths[name] = np.asarray(walk(error, descent, jnp.array(start), settings.steps))
        last = paths[name][-1]
        value, slope = value_and_slope(last)
        table.add_row(name, *(f"{cell:.4g}" for cell in (*start, *last, value, np.linalg.norm(slope))))
    console.print(table)

    sides = [np.linspace(low, high, settings.grid, dtype=np.float32) for low, high in SPAN]
    grid = jnp.asarray(np.stack(np.meshgrid(*sides), axis=-1)).reshape(-1, 2)
    ends = jax.jit(jax.vmap(lambda start: end(error, descent, start, settings.steps)))(grid)
    reached = basins(minima, np.asarray(ends)).reshape(settings.grid, settings.grid)

    surface = jax.jit(jnp.vectorize(error, signature="(n)->()"))
    points = [tuple(minimum.weights.tolist()) for minimum in minima]
    save(
        pictures.error_surface(surface, SPAN, paths=paths, minima=points, title="one neuron, four minima", log=True),
        settings.out / "paths",
    )
    errors = {name: np.asarray(surface(walked)) for name, walked in paths.items()}
    save(
        pictures.curves(errors, y_label="error", log=True, log_x=True, title="from each start"), settings.out / "errors"
    )
    save(draw_basins(reached, minima, saddles), settings.out / "basins")
    named = {f"minimum_{number}": minimum.error for number, minimum in enumerate(minima)}
    shares = {f"share_{number}": float((reached == number).mean()) for number in range(len(minima))}
    return {**named, **shares, "on_plateaus": float((reached == -1).mean())}
