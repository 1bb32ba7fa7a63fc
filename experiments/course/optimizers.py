"""Optimizers on one surface, on one network, and in memory.

    python -m experiments course.optimizers

Source: 002_342234af0f95f09b.txt, slides "GD Optimization Algorithms", "Momentum" and "Optimizer : ADAM";
001_171d02eb1ec43db7.txt, slide "Parameter Train" (Things to read); 000_7abd68c40c0610f4.txt, slide "Weight update".
Wall time: 15 s. Expect: each optimizer takes a path of its own to the minimum, with a rate of its own; momentum and
adaptive rates (but for AdaDelta) need fewer steps than plain descent, and the adaptive ones then hover about the
minimum while their rate stays. The state is 2, 4 and 6 times 16-bit weights for SGD, momentum and Adam: the slide's
"2-6 times".

No optimizer is best everywhere: what is compared is one surface and one small network, with the best of 16 rates each.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.table import Table

from experiments.course.batch_sizes import orders
from experiments.course.lecture import Number, show
from experiments.course.local_minima import path
from experiments.course.momentum import arrival
from experiments.runner import console, key, save
from fnn import data, layers, optim, rules
from fnn.inspect import pictures

POINTS = np.linspace(-2, 2, 20, dtype=np.float32)
MINIMUM = 0.5, 3.0
START = 3.0, 0.5
RATES = 2.0 ** np.arange(-12, 4, dtype=np.float32)

COMPARED: dict[str, Callable[[Any], optim.Optimizer]] = {
    "SGD": optim.sgd,
    "momentum": lambda rate: optim.momentum(rate, 0.9),
    "Nesterov": lambda rate: optim.nesterov(rate, 0.9),
    "AdaGrad": optim.adagrad,
    "AdaDelta": optim.adadelta,
    "RMSProp": lambda rate: optim.rmsprop(rate, 0.9),
    "Adam": lambda rate: optim.adam(rate, 0.9, 0.99),
    "NAdam": lambda rate: optim.nadam(rate, 0.9, 0.99),
}
"""What the lectures name, as functions of the rate; beta2 = 0.99 is lecture 002's."""

