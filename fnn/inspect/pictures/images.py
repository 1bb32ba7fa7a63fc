"""Grids of small images: what a network is shown, where it errs, and what its weights look for."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fnn.data import one_hot
from fnn.inspect.pictures.arrays import finite, numbers
from fnn.inspect.pictures.canvas import Figure, canvas

GAP = 0.15
"""The space between images, as a share of an image."""
LINE = 0.17
"""The height of a line of text, as a share of an image."""


def image_grid(
    images: Any, *, title: str, texts: Sequence[str] = (), columns: int = 8, symmetric: bool = False
) -> Figure:
    """Draw images (count, height, width) in rows of `columns`, each with its text of one or two lines under it.

    Images are grey, dark ink on white, each scaled to its own range; `symmetric` draws signed values instead, blue
    below zero, white at zero and red above. Without images there is only the title.

    Raises ValueError for images of another shape or that are not finite, and for another number of texts.
    """
    images = numbers("images", images, "count height width")
    count = len(images)
    if count:
        finite("images", images, "count height width")
    if texts and len(texts) != count:
        raise ValueError(f"there are {len(texts)} texts for {count} images: wanted one for each, or none.")
    if columns < 1:
        raise ValueError(f"columns = {columns}, wanted 1 or more.")
    columns = max(1, min(columns, count))
    rows = math.ceil(count / columns)
    lines = max((text.count("\n") + 1 for text in texts), default=0)
    step_x, step_y = 1 + GAP, 1 + GAP + LINE * lines
    inches = 1.15 if texts else 0.55
    figure = canvas(max(columns * step_x * inches, 0.09 * len(title)) + 0.2, rows * step_y * inches + 0.5)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_title(title, fontsize=11, pad=10)
    for position, image in enumerate(images):
        row, column = divmod(position, columns)
        left, top = column * step_x, row * step_y
        largest = float(np.abs(image).max()) or 1.0
        colours, low, high = ("bwr", -largest, largest) if symmetric else ("gray_r", 0.0, largest)
        axes.imshow(image, cmap=colours, vmin=low, vmax=high, extent=(left, left + 1, top + 1, top))
        if texts:
            axes.text(left + 0.5, top + 1.03, texts[position], ha="center", va="top", fontsize=8)
    axes.set_xlim(-GAP, columns * step_x)
    axes.set_ylim(max(rows, 1) * step_y - GAP, 0)
    axes.set_aspect("equal")
    return figure


def mistakes(
    images: Any, labels: Any, probabilities: Any, *, names: Sequence[str] | None = None, most: int = 40
) -> Figure:
    """Draw the images that are answered wrongly, the surest mistakes first and at most `most`.

    images (count, height, width), labels (count,) and probabilities (count, classes). Under each image stand its
    label, and the network's answer with the probability that the network gave it.

    Raises ValueError for arrays of other shapes, that disagree about the count, or that are not finite.
    """
    images, labels = numbers("images", images, "count height width"), numbers("labels", labels, "count")
    probabilities = finite("probabilities", probabilities, "count classes")
    if not len(images) == len(labels) == len(probabilities):
        raise ValueError(
            f"there are {len(images)} images, {len(labels)} labels and {len(probabilities)} rows of probabilities: "
            "wanted one of each for each image."
        )
    classes = probabilities.shape[1]
    one_hot(labels, classes)  # raises for a label that is no class
    names = [str(label) for label in range(classes)] if names is None else names
    if len(names) != classes:
        raise ValueError(f"names has {len(names)} names, wanted one for each of {classes} classes.")
    answers, sure = probabilities.argmax(1), probabilities.max(1)
    wrong = np.flatnonzero(answers != labels)
    drawn = wrong[np.argsort(-sure[wrong], kind="stable")][:most]
    texts = [
        f"label {names[label]}\nanswer {names[answer]} ({probability:.0%})"
        for label, answer, probability in zip(*(a[drawn].tolist() for a in (labels, answers, sure)), strict=True)
    ]
    if len(wrong) == 0:
        title = f"none of {len(labels)} test images is answered wrongly"
    else:
        part = "" if len(drawn) == len(wrong) else f"; the {len(drawn)} surest"
        title = f"{len(wrong)} of {len(labels)} test images are answered wrongly{part}"
    return image_grid(images[drawn], title=title, texts=texts)


def weights(w: Any, shape: tuple[int, int], *, title: str = "") -> Figure:
    """Draw the weights of each unit as an image: w (in_features, units), with in_features = height · width = `shape`.

    Red adds to the unit, blue subtracts; each unit is scaled to its own largest weight.

    Raises ValueError for weights of another shape or that are not finite.
    """
    w = finite("w", w, "in_features units")
    if len(w) != math.prod(shape):
        raise ValueError(f"w has {len(w)} input features, and an image of shape {shape} has {math.prod(shape)} pixels.")
    units = w.shape[1]
    columns = math.ceil(math.sqrt(2 * units))
    title = title or f"weights of {units} units: red adds, blue subtracts"
    return image_grid(w.T.reshape(units, *shape), title=title, columns=columns, symmetric=True)
