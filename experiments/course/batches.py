"""A mini-batch is one matrix product: the lecture's columns, our rows.

    python -m experiments course.batches

Source: 000_7abd68c40c0610f4.txt, slides "Forward propagation" and "Backward propagation"; 003_9c929969f18cf115.txt,
slides "Batch learning" and "Computational parameters for DNN"; 002_342234af0f95f09b.txt, slides "TensorFlow 2.0 : NN
Network" and "Tensorflow Example".
Wall time: 3 s. Expect: the two conventions give the same numbers, transposed; the counts agree.

In the lecture an input is a column, Y (3x2) = W (3x6) X (6x2), two columns being a mini-batch of two; here it is a row,
Y (2x3) = X (2x6) W (6x3), as it lies in memory, one example after the other.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from rich.table import Table

from experiments.course.lecture import Number, show
from experiments.runner import console, key, save
from fnn import inspect, layers, rules
from fnn.inspect import pictures


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.batches`."""

    examples: int = 2
    """Input vectors in the mini-batch."""
    inputs: int = 6
    """Length of an input vector."""
    outputs: int = 3
    """Units of the layer."""
    seed: int = 0
    """The numbers in the matrices."""
    out: Path = Path("runs/course/batches")
    """Folder for the picture and the metrics."""


class Layer(NamedTuple):
    """What goes through one layer in both directions; these are the shapes here, where an example is a row."""

    X: Float[Any, "examples inputs"]
    W: Float[Any, "inputs outputs"]
    Y: Float[Any, "examples outputs"]
    dY: Float[Any, "examples outputs"]
    dX: Float[Any, "examples inputs"]
    dW: Float[Any, "inputs outputs"]


def by_rows(x: Any, w: Any, dy: Any) -> Layer:
    """Return both passes of the rule `linear`, Y = X·W, dX = dY·Wᵀ and dW = Xᵀ·dY."""
    y, pull = jax.vjp(rules.linear, x, w)
    return Layer(x, w, y, dy, *pull(dy))


def by_columns(x: Any, w: Any, dy: Any) -> Layer:
    """Return the lecture's arrays, which are the transposes, by its formulas: W X, dY Xᵀ and Wᵀ dY."""
    X, W, dY = (np.asarray(array).T for array in (x, w, dy))
    return Layer(X, W, W @ X, dY, W.T @ dY, dY @ X.T)


def batches(total: int, size: int) -> int:
    """Return the number of batches of an epoch, total / size; the last one may be smaller."""
    return math.ceil(total / size)


def parameters(bias: bool) -> int:
    """Return how many parameters the lecture's 3-4-2 network has."""
    net = layers.serial(layers.dense(4, bias=bias), layers.sigmoid(), layers.dense(2, bias=bias))
    return inspect.summary(net, jax.ShapeDtypeStruct((1, 3), jnp.float32)).total.parameters


def numbers() -> list[Number]:
    """Count parameters and batches."""
    other = "the log is of batches of 32, Keras's default; the code beside it says batch_size=10"
    return [
        Number("parameters without bias, (3x4) + (4x2)", parameters(bias=False), "20"),
        Number("parameters with bias, (4x4) + (5x2)", parameters(bias=True), "26"),
        Number("batches of 10 in 60,000", batches(60_000, 10), "6000"),
        Number("batches of 32 in 60,000", batches(60_000, 32), "1875"),
        Number("batches of 32 in 10,000", batches(10_000, 32), "313"),
        Number("steps an epoch with batch_size=10", batches(60_000, 10), "1875", slip=other),
    ]


def draw(here: Layer, lecture: Layer):
    """Draw the products of both conventions, each entry a coloured square, as on the slide."""
    products = [
        ("the lecture", ("dY", lecture.dY), ("Xᵀ", lecture.X.T), ("dW", lecture.dW)),
        ("here", ("Xᵀ", here.X.T), ("dY", here.dY), ("dW", here.dW)),
        ("the lecture", ("Wᵀ", lecture.W.T), ("dY", lecture.dY), ("dX", lecture.dX)),
        ("here", ("dY", here.dY), ("Wᵀ", here.W.T), ("dX", here.dX)),
    ]
    figure = pictures.canvas(6.6, 7.6)
    axes = figure.subplots()
    top, right = 0.0, 0.0
    for whose, *matrices in products:
        tallest, left = max(len(matrix) for _, matrix in matrices), 4.5
        middle = top + 1.4 + tallest / 2
        axes.text(0, middle, whose, va="center")
        for (name, matrix), sign in zip(matrices, "×= ", strict=True):
            height, width = matrix.shape
            low, high, limit = middle - height / 2, middle + height / 2, np.abs(matrix).max()
            axes.imshow(matrix, cmap="RdBu_r", vmin=-limit, vmax=limit, extent=(left, left + width, high, low))
            axes.vlines(left + np.arange(width + 1), low, high, "0.5", linewidth=0.7)
            axes.hlines(low + np.arange(height + 1), left, left + width, "0.5", linewidth=0.7)
            axes.text(left + width / 2, low - 0.2, f"{name} ({height}×{width})", ha="center", va="bottom", fontsize=9)
            axes.text(left + width + 1, middle, sign, ha="center", va="center", fontsize=14)
            left, right = left + width + 2, max(right, left + width)
        top += tallest + 2.2
    axes.set(xlim=(0, right + 0.2), ylim=(top, 0))
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.set_title("red above zero, blue below: the same numbers, transposed", fontsize=10)
    return figure


def run(settings: Settings) -> dict[str, float]:
    """Do both passes in both conventions, compare the numbers, count parameters and batches, draw the products."""
    if min(settings.examples, settings.inputs, settings.outputs) < 1:
        sizes = settings.examples, settings.inputs, settings.outputs
        raise ValueError(f"examples, inputs and outputs are {sizes}, wanted at least 1 of each.")
    with jax.enable_x64(True):
        keys = jax.random.split(key(settings.seed), 3)
        shapes = (settings.examples, settings.inputs), (settings.inputs, settings.outputs)
        x, w = (jax.random.normal(k, shape) for k, shape in zip(keys, shapes, strict=False))
        dy = jax.random.normal(keys[2], (settings.examples, settings.outputs))
        here, lecture = by_rows(x, w, dy), by_columns(x, w, dy)
        each = [by_rows(x[i : i + 1], w, dy[i : i + 1]).dW for i in range(settings.examples)]
        here, each = jax.tree.map(np.asarray, (here, each))

    table = Table(
        "", "lecture", "here", "largest difference", title="one layer, both conventions", title_justify="left"
    )
    differences = {}
    for name, column, row in zip(Layer._fields, lecture, here, strict=True):
        differences[name] = float(np.abs(column.T - row).max())
        shapes = ("x".join(map(str, array.shape)) for array in (column, row))
        table.add_row(name, *shapes, f"{differences[name]:.1e}")
    differences["sum"] = float(np.abs(sum(each) - here.dW).max())
    table.add_row("dW as the sum of each example's", "", "", f"{differences['sum']:.1e}")
    console.print(table)
    counts = show("parameters and batches", numbers())
    save(draw(here, lecture), settings.out / "products")
    return {**counts, "largest_difference": max(differences.values())}
