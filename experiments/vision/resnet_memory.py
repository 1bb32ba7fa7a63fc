"""ResNet's memory in training: autodiff, fnn's rules, recomputed blocks

    python -m experiments resnet_memory

Source: 000_7abd68c40c0610f4.txt, slide "Training summary": ResNet-50 in float16 with a batch of 256 takes about 15 GB,
about 12 GB of it activations.
Hardware: two CPU cores, and none of the memory: nothing is run. Wall time: 20 s.
Expect: 11.6 GB of outputs, the lecture's 12; 44 GB that JAX's autodiff of the same layers keeps (35 GB of the same
network in Flax, counted likewise): batch norm's intermediate results in float32, masks of ReLU, tiles of
convolutions; 10.8 GB by fnn's rules; 3.8 GB, and 1.6 GB more at a time, with recomputed blocks.

What is counted, `fnn.inspect.memory` says. An output is counted once, activations and residual sums in place: the
output of each convolution and that of its batch norm. From about 12 to about 15 GB the lecture's count goes on with
what no layer keeps, cotangents on their way back and the scratch of the convolutions.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
from rich.table import Table

from experiments.runner import console, save
from fnn import inspect, models, optim
from fnn.inspect import pictures
from fnn.inspect.memory import MemoryRow, size

COLUMNS = {
    "outputs": "all outputs",
    "autodiff": "JAX's autodiff",
    "kept": "fnn's rules",
    "recomputed": "recomputed blocks",
}
"""The ways of counting, by the names that the metrics have."""
KINDS = {
    "conv": "convolutions",
    "batch_norm": "batch norm",
    "relu": "ReLU",
    "max_pool": "max-pool",
    "recompute": "inputs of blocks",
}
"""What a layer's name is called in the tables; all others are "others"."""
Counts = dict[str, list[int]]
"""Bytes by kind or by stage, a number for each of COLUMNS."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `resnet_memory`."""

    model: Literal["resnet18", "resnet34", "resnet50"] = "resnet50"
    """Which network."""
    batch: int = 256
    """Images of a step."""
    side: int = 224
    """Pixels of an image in each direction."""
    dtype: Literal["float16", "bfloat16", "float32"] = "float16"
    """In which the network computes; the optimizer keeps its own copy of the parameters in float32."""
    out: Path = Path("runs/resnet_memory")
    """Folder for the pictures and the metrics."""


def run(settings: Settings) -> dict[str, float]:
    """Count, print the tables by stage, by kind and of the whole step, draw them, and return them in GB."""
    if settings.batch < 1 or settings.side < 32:
        raise ValueError(f"batch = {settings.batch}, side = {settings.side}: wanted at least 1 and at least 32 pixels.")
    saved, again = (count(settings, recompute) for recompute in (False, True))
    title = f"{settings.model}, {settings.dtype}, batch {settings.batch}, {settings.side} x {settings.side}"
    stages, kinds = (grouped(saved, again, name) for name in (stage, kind))
    show(f"{title}: activations kept, by stage", stages)
    show(f"{title}: activations kept, by kind of layer", kinds)
    whole = step(saved, again)
    show(f"{title}: a training step", whole)
    draw(kinds, whole, title, settings.out)
    return {
        **{f"activations_{name}": number / 1e9 for name, number in zip(COLUMNS, totals(stages), strict=True)},
        **{f"total_{name}": number / 1e9 for name, number in zip(COLUMNS, totals(whole), strict=True)},
        "kept_over_autodiff": saved.kept / saved.autodiff,
        "recomputed_over_autodiff": (again.kept + again.again) / saved.autodiff,
    }


def count(settings: Settings, recompute: bool) -> inspect.Memory:
    """Count the memory of a step, with the activations of the blocks kept or recomputed."""
    net = getattr(models, settings.model)(recompute=recompute)
    dtype: Any = jnp.dtype(settings.dtype)
    x = jax.ShapeDtypeStruct((settings.batch, settings.side, settings.side, 3), dtype)
    return inspect.memory(net, x, optimizer=optim.mixed_precision(optim.momentum(0.1, 0.9), dtype))


def stage(row: MemoryRow) -> str:
    """Return which part of the network a row belongs to."""
    number = int(re.findall(r"\d+", row.layer)[0])
    return {0: "stem"}.get(number, f"stage {number}" if number < 5 else "head")


def kind(row: MemoryRow) -> str:
    """Return what kind of layer a row is of."""
    return KINDS.get(row.layer.rsplit(".", 1)[-1], "others")


def grouped(saved: inspect.Memory, again: inspect.Memory, name: Callable[[MemoryRow], str]) -> Counts:
    """Sum what is kept by the name of its layer; the input is an output too, which the first convolution keeps."""
    counts: Counts = {}
    for memory, columns in ((saved, ("outputs", "autodiff", "kept")), (again, ("", "", "", "kept"))):
        for row in memory.rows:
            sums = counts.setdefault(name(row), [0] * len(COLUMNS))
            for i, column in enumerate(columns):
                sums[i] += getattr(row, column) if column else 0
    counts[name(saved.rows[0])][0] += saved.input
    return {name: sums for name, sums in counts.items() if any(sums)}


def step(saved: inspect.Memory, again: inspect.Memory) -> Counts:
    """Return what a whole training step holds, part by part."""
    return {
        "parameters": [saved.parameters] * 4,
        "gradients": [saved.gradients] * 4,
        "optimizer": [saved.optimizer] * 4,
        "running statistics": [saved.state] * 4,
        "activations": [saved.outputs, saved.autodiff, saved.kept, again.kept],
        "one block again": [0, 0, 0, again.again],
    }


def show(title: str, counts: Counts) -> None:
    """Print bytes as a table, a column for each way of counting, with their sums."""
    table = Table("", *COLUMNS.values(), title=title, title_justify="left", show_footer=True)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, numbers in counts.items():
        table.add_row(name, *map(size, numbers))
    for column, name in zip(table.columns, ("total", *map(size, totals(counts))), strict=True):
        column.footer = name
    console.print(table)


def totals(counts: Counts) -> list[int]:
    """Return the sum of each column."""
    return [sum(column) for column in zip(*counts.values(), strict=True)]


def draw(kinds: Counts, whole: Counts, title: str, out: Path) -> None:
    """Draw what a step holds in each way as a bar, the activations by kind of layer, the rest in one piece."""
    parts = {name: numbers for name, numbers in kinds.items() if max(numbers) > 0.01 * max(totals(kinds))}
    rest = [total - sum(column) for total, column in zip(totals(kinds), zip(*parts.values(), strict=True), strict=True)]
    fixed = [sum(column) for column in zip(*(whole[name] for name in list(whole)[:4]), strict=True)]
    parts["one block, recomputed"] = whole["one block again"]
    parts["weights, gradients, optimizer, others"] = [a + b for a, b in zip(fixed, rest, strict=True)]
    figure = pictures.canvas(8.4, 3.6)
    axes = figure.subplots()
    left = [0.0] * len(COLUMNS)
    for name, numbers in parts.items():
        widths = [number / 1e9 for number in numbers]
        axes.barh(list(COLUMNS.values()), widths, left=left, label=name, height=0.62)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    for position, total in enumerate(left):
        axes.annotate(f"{total:.3g} GB", (total, position), (4, 0), textcoords="offset points", va="center")
    axes.invert_yaxis()
    axes.set(title=title, xlabel="memory of a training step (GB)", xlim=(0, 1.12 * max(left)))
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    save(figure, out / "memory")
