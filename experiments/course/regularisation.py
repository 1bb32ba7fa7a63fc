"""L2, L1, dropout and early stopping against overfitting.

    python -m experiments course.regularisation

Source: 001_171d02eb1ec43db7.txt, slide "Neural Network overview" (Regularization); 003_9c929969f18cf115.txt, slide
"Stopping criteria".
Wall time: 10 s. Expect: without help the network learns its 40 noisy points by heart and is sure of its mistakes, a
test loss of 5; with help the test loss is 0.4 to 1.1, and the test accuracy 3 to 6 points higher.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from rich.table import Table

from experiments.runner import console, key, save
from fnn import accuracy, data, layers, optim, rules, train
from fnn.inspect import pictures


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.regularisation`."""

    points: int = 40
    """Points to learn from."""
    noise: float = 0.35
    """Standard deviation of the noise on both coordinates of the two moons."""
    hidden: int = 128
    """Units of each of the two hidden layers, ReLU."""
    epochs: int = 400
    """How often the points are seen, all at once."""
    l2: float = 0.01
    """λ of the L2 penalty λ/2 Σ w²."""
    l1: float = 0.003
    """λ of the L1 penalty λ Σ |w|."""
    dropout: float = 0.5
    """Probability that a hidden unit is dropped."""
    patience: int = 20
    """Epochs without a better held-out loss after which early stopping stops."""
    seed: int = 0
    """The same seed gives the same numbers."""
    out: Path = Path("runs/course/regularisation")
    """Folder for the pictures and the metrics."""


class Remedy(NamedTuple):
    """What is done against overfitting."""

    dropout: float = 0.0
    penalty: Callable[[Any], Any] | None = None
    stop: Sequence[Callable[[train.History], str | None]] = ()


def remedies(settings: Settings) -> dict[str, Remedy]:
    """Nothing, and the four remedies."""
    return {
        "none": Remedy(),
        "L2": Remedy(penalty=lambda weights: rules.l2_penalty(weights, strength=settings.l2)),
        "L1": Remedy(penalty=lambda weights: rules.l1_penalty(weights, strength=settings.l1)),
        "dropout": Remedy(dropout=settings.dropout),
        "early stop": Remedy(stop=(train.patience(settings.patience),)),
    }


def matrices(params: Any) -> list[Any]:
    """Return the weights without the biases."""
    return [layer.w for layer in params if layer != ()]


def probability(net: layers.Layer, params: Any, x: Any) -> Any:
    """Return the probability of class 1 at the points x."""
    logits, _ = net.apply(params, net.init(jax.random.key(0), x)[1], x)
    return rules.softmax(logits)[:, 1]


def learn(settings: Settings, remedy: Remedy) -> tuple[layers.Layer, Any, train.History]:
    """Train on few noisy points, watching others; return the network, its parameters and the history."""
    drop = [layers.dropout(remedy.dropout)] if remedy.dropout else []
    block = [layers.dense(settings.hidden), layers.relu(), *drop]
    net = layers.serial(*block, *block, layers.dense(2))

    def loss(params, state, batch, key):
        logits, state = net.apply(params, state, batch.x, key=key, train=True)
        error = rules.softmax_cross_entropy(logits, batch.y)
        total = error if remedy.penalty is None else rules.add(error, remedy.penalty(matrices(params)))
        return total, (state, {"error": error, "accuracy": accuracy(logits, batch.y)})

    few, held_out = (data.two_moons(n, noise=settings.noise, seed=i) for i, n in enumerate((settings.points, 200)))
    options = {"epochs": settings.epochs, "batch_size": None, "key": key(settings.seed), "progress": False}
    result = train.fit(net, loss, optim.adam(3e-3), few, evaluate=held_out, stop=remedy.stop, **options)
    return net, result.best.params if remedy.stop and result.best else result.params, result.history


def run(settings: Settings) -> dict[str, float]:
    """Train with each remedy; print errors and the size of the weights, draw curves and regions."""
    if settings.points < 2 or settings.epochs < 1:
        raise ValueError(f"points = {settings.points} and epochs = {settings.epochs}, wanted at least 2 and 1.")
    few, test = (data.two_moons(n, noise=settings.noise, seed=i) for n, i in ((settings.points, 0), (4000, 2)))
    table = Table("remedy", "epochs", "train", "test", "test accuracy", "rms of w", "w near 0")
    training, held_out, answers, metrics = {}, {}, {}, {}
    for name, remedy in remedies(settings).items():
        net, params, history = learn(settings, remedy)
        answers[name] = partial(probability, net, params)
        training[name], held_out[name] = history.values("error"), history.values("test_loss")
        w = np.concatenate([np.ravel(part) for part in matrices(params)])
        rms, zeros = float(np.sqrt(np.mean(w**2))), float(np.mean(np.abs(w) < 1e-3))
        own, others = (train.evaluate(net, params, net.init(key(0), few.x)[1], part) for part in (few, test))
        cells = f"{own['loss']:.3f}", f"{others['loss']:.3f}", f"{others['accuracy']:.3f}", f"{rms:.3f}", f"{zeros:.0%}"
        table.add_row(name, str(len(history.rows)), *cells)
        found = {"test_loss": others["loss"], "test_accuracy": others["accuracy"], "rms": rms}
        metrics |= {f"{name.replace(' ', '_')}_{kind}": value for kind, value in found.items()}
    console.print(table)
    for name, lines in (("training", training), ("held_out", held_out)):
        title = (
            f"loss on the {settings.points} points to learn from" if lines is training else "loss on 200 other points"
        )
        save(pictures.curves(lines, x_label="epoch", log=True, title=title), settings.out / name)
    save(pictures.compare_regions(answers, few), settings.out / "regions")
    return metrics
