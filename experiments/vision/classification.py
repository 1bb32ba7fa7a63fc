"""What the experiments on images of ten classes share: images, loss with augmentation, seeds, pictures."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.course.mnist import epochs_table, means
from experiments.runner import console, fit, key, save
from fnn import accuracy, data, inspect, layers, optim, rules, train
from fnn.inspect import pictures

HELD_BACK = 1 / 12
"""The share of the images to learn from, 5,000 of 60,000, that validation keeps back and judges on."""

Augment = Callable[[Any, Any], Any]
"""(key, images) -> images, of `fnn.data.augmentation`."""


def images(load: Callable[[Path | None], data.Dataset], folder: Path | None, validation: bool) -> data.Dataset:
    """Return a data set as images (count, 28, 28, 1); for validation, the test part is kept back from the other."""
    found = data.Dataset(*(data.Examples(np.asarray(x).reshape(-1, 28, 28, 1), y) for x, y in load(folder)))
    return data.train_test_split(found.train, HELD_BACK, seed=0, stratify=True) if validation else found


def loss_of(net: layers.Layer, augment: Augment) -> Callable[..., Any]:
    """Return the cross-entropy of the network on batches of images, which are augmented inside the step."""

    def loss(params, state, batch, key):
        for_layers, for_images = jax.random.split(key)
        x = augment(for_images, batch.x)
        logits, state = net.apply(params, state, x, key=for_layers, train=True)
        return rules.softmax_cross_entropy(logits, batch.y), (state, {"accuracy": accuracy(logits, batch.y)})

    return loss


def train_seeds(
    net: layers.Layer,
    loss: Callable[..., Any],
    optimizer: optim.Optimizer,
    dataset: data.Dataset,
    *,
    seeds: Sequence[int],
    epochs: int,
    batch_size: int,
    out: Path,
) -> tuple[train.Result, dict[str, float]]:
    """Train a network for each seed; return the last result, and the final metrics, which are means of the seeds."""
    if not seeds:
        raise ValueError("seeds = 0, wanted at least 1.")
    table = inspect.summary(net, dataset.train.x[:1])
    print(table, file=sys.stderr)
    results = []
    for seed in seeds:
        folder = out if len(seeds) == 1 else out / f"seed-{seed}"
        options = {"epochs": epochs, "batch_size": batch_size, "key": key(seed), "evaluate": dataset.test}
        results.append(fit(folder, net, loss, optimizer, dataset.train, **options))
    histories = [result.history for result in results]
    console.print(epochs_table(histories, ()))
    mean = {name: means(histories, name) for name in ("loss", "accuracy", "test_loss", "test_accuracy")}
    metrics = {name if name.startswith("test") else f"train_{name}": float(mean[name][-1]) for name in mean}
    metrics["least_test_accuracy"] = min(history.rows[-1]["test_accuracy"] for history in histories)
    return results[-1], metrics | {"parameters": table.total.parameters, "epochs": epochs, "seeds": len(seeds)}


def draw(
    net: layers.Layer,
    result: train.Result,
    test: data.Examples,
    names: Sequence[str] | None,
    out: Path,
) -> None:
    """Draw the confusion matrix, the surest mistakes, the windows of the first convolution and what they find."""
    x, labels = np.asarray(test.x), np.asarray(test.y)
    logits = np.asarray(train.predict(net, result.params, result.state, x, batch_size=250))
    save(pictures.confusion_matrix(train.confusion_matrix(logits, labels), names=names), out / "confusion")
    probabilities = np.asarray(rules.softmax(jnp.asarray(logits)))
    save(pictures.mistakes(x[..., 0], labels, probabilities, names=names), out / "mistakes")
    first = jax.tree.leaves(result.params, is_leaf=lambda node: isinstance(node, layers.Conv))[0]
    save(pictures.filters(first.w), out / "filters")
    chosen = np.array([np.flatnonzero(labels == label)[0] for label in np.unique(labels)])
    maps = [y for y in inspect.outputs(net, result.params, result.state, x[chosen]).items() if is_map(*y)]
    for number, (_, y) in enumerate(maps[:2], 1):
        of = f"what the features of convolution {number} find, behind its ReLU"
        save(pictures.feature_maps(x[chosen, :, :, 0], y, title=of), out / f"features_{number}")


def is_map(path: str, y: Any) -> bool:
    """Return whether a layer is a ReLU over an image."""
    return path.endswith(".relu") and np.ndim(y) == 4
