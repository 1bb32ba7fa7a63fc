"""What a convolution looks for, what it finds, and what a network says of each pixel."""

import math
from typing import Any

import numpy as np

from fnn.inspect.pictures.arrays import finite, numbers
from fnn.inspect.pictures.canvas import Figure, canvas
from fnn.inspect.pictures.images import image_grid
from fnn.inspect.pictures.regions import COLOURS

RED = (0.84, 0.15, 0.16)


def filters(w: Any, *, title: str = "") -> Figure:
    """Draw the windows of a first convolution, one for each of its features: w (height, width, channels, features).

    Of one channel red adds to the feature and blue subtracts, each window scaled to its own largest weight. Of three
    channels the windows are colours: grey is zero, and each is scaled in the same way.

    Raises ValueError for weights of another shape, of another number of channels, or that are not finite.
    """
    w = finite("w", w, "height width channels features").astype(np.float64)
    channels, features = w.shape[2:]
    if channels not in (1, 3):
        raise ValueError(f"w has {channels} channels, wanted 1 (grey) or 3 (red, green, blue), as an image has.")
    columns = math.ceil(math.sqrt(2 * features))
    if channels == 1:
        title = title or f"the windows of {features} features: red adds, blue subtracts"
        return image_grid(w[:, :, 0].transpose(2, 0, 1), title=title, columns=columns, symmetric=True)
    colours = 0.5 + 0.5 * w / np.maximum(np.abs(w).max((0, 1, 2)), np.finfo(np.float64).tiny)
    rows = math.ceil(features / columns)
    figure = canvas(0.63 * columns + 0.2, 0.63 * rows + 0.5)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel in panels:
        panel.set_axis_off()
    for panel, window in zip(panels, colours.transpose(3, 0, 1, 2), strict=False):
        panel.imshow(window)
    figure.suptitle(title or f"the windows of {features} features: grey is zero", fontsize=11)
    return figure


def feature_maps(images: Any, maps: Any, *, title: str = "", most: int = 16) -> Figure:
    """Draw images and beside each what the features find in it, a column a feature: dark is much, white nothing.

    images (count, height, width) and maps (count, rows, columns, features), the output of a layer for them. Each
    feature is scaled to its own largest value over all images, so a column shows in which image it finds more; what
    is below zero is blue. Of more than `most` features there are the first.

    Raises ValueError for arrays of other shapes, that disagree about the count, or that are not finite.
    """
    images, maps = finite("images", images, "count height width"), finite("maps", maps, "count rows columns features")
    if len(images) != len(maps):
        raise ValueError(f"there are {len(images)} images and maps of {len(maps)}: wanted those of each image.")
    if most < 1:
        raise ValueError(f"most = {most}, wanted 1 or more.")
    count, features = len(maps), maps.shape[-1]
    shown = maps[..., :most].astype(np.float64)
    figure = canvas(0.66 * (shown.shape[-1] + 1) + 0.3, 0.66 * count + 0.6)
    panels = figure.subplots(count, shown.shape[-1] + 1, squeeze=False)
    largest = np.maximum(np.abs(shown).max((0, 1, 2)), np.finfo(np.float64).tiny)
    signed = shown.min() < 0
    look = {"cmap": "bwr", "vmin": -1, "vmax": 1} if signed else {"cmap": "gray_r", "vmin": 0, "vmax": 1}
    for image, row, drawn in zip(images, shown / largest, panels, strict=True):
        drawn[0].imshow(image, cmap="gray_r")
        for feature, axes in enumerate(drawn[1:]):
            axes.imshow(row[:, :, feature], **look)
    for axes in panels.flat:
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(color="0.8", linewidth=0.6)
    panels[0][0].set_title("image", fontsize=8)
    for feature, axes in enumerate(panels[0][1:]):
        axes.set_title(str(feature), fontsize=8)
    part = "" if shown.shape[-1] == features else f", the first {most} of {features}"
    figure.suptitle(title or f"what the features find{part}", fontsize=11)
    return figure


def segmentations(images: Any, labels: Any, answers: Any, *, title: str = "", columns: int = 2) -> Figure:
    """Draw images with the class of each pixel: the image, its labels, the answers, and where these are wrong.

    images (count, height, width), from 0 (black) to 1 (white), or (count, height, width, 3) in [0, 1]; labels and
    answers (count, height, width) whole numbers from 0, which is background and white. Wrong pixels are red; under
    them is the share of right ones.

    Raises ValueError for arrays of other shapes, that disagree, that are not finite, or that hold no whole numbers.
    """
    colourful = np.ndim(images) == 4
    images = finite("images", images, "count height width 3" if colourful else "count height width")
    named = {"labels": labels, "answers": answers}
    classes = {name: numbers(name, values, "count height width") for name, values in named.items()}
    for name, values in classes.items():
        if values.shape != images.shape[:3] or not np.issubdtype(values.dtype, np.integer) or values.min() < 0:
            raise ValueError(
                f"{name} are {values.dtype} of shape {values.shape}, from {values.min()}: wanted whole numbers from "
                f"0 on, one for each pixel, {images.shape[:3]}."
            )
    if columns < 1:
        raise ValueError(f"columns = {columns}, wanted 1 or more.")
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    figure = canvas(3.6 * columns + 0.1, 1.15 * rows + 0.55)
    parts = figure.subfigures(rows, columns, squeeze=False).ravel()
    wrong = classes["labels"] != classes["answers"]
    for position, part in enumerate(parts[: len(images)]):
        panels = part.subplots(1, 4)
        panels[0].imshow(images[position], cmap="gray", vmin=0, vmax=1)
        for panel, values in zip(panels[1:3], classes.values(), strict=True):
            panel.imshow(_painted(values[position]))
        panels[3].imshow(np.where(wrong[position][..., None], np.asarray(RED), 1.0))
        heads = ("image", "labels", "answers", "wrong") if position < columns else ("",) * 4
        for panel, head in zip(panels, heads, strict=True):
            panel.set(xticks=[], yticks=[])
            panel.set_title(head, fontsize=8)
        panels[3].set_xlabel(f"{1 - wrong[position].mean():.1%} right", fontsize=7)
    figure.suptitle(title or f"{1 - wrong.mean():.2%} of the pixels are right", fontsize=11)
    return figure


def _painted(classes: np.ndarray) -> np.ndarray:
    """Return an image of the classes: 0 is white, the others have the colours of `decision_regions`."""
    from matplotlib.colors import to_rgb

    table = np.array([(1.0, 1.0, 1.0), *(to_rgb(colour) for colour in COLOURS)])
    return table[np.where(classes == 0, 0, 1 + (classes - 1) % len(COLOURS))]
