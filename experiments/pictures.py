"""Pictures of what a network answers: the confusion matrix, and grids of images with a line of text under each."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Integer
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

GAP = 0.15
"""The space between images, as a share of an image."""
LINE = 0.17
"""The height of a line of text, as a share of an image."""


def confusion_matrix(
    counts: Integer[np.ndarray, "classes classes"], path: Path, *, names: Sequence[str] | None = None
) -> Path:
    """Draw the counts of (label, answer), rows labels and columns answers, with the number in each cell; return `path`.

    A cell's colour is its share of its row, by the root, so that one error in a hundred is seen.
    """
    classes = len(counts)
    names = [str(label) for label in range(classes)] if names is None else names
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure = Figure(figsize=(1.8 + 0.55 * classes, 1.6 + 0.55 * classes), layout="constrained")
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", norm=PowerNorm(0.5, 0, 1))
    for (label, answer), count in np.ndenumerate(counts):
        right = label == answer
        colour = "white" if share[label, answer] > 0.3 else "black" if count else "0.8"
        axes.text(answer, label, str(count), ha="center", va="center", color=colour, weight="bold" if right else None)
    turned = {"rotation": 45, "ha": "right"} if max(map(len, names)) > 2 else {}
    axes.set_xticks(range(classes), names, **turned)
    axes.set_yticks(range(classes), names)
    axes.set_xlabel("the network's answer")
    axes.set_ylabel("label")
    right, total = int(np.trace(counts)), int(counts.sum())
    axes.set_title(f"{right} of {total} right, {right / max(total, 1):.2%}")
    figure.savefig(path, dpi=120)
    return path


def image_grid(
    images: Float[np.ndarray, "count height width"],
    path: Path,
    *,
    title: str,
    texts: Sequence[str] = (),
    columns: int = 8,
    symmetric: bool = False,
) -> Path:
    """Draw the images in rows of `columns`, each with its text of one or two lines under it; return `path`.

    Images are grey, dark ink on white, each scaled to its own range; `symmetric` draws signed values instead, blue
    below zero, white at zero and red above. Without images there is only the title.
    """
    count = len(images)
    columns = max(1, min(columns, count))
    rows = math.ceil(count / columns)
    lines = max((text.count("\n") + 1 for text in texts), default=0)
    step_x, step_y = 1 + GAP, 1 + GAP + LINE * lines
    inches = 1.15 if texts else 0.55
    size = (max(columns * step_x * inches, 0.09 * len(title)) + 0.2, rows * step_y * inches + 0.5)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_title(title, fontsize=11, pad=10)
    for position, image in enumerate(images):
        row, column = divmod(position, columns)
        left, top = column * step_x, row * step_y
        largest = float(np.abs(image).max()) or 1.0
        look = ("bwr", -largest, largest) if symmetric else ("gray_r", 0.0, largest)
        colours, low, high = look
        axes.imshow(image, cmap=colours, vmin=low, vmax=high, extent=(left, left + 1, top + 1, top))
        if texts:
            axes.text(left + 0.5, top + 1.03, texts[position], ha="center", va="top", fontsize=8)
    axes.set_xlim(-GAP, columns * step_x)
    axes.set_ylim(max(rows, 1) * step_y - GAP, 0)
    axes.set_aspect("equal")
    figure.savefig(path, dpi=120, bbox_inches="tight")
    return path


def mistakes(
    images: Float[np.ndarray, "count height width"],
    labels: Integer[np.ndarray, " count"],
    probabilities: Float[np.ndarray, "count classes"],
    path: Path,
    *,
    names: Sequence[str] | None = None,
    most: int = 40,
) -> Path:
    """Draw the images that are answered wrongly, the surest mistakes first and at most `most`; return `path`.

    Under each stand its label, and the network's answer with the probability that the network gave it.
    """
    names = [str(label) for label in range(probabilities.shape[1])] if names is None else names
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
    return image_grid(images[drawn], path, title=title, texts=texts)
