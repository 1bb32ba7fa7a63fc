"""The lecture's NumPy program beside the same in fnn: same losses.

    python -m experiments course.numpy_program

Source: 002_342234af0f95f09b.txt, the program under the slide "Summary : Flow of NN".
Wall time: 5 s. Expect: the losses of 2000 steps are the same to rounding, in float32 and in float64.

`program` is the slide's, line for line, but for one slip: the slide prints the lines from grad_y_pred on without
their indentation, and so outside the loop. `as_printed` does that: it makes one update after 2000 equal losses.
"""

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from rich.table import Table

from experiments.runner import console, save
from fnn import optim, rules
from fnn.inspect import pictures


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.numpy_program`: the slide's sizes."""

    batch: int = 64
    """N, the examples, all in one batch."""
    in_features: int = 1000
    """D_in, the inputs of an example."""
    hidden: int = 100
    """H, the hidden units."""
    out_features: int = 10
    """D_out, the outputs."""
    steps: int = 2000
    """Updates."""
    rate: float = 1e-4
    """Learning rate."""
    seed: int = 0
    """Seed of the random examples and weights."""
    out: Path = Path("runs/course/numpy_program")
    """Folder for the pictures and the metrics."""


class Start(NamedTuple):
    """Examples, and the weights to start from."""

    x: np.ndarray
    y: np.ndarray
    w1: np.ndarray
    w2: np.ndarray


def start(settings: Settings, dtype: np.dtype) -> Start:
    """Draw everything from N(0, 1), as the slide does."""
    draw = np.random.default_rng(settings.seed).standard_normal
    n, d_in, h, d_out = settings.batch, settings.in_features, settings.hidden, settings.out_features
    return Start(*(draw(shape).astype(dtype) for shape in ((n, d_in), (n, d_out), (d_in, h), (h, d_out))))


def program(start: Start, steps: int, rate: float) -> np.ndarray:
    """The slide's program: forward, gradients by hand, update; return the loss at each step."""
    x, y, w1, w2 = start.x, start.y, start.w1.copy(), start.w2.copy()
    losses = []
    # In float32 exp overflows where x w1 is below -88: to infinity, whose 1 / (1 + inf) = 0 is right.
    with np.errstate(over="ignore"):
        for _ in range(steps):
            h = 1 / (1 + np.exp(-x.dot(w1)))
            y_pred = h.dot(w2)
            loss = np.square(y_pred - y).sum()
            losses.append(loss)

            grad_y_pred = 2.0 * (y_pred - y)
            grad_w2 = h.T.dot(grad_y_pred)
            grad_h = grad_y_pred.dot(w2.T)
            grad_w1 = x.T.dot(grad_h * h * (1 - h))

            w1 -= rate * grad_w1
            w2 -= rate * grad_w2
    return np.array(losses)


def as_printed(start: Start, steps: int) -> np.ndarray:
    """The losses that the slide's own indentation prints: no update is inside the loop."""
    return np.concatenate([program(start, 1, 0.0) for _ in range(steps)])


def compiled(start: Start, steps: int, rate: float):
    """The same in fnn: rules, `optim.sgd` and one loop in one XLA program, compiled and ready to run."""
    x, y, *weights = map(jnp.asarray, start)
    descent = optim.sgd(rate)

    def error(weights):
        w1, w2 = weights
        return rules.squared_error(rules.linear(rules.sigmoid(rules.linear(x, w1)), w2), y, reduction="sum")

    def step(state, _):
        loss, slope = jax.value_and_grad(error)(descent.params(state))
        return descent.update(state, slope)[0], loss

    state = descent.init(tuple(weights))
    loop = jax.jit(lambda state: jax.lax.scan(step, state, length=steps)[1]).lower(state).compile()
    return lambda: np.asarray(loop(state))


def tolerance(settings: Settings, dtype: np.dtype) -> float:
    """How far two right programs may drift apart: eps · sqrt(D_in) · sqrt(steps), relative to the loss.

    A sum of D_in products, added in another order, differs by about eps sqrt(D_in); every step adds such errors to
    the weights, with either sign, and descent does not make them grow. That holds while the loss is far from zero: a
    loss that has come down to the rounding of its own predictions has no digits left to compare.
    """
    return float(np.finfo(dtype).eps * np.sqrt(settings.in_features * settings.steps))


def timed(work) -> tuple[np.ndarray, float]:
    """Return what `work` returns, and its seconds."""
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began


def run(settings: Settings) -> dict[str, float]:
    """Run both programs in both precisions; print losses, differences and times; draw the losses."""
    if min(settings.batch, settings.in_features, settings.hidden, settings.out_features, settings.steps) < 1:
        raise ValueError("batch, in_features, hidden, out_features and steps: one is below 1, wanted at least 1.")
    metrics, losses, apart = {}, {}, {}
    table = Table("program", "seconds", "to compile", "last loss", "off by", "rounding")
    for dtype in map(np.dtype, (np.float64, np.float32)):
        with jax.enable_x64(dtype == np.float64):
            begin = start(settings, dtype)
            slide, slide_time = timed(partial(program, begin, settings.steps, settings.rate))
            loop, compile_time = timed(partial(compiled, begin, settings.steps, settings.rate))
            ours, our_time = timed(loop)
        off, allowed = np.abs(ours - slide) / slide, tolerance(settings, dtype)
        table.add_row(f"NumPy, {dtype}", f"{slide_time:.2f}", "", f"{slide[-1]:.6f}", "", "")
        cells = f"{our_time:.2f}", f"{compile_time:.2f}", f"{ours[-1]:.6f}"
        table.add_row(f"fnn, {dtype}", *cells, f"{off.max():.1e}", f"{allowed:.1e}")
        metrics |= {f"{dtype}_numpy_seconds": slide_time, f"{dtype}_fnn_seconds": our_time}
        metrics |= {f"{dtype}_off_by": float(off.max()), f"{dtype}_tolerance": allowed}
        losses |= {f"NumPy, {dtype}": slide, f"fnn, {dtype}": ours}
        apart |= {f"{dtype}": off, f"{dtype}, most by rounding": np.full_like(off, allowed)}
    console.print(table)
    stuck = as_printed(start(settings, np.dtype(np.float64)), 3)
    console.print(f"As the slide indents, losses stand still: {', '.join(f'{value:.1f}' for value in stuck)}, ...")
    save(pictures.curves(losses, y_label="sum of squared errors", log=True), settings.out / "losses")
    title = "how far fnn's losses are from NumPy's"
    save(pictures.curves(apart, y_label="relative difference", log=True, title=title), settings.out / "differences")
    return {**metrics, "last_loss": float(losses["fnn, float64"][-1])}
