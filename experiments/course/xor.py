"""XOR: one neuron cannot, two hidden units can, and more fail less often.

    python -m experiments course.xor

Source: 004_3d7c4cf9f16fd877.txt, slides "What do (deep) neural networks do?" and "Multi-level feedforward neural
networks"; 003_9c929969f18cf115.txt, slides "Multi Layer Perceptron (MLP)" and "Visualization and Understanding of
Neural Network" ("Non-linear regions", "Combining regions").
Wall time: 10 s. Expect: one neuron ends at the answers 0.5 and the error 0.5 from every start; two hidden units learn
XOR from most starts, four or more from all, or nearly: "Gradient descent can get stuck in the local optimal".

Sigmoid neurons, E = 1/2 Σ (Y - O)² over the four rows, full-batch gradient descent, random starts.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.table import Table

from experiments.runner import console, key, save
from fnn import data, initializers, layers, optim, rules
from fnn.inspect import pictures

LEARNED = 0.05
"""The error under which a network counts as having learned: each answer is then within 0.32 of the truth."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.xor`."""

    hidden: tuple[int, ...] = (0, 1, 2, 3, 4, 8)
    """Hidden units of the networks that are compared; 0 is one neuron alone."""
    starts: int = 100
    """Random starts of each."""
    rate: float = 1.0
    """Learning rate."""
    epochs: int = 5000
    """Updates, each on all four rows."""
    seed: int = 0
    """Seed of the starts."""
    out: Path = Path("runs/course/xor")
    """Folder for the pictures and the metrics."""


def network(hidden: int) -> layers.Layer:
    """Return a hidden layer of that many sigmoid neurons and the output neuron, which alone is the network of none."""
    neuron = [layers.dense(1, weight=initializers.gaussian(1.0)), layers.sigmoid()]
    if hidden == 0:
        return layers.serial(*neuron)
    return layers.serial(layers.dense(hidden, weight=initializers.gaussian(1.0)), layers.sigmoid(), *neuron)


def answer(net: layers.Layer, params, x):
    """Return the network's output O of each row of x (n, 2)."""
    return net.apply(params, tuple(() for _ in params), x)[0][:, 0]


def learn(net: layers.Layer, rate: float, epochs: int, start) -> tuple[Any, Any]:
    """Train from the weights that a key draws; return the weights and the error before each update."""
    table = data.xor_gate()
    x, y = jnp.asarray(table.x), jnp.asarray(table.y, jnp.float32)
    descent = optim.sgd(rate)

    def error(params):
        return rules.half_squared_error(answer(net, params, x), y, reduction="sum")

    def update(state, _):
        params = descent.params(state)
        loss, slope = jax.value_and_grad(error)(params)
        return descent.update(state, slope)[0], (params, loss)

    params, _ = net.init(start, x)
    return jax.lax.scan(update, descent.init(params), length=epochs)[1]


def learn_all(hidden: int, settings: Settings) -> tuple[Any, np.ndarray]:
    """Train that network from every start at once; return the last weights and the errors, a row a start."""

    def last(start):
        params, errors = learn(network(hidden), settings.rate, settings.epochs, start)
        return jax.tree.map(lambda leaf: leaf[-1], params), errors

    params, errors = jax.jit(jax.vmap(last))(starts(settings))
    return params, np.asarray(errors)


def starts(settings: Settings):
    """Return a key for each start."""
    return jax.random.split(key(settings.seed), settings.starts)


def draw(hidden: int, best: int, settings: Settings) -> None:
    """Draw a network's hidden units and how they combine, and its regions while the error falls."""
    net, table = network(hidden), data.xor_gate()
    train = jax.jit(partial(learn, net, settings.rate, settings.epochs))
    params, errors = train(starts(settings)[best])

    def at(epoch):
        return jax.tree.map(lambda leaf: leaf[epoch], params)

    first = layers.serial(layers.dense(hidden), layers.sigmoid())
    units = pictures.hidden_regions(
        lambda x: first.apply(at(-1)[:2], ((), ()), x)[0], partial(answer, net, at(-1)), table
    )
    save(units, settings.out / "units")
    falling = np.minimum.accumulate(errors)
    epochs = sorted({int((falling <= level).argmax()) for level in np.linspace(errors[0], falling[-1], 8)})
    stages = {f"epoch {n}, error {errors[n]:.2f}": partial(answer, net, at(n)) for n in epochs}
    save(pictures.compare_regions(stages, table), settings.out / "training")


def run(settings: Settings) -> dict[str, float]:
    """Train every size from every start; print how many learn XOR; draw errors, half-planes and regions."""
    if min(settings.hidden, default=-1) < 0 or settings.starts < 1 or settings.epochs < 1:
        raise ValueError(
            f"hidden = {settings.hidden}, starts = {settings.starts} and epochs = {settings.epochs}, wanted sizes of 0 "
            "or more, at least 1 start and at least 1 epoch."
        )
    x = jnp.asarray(data.xor_gate().x)
    columns = ("hidden units", "starts that learn XOR", "median error", "answers of the best")
    shown = Table(*columns, title="XOR is 0 1 1 0", title_justify="left")
    metrics, errors = {}, {}
    for hidden in settings.hidden:
        params, each = learn_all(hidden, settings)
        last, best = each[:, -1], int(each[:, -1].argmin())
        solve = partial(answer, network(hidden), jax.tree.map(lambda leaf, best=best: leaf[best], params))
        learned, answers = int((last < LEARNED).sum()), " ".join(f"{o:.2f}" for o in solve(x).tolist())
        shown.add_row(str(hidden), f"{learned} of {settings.starts}", f"{np.median(last):.4f}", answers)
        metrics |= {f"learned_by_{hidden}": learned, f"error_of_{hidden}": float(last.min())}
        errors[f"hidden layer of {hidden}" if hidden else "one neuron"] = np.median(each, axis=0)
        if hidden == 0:
            save(pictures.decision_regions(solve, data.xor_gate()), settings.out / "neuron")
        elif hidden == 2:
            draw(hidden, best, settings)
    console.print(shown)
    save(pictures.curves(errors, x_label="epoch", y_label="median error", log=True), settings.out / "errors")
    return metrics
