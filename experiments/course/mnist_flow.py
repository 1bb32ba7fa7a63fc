"""From ten images to ten answers: the flow of the lecture's network.

    python -m experiments course.mnist_flow

Source: 002_342234af0f95f09b.txt, slides "Flatten Layer Output", "TensorFlow 2.0 : NN Network", "Summary : Flow of MLP
Dense layer NN" and "Evaluating the Error".
Wall time: 9 s. Expect: after three epochs 0.94 of the test images are answered rightly, and most of the batch.

The images are looked for as by the experiment `mnist`: in --data, then in the folder that FNN_DATA names, then they are
downloaded once. Where that fails, the 8x8 digits of scikit-learn take their place, which want --epochs 30.

The slide's labels are those of the first ten images of MNIST, but for image 2, which is a 4 and not a 6. Its columns
"Output Class" are no function of its rows: each row where they differ is named as a slip.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from rich.table import Table

from experiments.course import losses, mnist
from experiments.course.lecture import Number, show
from experiments.runner import console, fit, key, save, say
from fnn import accuracy, data, layers, rules, train
from fnn.inspect import pictures

LABELS = (5, 0, 6, 1, 9, 2, 1, 3, 1, 4)
"""The column in which the slide's "Ground Truth for the Batch" has its 1.0, image by image."""
LABEL_CLASSES = (4, 1, 3, 0, 9, 2, 1, 3, 0, 4)
"""What it prints as the class."""
OUTPUTS = (
    {0: 0.1, 3: 0.7, 5: 0.2},
    {0: 1.0},
    {9: 0.2},
    {1: 0.9, 9: 0.1},
    {4: 0.1, 9: 0.9},
    {2: 1.0},
    {1: 1.0},
    {3: 1.0},
    {1: 0.9},
    {4: 1.0},
)
"""The slide's "Predictions for each Image in Batch": {column: probability}, 0.0 elsewhere."""
OUTPUT_CLASSES = (4, 1, 2, 0, 3, 2, 1, 3, 0, 4)
"""What it prints as the class."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.mnist_flow`."""

    images: Literal["mnist", "digits"] = "mnist"
    """The lecture's 28x28 images, or the 8x8 digits that come with scikit-learn."""
    data: Path | None = None
    """Folder that holds MNIST's files."""
    epochs: int = 3
    """How often each image is seen, as on the slide."""
    seed: int = 0
    """The same seed gives the same network, bit for bit."""
    out: Path = Path("runs/course/mnist_flow")
    """Folder for the pictures, the history and the metrics."""


def slide_rows() -> np.ndarray:
    """Return the slide's table of predictions, 10 x 10."""
    return np.array([[row.get(column, 0.0) for column in range(10)] for row in OUTPUTS])


def numbers() -> list[Number]:
    """The slide's sizes, its classes beside its own rows, and the losses beside its own predictions."""
    flat, _ = layers.flatten().apply((), (), jnp.zeros((10, 28, 28)))
    found = [
        Number("rows of the batch's matrix", flat.shape[0], "10"),
        Number("its columns, one a pixel", flat.shape[1], "784"),
        Number("iterations an epoch", 60_000 / 10, "6000"),
    ]
    for image, (label, printed) in enumerate(zip(LABELS, LABEL_CLASSES, strict=True)):
        slip = "" if label == printed else f"its 1.0 stands in column {label}"
        found.append(Number(f"label of image {image}", label, str(printed), slip))
    rows = slide_rows()
    with jax.enable_x64(True):
        errors = rules.cross_entropy(jnp.asarray(rows), jnp.array(LABELS, jnp.int32), reduction="none")
    for image, (row, printed) in enumerate(zip(rows, OUTPUT_CLASSES, strict=True)):
        answer = int(row.argmax())
        slip = "" if answer == printed else f"its largest, {row[answer]:.1f}, stands in column {answer}"
        found.append(Number(f"answer to image {image}", answer, str(printed), slip))
    for image, (error, printed) in enumerate(zip(np.abs(errors), losses.PRINTED, strict=True)):
        p = rows[image, LABELS[image]]
        slip = "" if p else "its row gives column 6 nothing (and adds up to 0.2): the slide takes -log 0.7"
        found.append(Number(f"-log {p:.1f} of image {image}", float(error), printed, slip))
    return found


