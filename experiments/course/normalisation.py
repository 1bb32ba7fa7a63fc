"""Input normalisation: raw pixels, pixels from 0 to 1, standardised.

    python -m experiments course.normalisation

Source: 001_171d02eb1ec43db7.txt, slide "Neural Network overview" (Normalization); 002_342234af0f95f09b.txt, slide
"Loading and Preparing the MNIST Dataset" (x_train / 255.0 #normalize).
Wall time: 7 s. Expect: after 200 steps, each at its best rate, a loss of 1.3 from raw pixels, 0.05 from pixels between
0 and 1, and 0.003 from standardised ones.

Raw pixels make every step along the first layer's weights 255² times as long as along its biases, and no one rate suits
both. Standardised pixels all have one variance, and no mean along which all weights of a unit move at once. A rate too
large kills every ReLU, and the loss stays at ln 10 = 2.3.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jax
import numpy as np
from rich.table import Table

from experiments.runner import console, key, save
from fnn import data, layers, optim, rules
from fnn.inspect import pictures


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.normalisation`."""

    hidden: int = 32
    """Hidden units, ReLU."""
    steps: int = 200
    """Steps of descent on all images at once."""
    rates: int = 11
    """How many learning rates each input is tried with, from 1e-4 to 10."""
    seed: int = 0
    """The same seed gives the same numbers."""
    out: Path = Path("runs/course/normalisation")
    """Folder for the pictures and the metrics."""


def inputs() -> dict[str, data.Examples]:
    """Return the 8x8 digits three times: from 0 to 255, from 0 to 1, and with mean 0 and variance 1 a pixel."""
    digits = data.digits()
    raw = data.Dataset(*(data.Examples(np.round(part.x * 255), part.y) for part in digits))
    standardised, _ = data.standardise(raw)
    return {
        "0 to 255": raw.train,
        "0 to 1": data.Examples(raw.train.x / np.float32(255), raw.train.y),
        "standardised": standardised.train,
    }


def descents(examples: data.Examples, rates: np.ndarray, settings: Settings) -> np.ndarray:
    """Return the loss at each step, a row a learning rate: all descents run side by side in one program."""
    start = key(settings.seed)
    return np.asarray(_descents(examples.x, examples.y, rates, start, hidden=settings.hidden, steps=settings.steps))


@partial(jax.jit, static_argnames=("hidden", "steps"))
def _descents(x, y, rates, start, *, hidden: int, steps: int):
    net = layers.serial(layers.dense(hidden), layers.relu(), layers.dense(10))
    params, state = net.init(start, x)

    def error(params):
        return rules.softmax_cross_entropy(net.apply(params, state, x)[0], y)

    def descend(rate):
        descent = optim.sgd(lambda step: rate)

        def step(now, _):
            loss, slope = jax.value_and_grad(error)(descent.params(now))
            return descent.update(now, slope)[0], loss

        return jax.lax.scan(step, descent.init(params), length=steps)[1]

    return jax.vmap(descend)(rates)


def run(settings: Settings) -> dict[str, float]:
    """Descend from each input with every rate; print and draw the best of each, and what each rate comes to."""
    if min(settings.hidden, settings.steps, settings.rates) < 1:
        raise ValueError("hidden, steps and rates: one is below 1, wanted at least 1.")
    rates = np.logspace(-4, 1, settings.rates, dtype=np.float32)
    table = Table("input", "mean", "largest", "best rate", "loss at the start", "at the end")
    best, ends, metrics = {}, {}, {}
    for name, examples in inputs().items():
        losses = descents(examples, rates, settings)
        ends[name] = np.where(np.isfinite(losses[:, -1]), losses[:, -1], np.inf)
        chosen = int(ends[name].argmin())
        best[f"{name}, rate {rates[chosen]:.2g}"] = losses[chosen]
        sizes = f"{examples.x.mean():.2f}", f"{np.abs(examples.x).max():.4g}", f"{rates[chosen]:.2g}"
        table.add_row(name, *sizes, f"{losses[chosen, 0]:.3g}", f"{losses[chosen, -1]:.3g}")
        metrics |= {f"loss from {name}": float(losses[chosen, -1]), f"best rate for {name}": float(rates[chosen])}
    console.print(table)
    save(pictures.curves(best, log=True, title="each input at its best learning rate"), settings.out / "descents")
    ends = {name: np.where(losses < 1e3, losses, np.nan) for name, losses in ends.items()}
    title = f"loss after {settings.steps} steps"
    figure = pictures.curves(ends, x=rates, x_label="learning rate", log=True, log_x=True, title=title)
    save(figure, settings.out / "rates")
    return {name.replace(" ", "_"): value for name, value in metrics.items()}
