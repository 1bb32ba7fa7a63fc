"""Batch, mini-batch, one sample: updates, noise, time and loss.

    python -m experiments course.batch_sizes

Source: 002_342234af0f95f09b.txt, slides "GD Optimization Algorithms" and "Mini-Batch Stochastic Gradient Descent";
003_9c929969f18cf115.txt, slides "Batch learning" and "Mini-batch".
Wall time: 15 s. Expect: the mini-batch's gradient strays from the full one by 1/sqrt(m), as predicted; for the same
epochs smaller batches make more updates, take longer and end with a smaller loss. (The rate is the same for all; the
full batch, which has no noise, could bear a larger one.)
"""

import math
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from rich.table import Table

from experiments.runner import console, key, save
from fnn import data, layers, optim, rules, train
from fnn.inspect import pictures


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.batch_sizes`."""

    sizes: tuple[int, ...] = (1, 10, 50)
    """Batch sizes to compare with the full batch: one sample, 003's and 002's mini-batches."""
    epochs: int = 10
    """How often each digit is seen, whatever the batch."""
    rate: float = 0.05
    """Learning rate, the same for all."""
    hidden: int = 32
    """Hidden units of the network."""
    draws: int = 300
    """Batches drawn of each size to measure the noise."""
    seed: int = 0
    """The start, the orders and the draws."""
    out: Path = Path("runs/course/batch_sizes")
    """Folder for the pictures and the metrics."""


def noise(gradients: np.ndarray, size: int, draws: int, generator: np.random.Generator) -> float:
    """Return the root of the mean square |g_batch - g| over random batches; gradients (examples, parameters)."""
    shares = np.zeros((draws, len(gradients)), np.float32)
    for row in shares:
        row[generator.choice(len(gradients), size, replace=False)] = 1 / size
    strays = shares @ (gradients - gradients.mean(0))
    return math.sqrt(np.square(strays).sum(1).mean())


def predicted_noise(gradients: np.ndarray, size: int) -> float:
    """Return sigma / sqrt(m) sqrt((n - m) / (n - 1)): the second root is there as no example is drawn twice."""
    count = len(gradients)
    sigma = math.sqrt(np.square(gradients - gradients.mean(0)).sum(1).mean())
    return sigma / math.sqrt(size) * math.sqrt((count - size) / (count - 1))


def walk(inputs, targets, batches, start, descent: optim.Optimizer):
    """Return the path of a linear neuron's weights, (steps + 1, 2); batches (steps, size) are each step's examples."""

    def error(weights, batch):
        outputs = rules.linear(inputs[batch], weights[:, None])[:, 0]
        return rules.half_squared_error(outputs, targets[batch])

    def step(state, batch):
        weights = descent.params(state)
        return descent.update(state, jax.grad(error)(weights, batch))[0], weights

    state, weights = jax.lax.scan(step, descent.init(start), batches)
    return jnp.concatenate([weights, descent.params(state)[None]])


def orders(count: int, size: int, epochs: int, generator: np.random.Generator) -> np.ndarray:
    """Return the examples of each step, (steps, size): each epoch in a new order."""
    shuffled = [generator.permutation(count).reshape(-1, size) for _ in range(epochs)]
    return np.concatenate(shuffled)


def noisy_line(count: int, generator: np.random.Generator):
    """Return inputs (count, 2) and targets (count,) of a linear neuron with the weights 1 and -1/2, with noise."""
    inputs = generator.normal(size=(count, 2)) * [1.0, 2.0]
    targets = inputs @ [1.0, -0.5] + generator.normal(size=count)
    return jnp.asarray(inputs, jnp.float32), jnp.asarray(targets, jnp.float32)


def draw_paths(generator: np.random.Generator):
    """Draw the three descents on the error surface of a linear neuron of two weights, 60 examples, 6 epochs."""
    count, start = 60, jnp.array([-1.5, 1.0])
    inputs, targets = noisy_line(count, generator)
    steps = jax.jit(walk, static_argnums=4)
    paths = {
        name: steps(inputs, targets, orders(count, size, 6, generator), start, optim.sgd(0.06))
        for name, size in (("one sample", 1), ("mini-batch of 10", 10), ("full batch", count))
    }

    def error(weights):
        outputs = rules.linear(inputs, weights[:, None])[:, 0]
        return rules.half_squared_error(outputs, targets)

    best = np.linalg.lstsq(np.asarray(inputs), np.asarray(targets), rcond=None)[0]
    surface = jax.jit(jnp.vectorize(error, signature="(n)->()"))
    title = "the error of all examples, and six epochs"
    return pictures.error_surface(surface, ((-2.0, 2.0), (-1.5, 1.5)), paths=paths, minima=[best], title=title)


def run(settings: Settings) -> dict[str, float]:
    """Measure the noise of the gradient, train with each batch size, draw paths, noise and losses."""
    digits = data.digits()
    count = data.check_examples(digits.train)
    if not settings.sizes or not all(1 <= size < count for size in settings.sizes) or settings.draws < 1:
        given = f"sizes = {settings.sizes} and draws = {settings.draws}"
        raise ValueError(f"{given}, wanted sizes from 1 to {count - 1} and at least 1 draw.")
    if settings.epochs < 1:
        raise ValueError(f"epochs = {settings.epochs}, wanted at least 1.")
    net = layers.serial(layers.dense(settings.hidden), layers.tanh(), layers.dense(10))

    def loss(params, state, batch, key):
        logits, state = net.apply(params, state, batch.x, train=True)
        return rules.softmax_cross_entropy(logits, batch.y), (state, {})

    params, state = jax.jit(lambda k: net.init(k, digits.train.x[:1]))(key(settings.seed))
    generator = np.random.default_rng(settings.seed)
    single = jax.grad(lambda params, x, y: loss(params, state, data.Examples(x[None], y[None]), None)[0])
    flat = jax.jit(jax.vmap(lambda x, y: ravel_pytree(single(params, x, y))[0]))
    gradients = np.asarray(flat(*digits.train))
    sizes = [2**power for power in range(int(math.log2(count)) + 1)]
    measured = [noise(gradients, size, settings.draws, generator) for size in sizes]
    predicted = [predicted_noise(gradients, size) for size in sizes]
    lines = {"measured": measured, "predicted": predicted, "1/sqrt(m)": predicted[0] / np.sqrt(sizes)}
    figure = pictures.curves(
        lines, x=np.array(sizes), x_label="batch size m", y_label="|gradient - full gradient|", log=True, log_x=True
    )
    save(figure, settings.out / "noise")

    columns = "batch", "updates", "noise", "seconds", "test loss", "test accuracy"
    table = Table(*columns, title=f"{settings.epochs} epochs of {count} digits", title_justify="left")
    losses, metrics = {}, {}
    for size in (*settings.sizes, count):
        options = {"epochs": settings.epochs, "batch_size": size, "key": key(settings.seed), "progress": False}
        result = train.fit(net, loss, optim.sgd(settings.rate), digits.train, evaluate=digits.test, **options)
        rows = result.history.rows
        seconds = sum(result.history.values("seconds"))
        strays = predicted_noise(gradients, size)
        name = "one sample" if size == 1 else "full batch" if size == count else f"mini-batch of {size}"
        losses[name] = np.array(result.history.values("test_loss"))
        cells = strays, seconds, rows[-1]["test_loss"], rows[-1]["test_accuracy"]
        table.add_row(name, str(rows[-1]["step"]), *(f"{cell:.3g}" for cell in cells))
        metrics |= {
            f"updates_{size}": rows[-1]["step"],
            f"loss_{size}": rows[-1]["test_loss"],
            f"seconds_{size}": seconds,
        }
    console.print(table)
    epochs = np.arange(1, settings.epochs + 1)
    save(pictures.curves(losses, x=epochs, x_label="epoch", y_label="test loss", log=True), settings.out / "losses")
    save(draw_paths(generator), settings.out / "paths")
    error = max(abs(m / p - 1) for m, p in zip(measured, predicted, strict=True))
    return {**metrics, "noise_against_prediction": error}