def load(settings: Settings) -> data.Dataset:
    """Return the images that the settings choose, the 8x8 ones where the others cannot be had."""
    if settings.images == "mnist":
        try:
            return data.mnist(settings.data)
        except data.DownloadError as error:
            say(f"{error} Going on with the 8x8 digits of scikit-learn.")
    return data.digits()


def output_table(title: str, probabilities: np.ndarray, labels: np.ndarray) -> Table:
    """Return the slide's table of predictions: a row an image, its class, its label and its loss."""
    table = Table("image", *map(str, range(10)), "class", "label", "loss", title=title, box=None, padding=(0, 1, 0, 0))
    for image, (row, label) in enumerate(zip(probabilities, labels, strict=True)):
        loss = abs(math.log(row[label])) if row[label] else math.inf
        table.add_row(str(image), *(f"{p:.1f}" for p in row), str(row.argmax()), str(label), f"{loss:.3f}")
    return table


def flow(x: np.ndarray, probabilities: np.ndarray, labels: np.ndarray):
    """Draw an image, the matrix of the batch, and its output beside its labels."""
    side = math.isqrt(x.shape[1])
    figure = pictures.canvas(11, 7.6)
    axes = figure.subplot_mosaic([["image", "batch", "batch"], ["output", "output", "labels"]])
    axes["image"].imshow(x[0].reshape(side, side), cmap="gray_r")
    axes["image"].set(title=f"image 0: {side} x {side} pixels", xlabel="column", ylabel="row")
    axes["batch"].imshow(x, cmap="gray_r", aspect="auto", interpolation="nearest")
    axes["batch"].set(title=f"the batch: {len(x)} x {side * side}, a row an image", xlabel="pixel", ylabel="image")
    names = {"output": "the network's output: 10 x 10 probabilities", "labels": "the labels: 10 x 10, one 1 a row"}
    for name, rows in (("output", probabilities), ("labels", np.asarray(data.one_hot(labels, 10)))):
        axes[name].imshow(rows, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for (row, column), p in np.ndenumerate(rows):
            text = f"{p:.2f}" if name == "output" else f"{p:.0f}"
            axes[name].text(column, row, text, ha="center", va="center", color="white" if p > 0.5 else "0.35", size=8)
        axes[name].set(title=names[name], xlabel="class", ylabel="image", xticks=range(10))
    for name in ("batch", "output", "labels"):
        axes[name].set_yticks(range(len(x)))
    return figure


def run(settings: Settings) -> dict[str, float]:
    """Print the slide's tables and ours, train the lecture's network, draw the flow and the confusion matrix."""
    if settings.epochs < 1:
        raise ValueError(f"epochs = {settings.epochs}, wanted at least 1.")
    counts = show("the slide's sizes, classes and losses", numbers())
    dataset, recipe = load(settings), mnist.small()
    net, (images, labels) = recipe.net, dataset.train
    x, y = np.asarray(images[:10]), np.asarray(labels[:10])

    def loss(params, state, batch, key):
        logits, state = net.apply(params, state, batch.x, key=key, train=True)
        return rules.softmax_cross_entropy(logits, batch.y), (state, {"accuracy": accuracy(logits, batch.y)})

    options = {"epochs": settings.epochs, "batch_size": recipe.batch_size, "key": key(settings.seed)}
    result = fit(settings.out, net, loss, recipe.optimizer, dataset.train, evaluate=dataset.test, **options)
    logits = train.predict(net, result.params, result.state, x)
    probabilities = np.asarray(rules.softmax(logits))
    console.print(output_table("the slide's predictions and labels", slide_rows(), np.array(LABELS)))
    console.print(output_table("ours, of the first ten images", probabilities, y))
    save(flow(x, probabilities, y), settings.out / "flow")
    outputs = train.predict(net, result.params, result.state, dataset.test.x)
    confusion = np.asarray(train.confusion_matrix(outputs, np.asarray(dataset.test.y)))
    save(pictures.confusion_matrix(confusion), settings.out / "confusion")
    return {
        **counts,
        "batch_loss": float(rules.softmax_cross_entropy(logits, jnp.asarray(y))),
        "batch_right": int((probabilities.argmax(1) == y).sum()),
        "iterations_an_epoch": math.ceil(len(images) / recipe.batch_size),
        "test_accuracy": result.history.values("test_accuracy")[-1],
    }
