"""Learning rates: too small, good, too large; falling; one a layer.

    python -m experiments course.learning_rates

Source: 002_342234af0f95f09b.txt, slides "Optimization : Derivatives and Gradient Descent" and "GD Optimization
Algorithms"; 003_9c929969f18cf115.txt, slides "Gradient Descent" and "Learning rate for mini-batch".
Wall time: 7 s. Expect: the descent diverges from rate 2 / largest curvature on, as predicted; a falling rate ends below
the noise of a constant one; rates by fan-in bring the paces of the layers ten times closer together, but with the best
rate of each the network learns no better than with one rate for all. (The last layer's gradient is larger than the
first's, as the slide has it, but the second's is the largest of all.)

On an error with curvatures λ a step multiplies the distance from the minimum by 1 - η λ, direction by direction. So the
slowest direction shrinks by max |1 - η λ|, and the descent diverges where that is above 1.
"""

from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from rich.table import Table

from experiments.course.batch_sizes import noisy_line, orders, walk
from experiments.course.local_minima import path
from experiments.runner import console, key, save
from fnn import data, initializers, layers, optim, rules
from fnn.inspect import pictures

INPUTS = np.array([[1.0, 3.0], [1.0, -3.0]], np.float32)
TARGETS = INPUTS @ np.array([2.0, 1.0], np.float32)
CURVATURES = np.array([1.0, 9.0])
RATES = {"too small": 0.01, "good": 2 / 10, "zigzag": 0.215, "too large": 0.23}
"""2 / (1 + 9) is the best there is, and from 2 / 9 = 0.222 on the descent diverges."""
UNITS = 512, 4, 256
"""Hidden units, so that the fan-ins of the four layers are 64, 512, 4 and 256."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.learning_rates`."""

    steps: int = 40
    """Steps of the descents with too small, good and too large a rate."""
    schedule_epochs: int = 50
    """Epochs of one-sample descent under each schedule."""
    repeats: int = 50
    """Orders of the examples that the curves of the schedules are averaged over."""
    epochs: int = 6
    """Epochs of the network with layers of different fan-in."""
    seed: int = 0
    """The start of the network, the noise of the data and the orders."""
    out: Path = Path("runs/course/learning_rates")
    """Folder for the pictures and the metrics."""


def error(weights):
    """E = 1/2 mean (w·x - t)² of a linear neuron, with curvatures 1 along w1 and 9 along w2; weights (2,)."""
    return rules.half_squared_error(rules.linear(jnp.asarray(INPUTS), weights[:, None])[:, 0], jnp.asarray(TARGETS))


def factor(rate: float) -> float:
    """Return max |1 - η λ|, by which a step multiplies the distance from the minimum in the end."""
    return float(np.abs(1 - rate * CURVATURES).max())


def descend(settings: Settings) -> dict[str, float]:
    """Descend with each rate; print and return what a step multiplies the distance by, beside the prediction."""
    surface = jax.jit(jnp.vectorize(error, signature="(n)->()"))
    walks = jax.jit(jax.vmap(lambda rate: path(error, optim.sgd(rate), jnp.array([-3.0, 3.0]), settings.steps)))
    paths = dict(zip(RATES, np.asarray(walks(np.array(list(RATES.values()), np.float32))), strict=True))
    errors = {name: np.asarray(surface(walked)) for name, walked in paths.items()}
    table = Table(
        "", "rate", "factor a step", "predicted", "error at the end", title="one descent", title_justify="left"
    )
    factors = {}
    for name, rate in RATES.items():
        factors[name] = float(np.sqrt(errors[name][-1] / errors[name][-2]))
        cells = factors[name], factor(rate), errors[name][-1]
        table.add_row(name, f"{rate:g}", *(f"{cell:.4g}" for cell in cells))
    console.print(table)
    save(pictures.curves(errors, y_label="error", log=True), settings.out / "rates")
    begun = {name: walked[:14] for name, walked in paths.items()}
    figure = pictures.error_surface(surface, ((-4.0, 4.0), (-3.0, 4.5)), paths=begun, minima=[(2.0, 1.0)], log=True)
    save(figure, settings.out / "paths")
    return {f"factor_{name.replace(' ', '_')}": value for name, value in factors.items()}


