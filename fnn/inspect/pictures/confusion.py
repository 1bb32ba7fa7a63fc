"""The confusion matrix: which class is taken for which."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fnn.inspect.pictures.arrays import finite
from fnn.inspect.pictures.canvas import Figure, canvas


def confusion_matrix(counts: Any, *, names: Sequence[str] | None = None) -> Figure:
    """Draw the counts of (label, answer), rows labels and columns answers, with the number in each cell.

    `counts` (classes, classes) is what `fnn.train.confusion_matrix` returns. A cell's colour is its share of its row,
    by the root, so that one error in a hundred is seen.

    Raises ValueError for counts that are not square, not integers or negative, and for another number of names.
    """
    counts = finite("counts", counts, "classes classes")
    classes = len(counts)
    if counts.shape[1] != classes or not np.issubdtype(counts.dtype, np.integer) or counts.min() < 0:
        raise ValueError(
            f"counts is {counts.dtype} of shape {counts.shape}, from {counts.min()}: wanted how often each label "
            "(row) got each answer (column), integers from 0 on, as many rows as columns."
        )
    names = [str(label) for label in range(classes)] if names is None else names
    if len(names) != classes:
        raise ValueError(f"names has {len(names)} names, wanted one for each of {classes} classes.")
    from matplotlib.colors import PowerNorm

    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure = canvas(1.8 + 0.55 * classes, 1.6 + 0.55 * classes)
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
    return figure
