"""The two networks of the lectures, on MNIST or Fashion-MNIST.

    python -m experiments mnist                       # 784-128-ReLU-dropout 0.2-10, Adam, batch 32
    python -m experiments mnist --network small       # 784-16-16-10, ReLU, SGD, batch 10
    python -m experiments mnist --seeds 5             # means of five seeds, beside the lectures' log

Hardware: two CPU cores. Wall time: 10 s for one seed, 20 s for five.
Expect: test_accuracy 0.977 and a training loss within 3% of the lectures' log for `dropout`; 0.94 to 0.95 for `small`.

The lectures trained in Keras, so everything that they leave unsaid is Keras's default: Glorot uniform weights, zero
biases, SGD at 0.01, Adam at 0.001 with epsilon 1e-7. The images are looked for in --data, then in the folder that
FNN_DATA names; without either they are downloaded once.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from rich.table import Table

from experiments.runner import console, fit, key, save
from fnn import accuracy, data, inspect, layers, optim, rules, train
from fnn.inspect import pictures

LOG_LOSS = (0.2982, 0.1433, 0.1097, 0.0893, 0.0777)
"""Training loss after each epoch in the log that the lectures show of `dropout` on MNIST."""
LOG_TEST_ACCURACY = 0.9776

CLOTHES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")


@dataclass(frozen=True)
class Mnist:
    """Settings of the experiment `mnist`."""

    network: Literal["dropout", "small"] = "dropout"
    """784-128-ReLU-dropout 0.2-10 with Adam, batch 32; or 784-16-16-10 with ReLU and SGD, batch 10."""
    epochs: int = 5
    """How often each image is seen."""
    seed: int = 0
    """The same seed gives the same network, bit for bit."""
    seeds: int = 1
    """How many networks to train, from this seed on; the metrics are their means, the pictures the last one's."""
    fashion: bool = False
    """Clothes (Fashion-MNIST) in place of digits."""
    data: Path | None = None
    """Folder that holds the images."""
    out: Path = Path("runs/mnist")
    """Folder for the pictures, the history and the metrics."""


class Recipe(NamedTuple):
    """A network and how the lectures train it."""

    net: layers.Layer
    optimizer: optim.Optimizer
    batch_size: int


def small() -> Recipe:
    """784-16-16-10, trained by stochastic gradient descent."""
    net = layers.serial(layers.dense(16), layers.relu(), layers.dense(16), layers.relu(), layers.dense(10))
    return Recipe(net, optim.sgd(0.01), 10)


def dropout() -> Recipe:
    """784-128-10 with dropout between, trained by Adam."""
    net = layers.serial(layers.dense(128), layers.relu(), layers.dropout(0.2), layers.dense(10))
    return Recipe(net, optim.adam(1e-3, eps=1e-7), 32)


def run(settings: Mnist) -> dict[str, float]:
    """Train, draw the pictures of the last network and return the means of the final metrics."""
    if settings.seeds < 1:
        raise ValueError(f"seeds = {settings.seeds}, wanted at least 1.")
    load, names = (data.fashion_mnist, CLOTHES) if settings.fashion else (data.mnist, None)
    dataset = load(settings.data)
    recipe = {"small": small, "dropout": dropout}[settings.network]()
    net = recipe.net

    def loss(params, state, batch, key):
        logits, state = net.apply(params, state, batch.x, key=key, train=True)
        return rules.softmax_cross_entropy(logits, batch.y), (state, {"accuracy": accuracy(logits, batch.y)})

    table = inspect.summary(net, dataset.train.x[:1])
    print(table, file=sys.stderr)
    results = []
    for seed in range(settings.seed, settings.seed + settings.seeds):
        result = fit(
            settings.out if settings.seeds == 1 else settings.out / f"seed-{seed}",
            net,
            loss,
            recipe.optimizer,
            dataset.train,
            epochs=settings.epochs,
            batch_size=recipe.batch_size,
            key=key(seed),
            evaluate=dataset.test,
        )
        results.append(result)

    histories = [result.history for result in results]
    has_log = settings.network == "dropout" and not settings.fashion
    console.print(epochs_table(histories, LOG_LOSS if has_log else ()))
    draw(net, results[-1], dataset.test, names, settings.out)
    mean = {name: means(histories, name) for name in ("loss", "accuracy", "test_loss", "test_accuracy")}
    final = {name if name.startswith("test") else f"train_{name}": float(values[-1]) for name, values in mean.items()}
    final |= {"parameters": table.total.parameters, "epochs": settings.epochs, "seeds": settings.seeds}
    if has_log and settings.epochs == len(LOG_LOSS):
        final["largest_loss_difference_from_log"] = float(np.abs(mean["loss"] / LOG_LOSS - 1).max())
        final["test_accuracy_difference_from_log"] = final["test_accuracy"] - LOG_TEST_ACCURACY
    return final


def means(histories: Sequence[train.History], metric: str) -> np.ndarray:
    """Return the metric's mean over the networks, one value an epoch."""
    return np.mean([history.values(metric) for history in histories], axis=0)


def epochs_table(histories: Sequence[train.History], log: Sequence[float]) -> Table:
    """Return the table of means by epoch, beside the lectures' training loss where it is known."""
    of = "" if len(histories) == 1 else f", means of {len(histories)} seeds"
    beside = ", beside the train loss in the lectures' log" if log else ""
    table = Table(title=f"by epoch{of}{beside}", title_justify="left")
    columns = ["epoch", "train loss", "train accuracy", "test loss", "test accuracy"]
    for column in [*columns, "lectures", "off by"] if log else columns:
        table.add_column(column, justify="right")
    by_epoch = [means(histories, metric) for metric in ("loss", "accuracy", "test_loss", "test_accuracy")]
    for epoch, row in enumerate(zip(*by_epoch, strict=True)):
        cells = [str(epoch + 1), *(f"{value:.4f}" for value in row)]
        if epoch < len(log):
            cells += [f"{log[epoch]:.4f}", f"{row[0] / log[epoch] - 1:+.1%}"]
        table.add_row(*cells)
    return table


def draw(net: layers.Layer, result: train.Result, test: data.Examples, names: Sequence[str] | None, out: Path) -> None:
    """Draw the confusion matrix, the surest mistakes, and what each unit of the first layer looks for."""
    x, labels = np.asarray(test.x), np.asarray(test.y)
    logits = train.predict(net, result.params, result.state, x)
    counts = train.confusion_matrix(logits, labels)
    save(pictures.confusion_matrix(counts, names=names), out / "confusion")
    images, probabilities = x.reshape(-1, 28, 28), np.asarray(rules.softmax(logits))
    save(pictures.mistakes(images, labels, probabilities, names=names), out / "mistakes")
    title = "weights of the first layer's units: red adds, blue subtracts"
    save(pictures.weights(result.params[0].w, (28, 28), title=title), out / "weights")
