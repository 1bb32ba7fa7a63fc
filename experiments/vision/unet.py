"""U-Net finds shapes pixel by pixel, IoU 0.95

    python -m experiments unet
    python -m experiments unet --task classes         # discs, rectangles, triangles: which, and not only where

Hardware: two CPU cores. Wall time: 1 min.
Expect: test_iou 0.964, of the shapes' pixels. To tell their kinds apart is harder: a run with width 12 and depth 3
reached 0.78, the mean of the three kinds and the background; most of what was wrong were shapes under others.

The images are drawn by `fnn.data.shapes`: overlapping shapes, noise, and a class for each pixel. Training and held-out
images come from different seeds.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from experiments.runner import fit, key, save
from fnn import accuracy, data, inspect, models, optim, rules, train
from fnn.inspect import pictures


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `unet`."""

    task: Literal["mask", "classes"] = "mask"
    """Which pixels belong to a shape; or which of the three kinds of shape, or none, each pixel belongs to."""
    width: int = 8
    """Features of the first level; each level below has twice as many."""
    depth: int = 2
    """How often the image is halved on the way down."""
    size: int = 32
    """Side of an image in pixels, a multiple of 2^depth."""
    images: int = 4096
    """How many images to learn from."""
    test_images: int = 256
    """How many images to judge by."""
    epochs: int = 10
    """How often each image is seen."""
    batch_size: int = 32
    """Images a step."""
    learning_rate: float = 1e-2
    """Adam's largest step size: it rises to it and falls along half cosines (one cycle)."""
    seed: int = 0
    """The same seed gives the same images and the same network, bit for bit."""
    out: Path = Path("runs/unet")
    """Folder for the pictures, the history and the metrics."""


def run(settings: Settings) -> dict[str, float]:
    """Train, draw the pictures and return the final metrics."""
    if settings.epochs < 1:
        raise ValueError(f"epochs = {settings.epochs}, wanted at least 1.")
    learn, held_out = (
        drawn(count, settings, seed)
        for count, seed in ((settings.images, 2 * settings.seed), (settings.test_images, 2 * settings.seed + 1))
    )
    net = models.unet(2 if settings.task == "mask" else 4, width=settings.width, depth=settings.depth)
    table = inspect.summary(net, learn.x[:1])
    print(table, file=sys.stderr)

    def loss(params, state, batch, key):
        logits, state = net.apply(params, state, batch.x, key=key, train=True)
        return rules.softmax_cross_entropy(logits, batch.y), (state, {"accuracy": accuracy(logits, batch.y)})

    count = data.check_examples(learn, batch_size=settings.batch_size)
    steps = settings.epochs * -(-count // settings.batch_size)
    result = fit(
        settings.out,
        net,
        loss,
        optim.adam(optim.one_cycle(settings.learning_rate, steps)),
        learn,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        key=key(settings.seed),
        evaluate=held_out,
        metrics=metrics,
    )
    draw(net, result, held_out, settings.out)
    last = result.history.rows[-1]
    return {
        "train_loss": last["loss"],
        "train_accuracy": last["accuracy"],
        "test_loss": last["test_loss"],
        "test_accuracy": last["test_accuracy"],
        "test_iou": last["test_iou"],
        "parameters": table.total.parameters,
        "epochs": len(result.history.rows),
    }


def drawn(count: int, settings: Settings, seed: int) -> data.Examples:
    """Return images and the label of each pixel."""
    x, y = data.shapes(count, size=settings.size, seed=seed)
    return data.Examples(x, np.minimum(y, 1) if settings.task == "mask" else y)


def metrics(logits, labels):
    """Return what is measured on the held-out images: iou is that of the shapes, the mean of their kinds."""
    overlap = train.intersection_over_union(logits, labels)
    return train.default_metrics(logits, labels) | {"iou": overlap[1:].mean()}


def draw(net, result: train.Result, test: data.Examples, out: Path) -> None:
    """Draw answers beside labels: the first images, and those of which most is wrong."""
    x, labels = np.asarray(test.x), np.asarray(test.y)
    answers = np.asarray(train.predict(net, result.params, result.state, x, batch_size=64)).argmax(-1)
    overlap = result.history.values("test_iou")[-1]
    grey = x[..., 0]
    of = f"IoU {overlap:.3f} on {len(x)} images that were not learned from"
    save(pictures.segmentations(grey[:8], labels[:8], answers[:8], title=f"the first of them: {of}"), out / "answers")
    worst = np.argsort(-(answers != labels).mean((1, 2)), kind="stable")[:8]
    title = f"those of which most is wrong: {of}"
    save(pictures.segmentations(grey[worst], labels[worst], answers[worst], title=title), out / "worst")
