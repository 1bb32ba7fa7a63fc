"""A neuron is a line: g(1 + 3 x1 - 2 x2), and the half-plane on its side.

    python -m experiments course.line

Source: 002_342234af0f95f09b.txt, slide "Activation Function Example".
Wall time: 3 s. Expect: g(-6) = 0.0025 at (-1, 2), which the slide rounds to 0.002; above 0.5 on one side of the line
1 + 3 x1 - 2 x2 = 0, below on the other, and the same along each line beside it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.course.lecture import Number, show
from experiments.runner import save
from fnn import data, rules
from fnn.inspect import pictures

W0, W = 1.0, (3.0, -2.0)
"""The slide's bias and weights."""
POINT = (-1.0, 2.0)
"""The slide's input."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.line`."""

    points: int = 200
    """How many random points are drawn beside the slide's own, each coloured by its side of the line."""
    seed: int = 0
    """Seed of the points."""
    out: Path = Path("runs/course/line")
    """Folder for the pictures and the metrics."""


def z(x):
    """z = w0 + XᵀW for points x (n, 2)."""
    w = jnp.asarray(W, x.dtype)[:, None]
    return rules.linear(x, w, jnp.full(1, W0, x.dtype))[:, 0]


def answer(x):
    """g(z), the sigmoid of z."""
    return rules.sigmoid(z(x))


def numbers() -> list[Number]:
    """Calculate the slide's z and g."""
    with jax.enable_x64(True):
        x = jnp.array([POINT])
        return [
            Number("1 + (3 * -1) - (2 * 2)", float(z(x)[0]), "-6"),
            Number("g(-6)", float(answer(x)[0]), "0.002"),
            Number("g(-6), one place more", float(answer(x)[0]), "0.0025"),
        ]


def sides(points: int, seed: int) -> data.Examples:
    """Return the slide's point and random ones; class 1 is where 1 + 3 x1 - 2 x2 is above 0."""
    x = np.random.default_rng(seed).uniform((-3, -3), (3, 3), (points, 2))
    x = np.vstack([POINT, x]).astype(np.float32)
    return data.Examples(x, (W0 + x @ np.array(W) > 0).astype(np.int32))


def run(settings: Settings) -> dict[str, float]:
    """Print the numbers; draw the half-plane, and g along a walk straight across the line."""
    if settings.points < 1:
        raise ValueError(f"points = {settings.points}, wanted 1 or more.")
    counts = show("g(1 + 3 x1 - 2 x2) at (-1, 2)", numbers())
    examples = sides(settings.points, settings.seed)
    title, names = "g(z), z = 1 + 3 x1 - 2 x2", ["z < 0", "z > 0"]
    half_plane = pictures.decision_regions(answer, examples, title=title, names=names)
    look: dict[str, Any] = {"color": "black", "backgroundcolor": "#ffffffc0"}
    half_plane.axes[0].annotate("g(-6) = 0.0025", POINT, (-3.4, 3.3), arrowprops={"arrowstyle": "->"}, **look)
    save(half_plane, settings.out / "half_plane")
    length = float(np.hypot(*W))
    distance = np.linspace(-2, 2, 201)
    foot = -W0 * np.array(W) / length**2
    across = foot + distance[:, None] * np.array(W) / length
    along = {"g": np.asarray(answer(jnp.asarray(across, jnp.float32)))}
    walk = pictures.curves(along, x=distance, x_label="distance from the line, along w", y_label="g")
    save(walk, settings.out / "across")
    right = np.mean((np.asarray(answer(jnp.asarray(examples.x))) > 0.5) == examples.y)
    return {**counts, "distance_of_the_point": (W0 + float(np.dot(W, POINT))) / length, "right": float(right)}