def schedules(steps: int, rate: float = 0.1) -> dict[str, optim.Schedule]:
    """Return the schedules to compare, over so many steps; all but the small constant start, or peak, at the rate."""
    return {
        "constant": optim.constant(rate),
        "small constant": optim.constant(rate / 50),
        "step decay": optim.step_decay(rate, 0.3, max(steps // 5, 1)),
        "exponential": optim.exponential(rate, 0.01, steps),
        "cosine": optim.cosine(rate, steps),
        "one cycle": optim.one_cycle(rate, steps),
    }


def fall(settings: Settings) -> dict[str, float]:
    """Learn one sample at a time under each schedule; return how far above the least error its last epoch is."""
    generator, count = np.random.default_rng(settings.seed), 60
    inputs, targets = noisy_line(count, generator)
    batches = np.stack([orders(count, 1, settings.schedule_epochs, generator) for _ in range(settings.repeats)])
    steps = batches.shape[1]
    best = np.linalg.lstsq(np.asarray(inputs), np.asarray(targets), rcond=None)[0]
    curvature = inputs.T @ inputs / count

    def above(weights):
        """E(w) - E(best) = 1/2 (w - best)ᵀ curvature (w - best), without the rounding of a difference."""
        apart = weights - jnp.broadcast_to(jnp.asarray(best), weights.shape)
        return (apart @ curvature * apart).sum(-1) / 2

    def learn(rates, order):
        descent = optim.sgd(lambda step: rates[step])  # a schedule may be read from an array: one program for all
        return above(walk(inputs, targets, order, jnp.array([-1.5, 1.0]), descent)[1:])

    names = schedules(steps)
    every = jax.jit(lambda: [jax.vmap(schedule)(jnp.arange(steps)) for schedule in names.values()])()
    rates = {name: np.asarray(values) for name, values in zip(names, every, strict=True)}
    learned = jax.jit(lambda rates: jax.vmap(lambda order: learn(rates, order))(batches).mean(0))
    losses = {name: np.asarray(learned(values)).reshape(-1, count).mean(1) for name, values in rates.items()}
    table = Table(
        "schedule",
        "error above the least",
        title=f"{settings.schedule_epochs} epochs of one-sample steps",
        title_justify="left",
    )
    for name, loss in losses.items():
        table.add_row(name, f"{loss[-1]:.2e}")
    console.print(table)
    save(pictures.curves(rates, y_label="learning rate", log=True), settings.out / "schedules")
    epochs = np.arange(1, settings.schedule_epochs + 1)
    figure = pictures.curves(losses, x=epochs, x_label="epoch", y_label="error above the least", log=True)
    save(figure, settings.out / "falling")
    return {f"above_{name.replace(' ', '_')}": float(loss[-1]) for name, loss in losses.items()}


def layerwise(settings: Settings) -> dict[str, float]:
    """Train with one rate for all layers and with LeCun's, over many rates; compare paces and losses."""
    digits, size = data.digits().train, 32
    weight = initializers.lecun_normal
    hidden = (layer for units in UNITS for layer in (layers.dense(units, weight=weight), layers.tanh()))
    net = layers.serial(*hidden, layers.dense(10, weight=weight))
    params, state = jax.jit(lambda k: net.init(k, digits.x[:1]))(key(settings.seed))
    used = len(digits.y) // size * size
    batches = orders(used, size, settings.epochs, np.random.default_rng(settings.seed))
    x, y = jnp.asarray(digits.x), jnp.asarray(digits.y)

    def loss(params, x, y):
        return rules.softmax_cross_entropy(net.apply(params, state, x)[0], y)

    def each_layer(measure, *trees):
        return jnp.stack(
            [measure(*(layer.w for layer in dense)) for dense in zip(*(t[::2] for t in trees), strict=True)]
        )

    def train(descent):
        def step(state, batch):
            params = descent.params(state)
            state, after = descent.update(state, jax.grad(loss)(params, x[batch], y[batch]))
            pace = each_layer(lambda w, new: jnp.linalg.norm(new - w) / jnp.linalg.norm(w), params, after)
            return state, pace

        state, paces = jax.lax.scan(step, descent.init(params), batches)
        return loss(descent.params(state), x, y), paces[:20].mean(0)

    ways = {"one rate": optim.sgd, "by fan-in": lambda rate: optim.fan_in_scaled(optim.sgd, rate)}
    rates = jnp.asarray(2.0 ** np.arange(-8, 4), jnp.float32)
    losses, paces, best = {}, {}, {}
    for name, make in ways.items():
        ends, walked = jax.jit(jax.vmap(lambda rate, make=make: train(make(rate))))(rates)
        losses[name] = np.nan_to_num(np.asarray(ends), nan=np.inf)
        best[name] = int(losses[name].argmin())
        paces[name] = np.asarray(walked[best[name]])
    sizes = jax.jit(lambda: each_layer(lambda w: jnp.sqrt(jnp.square(w).mean()), jax.grad(loss)(params, x, y)))
    slopes = np.asarray(sizes())

    table = Table("layer", "fan-in", "gradient (rms)", *(f"pace, {name}" for name in ways), title_justify="left")
    for number, fan_in in enumerate((x.shape[1], *UNITS)):
        cells = slopes[number], *(paces[name][number] for name in ways)
        table.add_row(str(number + 1), str(fan_in), *(f"{cell:.2e}" for cell in cells))
    console.print(table)
    number = np.arange(1, len(UNITS) + 2)
    save(
        pictures.curves(paces, x=number, x_label="layer", y_label="|ΔW| / |W| a step", log=True), settings.out / "paces"
    )
    figure = pictures.curves(losses, x=np.asarray(rates), x_label="learning rate η", log=True, log_x=True)
    save(figure, settings.out / "by_layer")
    spread = {name: float(pace.max() / pace.min()) for name, pace in paces.items()}
    return {
        "spread_one_rate": spread["one rate"],
        "spread_by_fan_in": spread["by fan-in"],
        **{f"loss_{name.replace(' ', '_').replace('-', '_')}": float(losses[name].min()) for name in ways},
    }


def run(settings: Settings) -> dict[str, float]:
    """Do the three parts: one rate, falling rates, rates by layer."""
    for name in ("steps", "schedule_epochs", "repeats", "epochs"):
        if getattr(settings, name) < 1:
            raise ValueError(f"{name} = {getattr(settings, name)}, wanted at least 1.")
    key(settings.seed)  # which refuses what is no seed, before work begins
    return {**descend(settings), **fall(settings), **layerwise(settings)}
