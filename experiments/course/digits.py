"""Handwritten digits, learned from start to end: the first thing to run.

    python -m experiments digits

Hardware: two CPU cores. Wall time: 8 s, Python's start and the pictures included.
Expect: test_accuracy 0.989; over 16 seeds from 0.983 to 0.994.

The 1437 images to learn from are 8x8 pixels, the 360 to test on are kept back. Sizes, dropout and rate were chosen by
five-fold cross-validation on the images to learn from, where they reach 0.984; 30 epochs do as well there as 60.
"""

import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.runner import fit, key, save
from fnn import accuracy, data, inspect, layers, optim, rules, train
from fnn.inspect import pictures


@dataclass(frozen=True)
class Digits:
    """Settings of the experiment `digits`."""

    hidden: tuple[int, ...] = (256, 128)
    """Units of each hidden layer, ReLU behind each."""
    dropout: float = 0.4
    """Probability that a hidden unit is dropped in training."""
    epochs: int = 60
    """How often each image is seen."""
    batch_size: int = 32
    """Images a step."""
    learning_rate: float = 3e-3
    """Adam's step size at the start; it falls to zero along half a cosine."""
    seed: int = 0
    """The same seed gives the same network, bit for bit."""
    out: Path = Path("runs/digits")
    """Folder for the pictures, the history and the metrics."""


def network(settings: Digits) -> layers.Layer:
    """Return the multi-layer perceptron: dense, ReLU and dropout for each hidden layer, then ten logits."""
    blocks = [
        layer
        for units in settings.hidden
        for layer in (layers.dense(units), layers.relu(), layers.dropout(settings.dropout))
    ]
    return layers.serial(*blocks, layers.dense(10))


def run(settings: Digits) -> dict[str, float]:
    """Train, draw the pictures and return the final metrics."""
    if settings.epochs < 1:
        raise ValueError(f"epochs = {settings.epochs}, wanted at least 1.")
    if settings.learning_rate < 0:
        raise ValueError(f"learning_rate = {settings.learning_rate:g}, wanted 0 or greater.")
    digits = data.digits()
    net = network(settings)

    def loss(params, state, batch, key):
        logits, state = net.apply(params, state, batch.x, key=key, train=True)
        return rules.softmax_cross_entropy(logits, batch.y), (state, {"accuracy": accuracy(logits, batch.y)})

    count = data.check_examples(digits.train, batch_size=settings.batch_size)
    steps = settings.epochs * math.ceil(count / settings.batch_size)
    optimizer = optim.adam(optim.cosine(settings.learning_rate, steps))
    table = inspect.summary(net, digits.train.x[:1])
    print(table, file=sys.stderr)
    result = fit(
        settings.out,
        net,
        loss,
        optimizer,
        digits.train,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        key=key(settings.seed),
        evaluate=digits.test,
    )

    x, labels = np.asarray(digits.test.x), np.asarray(digits.test.y)
    logits = train.predict(net, result.params, result.state, x)
    counts = train.confusion_matrix(logits, labels)
    save(pictures.confusion_matrix(counts), settings.out / "confusion")
    images, probabilities = x.reshape(-1, 8, 8), np.asarray(rules.softmax(logits))
    save(pictures.mistakes(images, labels, probabilities), settings.out / "mistakes")

    last = result.history.rows[-1]
    return {
        "train_loss": last["loss"],
        "train_accuracy": last["accuracy"],
        "test_loss": last["test_loss"],
        "test_accuracy": last["test_accuracy"],
        "parameters": table.total.parameters,
        "epochs": len(result.history.rows),
    }