SIZED: dict[str, optim.Optimizer] = {
    "SGD": optim.sgd(),
    "momentum": optim.momentum(),
    "averaged momentum": optim.averaged_momentum(),
    "Nesterov": optim.nesterov(),
    "AdaGrad": optim.adagrad(),
    "AdaDelta": optim.adadelta(),
    "RMSProp": optim.rmsprop(),
    "RMSProp, centred, momentum": optim.rmsprop(momentum=0.9, centered=True),
    "Adam": optim.adam(),
    "AdamW": optim.adamw(),
    "AdaMax": optim.adamax(),
    "AMSGrad": optim.amsgrad(),
    "NAdam": optim.nadam(),
    "RAdam": optim.radam(),
    "Adafactor": optim.adafactor(),
    "Lion": optim.lion(),
    "LARS": optim.lars(),
    "LAMB": optim.lamb(),
    "Muon": optim.muon(),
    "schedule-free AdamW": optim.schedule_free_adamw(),
    "Adam, averaged": optim.average(optim.adam()),
    "Adam, accumulated": optim.accumulate(optim.adam(), 4),
}


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.optimizers`."""

    steps: int = 400
    """Steps on the surface."""
    arrived: float = 0.01
    """The share of the first error below which a path has arrived."""
    epochs: int = 4
    """Epochs of the network."""
    hidden: int = 32
    """Its hidden units."""
    seed: int = 0
    """Its start, and the order of its examples."""
    out: Path = Path("runs/course/optimizers")
    """Folder for the pictures and the metrics."""


def error(weights):
    """E = 1/2 mean (w2 tanh(w1 x) - 3 tanh(x / 2))², which has a bent valley; weights (2,)."""
    x = jnp.asarray(POINTS)
    outputs = rules.multiply(weights[1:], rules.tanh(rules.multiply(weights[:1], x)))
    return rules.half_squared_error(outputs, MINIMUM[1] * jnp.tanh(MINIMUM[0] * x))


def state_size(optimizer: optim.Optimizer, dtype: Any = jnp.float32) -> float:
    """Return the bytes of the state's arrays, which hold the weights too, over those of a weight matrix (1024, 1024).

    Nothing is allocated. Scalars, such as the number of the step, are left out.
    """
    weights = jax.ShapeDtypeStruct((1024, 1024), dtype)
    leaves = jax.tree.leaves(jax.eval_shape(optimizer.init, weights))
    return sum(leaf.size * leaf.dtype.itemsize for leaf in leaves if leaf.ndim) / (
        weights.size * weights.dtype.itemsize
    )


def numbers() -> list[Number]:
    """Measure the state: the slide's "1 or 2 momentum", and its "2-6 times as the weight size"."""
    half = lambda name: state_size(optim.mixed_precision(SIZED[name]), jnp.bfloat16)  # noqa: E731
    return [
        Number("arrays of the weights' size, momentum", state_size(SIZED["momentum"]) - 1, "1"),
        Number("arrays of the weights' size, Adam", state_size(SIZED["Adam"]) - 1, "2"),
        Number("state over 16-bit weights, least (SGD)", half("SGD"), "2"),
        Number("state over 16-bit weights, Adam", half("Adam"), "6"),
    ]


def on_the_surface(settings: Settings) -> tuple[dict[str, np.ndarray], dict[str, tuple[float, float]]]:
    """Return each optimizer's path with the rate that arrives first, and (rate, steps to arrive)."""
    paths, found = {}, {}
    for name, make in COMPARED.items():
        walk = jax.jit(jax.vmap(lambda rate, make=make: path(error, make(rate), jnp.array(START), settings.steps)))
        walked = walk(jnp.asarray(RATES))
        errors = np.asarray(jax.jit(jax.vmap(jax.vmap(error)))(walked))
        steps = [arrival(row, settings.arrived) for row in errors]
        best = int(np.argmin(steps)) if np.isfinite(steps).any() else int(np.nanargmin(errors[:, -1]))
        paths[name], found[name] = np.asarray(walked[best]), (float(RATES[best]), steps[best])
    return paths, found


def on_the_network(settings: Settings) -> tuple[dict[str, np.ndarray], dict[str, tuple[float, float]]]:
    """Return each optimizer's mean loss in every epoch with the best rate, and (rate, test accuracy)."""
    digits, size = data.digits(), 32
    net = layers.serial(layers.dense(settings.hidden), layers.tanh(), layers.dense(10))
    params, state = jax.jit(lambda k: net.init(k, digits.train.x[:1]))(key(settings.seed))
    used = len(digits.train.y) // size * size
    batches = orders(used, size, settings.epochs, np.random.default_rng(settings.seed))
    x, y = (jnp.asarray(array) for array in digits.train)

    def loss(params, x, y):
        return rules.softmax_cross_entropy(net.apply(params, state, x)[0], y)

    def train(descent):
        def step(state, batch):
            value, slope = jax.value_and_grad(loss)(descent.params(state), x[batch], y[batch])
            return descent.update(state, slope)[0], value

        state, losses = jax.lax.scan(step, descent.init(params), batches)
        return descent.params(state), losses.reshape(settings.epochs, -1).mean(1)

    curves, found = {}, {}
    for name, make in COMPARED.items():
        trained, losses = jax.jit(jax.vmap(lambda rate, make=make: train(make(rate))))(jnp.asarray(RATES))
        best = int(np.nanargmin(np.asarray(losses)[:, -1]))
        logits = net.apply(jax.tree.map(lambda leaf, best=best: leaf[best], trained), state, digits.test.x)[0]
        right = float((np.asarray(logits).argmax(1) == digits.test.y).mean())
        curves[name], found[name] = np.asarray(losses[best]), (float(RATES[best]), right)
    return curves, found


def run(settings: Settings) -> dict[str, float]:
    """Compare on the surface and on the network, measure the states, draw paths and losses."""
    if settings.steps < 1 or settings.epochs < 1 or not 0 < settings.arrived <= 1:
        given = f"steps = {settings.steps}, epochs = {settings.epochs} and arrived = {settings.arrived}"
        raise ValueError(f"{given}, wanted at least 1 step and epoch, and arrived in (0, 1].")
    key(settings.seed)  # which refuses what is no seed, before work begins
    paths, walked = on_the_surface(settings)
    losses, trained = on_the_network(settings)
    columns = "", "best rate", "steps to arrive", "best rate", "loss", "test accuracy"
    table = Table(*columns, title="the surface; the network", title_justify="left")
    for name in COMPARED:
        (rate, steps), (network_rate, right) = walked[name], trained[name]
        cells = f"{rate:.3g}", f"{steps:g}", f"{network_rate:.3g}", f"{losses[name][-1]:.3f}", f"{right:.3f}"
        table.add_row(name, *cells)
    console.print(table)

    table = Table("", "32-bit weights", "16-bit weights", title="the state over the weights, both in bytes")
    for name, optimizer in SIZED.items():
        whole, half = state_size(optimizer), state_size(optim.mixed_precision(optimizer), jnp.bfloat16)
        table.add_row(name, f"{whole:.3g}", f"{half:.3g}")
    console.print(table)
    counts = show("the lecture's sizes", numbers())

    surface = jax.jit(jnp.vectorize(error, signature="(n)->()"))
    title = "each with the rate that arrives first"
    figure = pictures.error_surface(
        surface, ((-0.5, 3.5), (0.0, 4.5)), paths=paths, minima=[MINIMUM], title=title, log=True
    )
    save(figure, settings.out / "paths")
    errors = {name: np.asarray(surface(walked)) for name, walked in paths.items()}
    save(pictures.curves(errors, y_label="error", log=True), settings.out / "errors")
    epochs = np.arange(1, settings.epochs + 1)
    save(
        pictures.curves(losses, x=epochs, x_label="epoch", y_label="training loss", log=True), settings.out / "network"
    )
    arrived = {f"steps_{name}": steps for name, (_, steps) in walked.items() if np.isfinite(steps)}
    return {**counts, **arrived, **{f"loss_{name}": float(loss[-1]) for name, loss in losses.items()}}
