"""The small pictures of the README's index of the course, made by the experiments themselves.

    python -m experiments gallery

Hardware: two CPU cores. Wall time: 3 min. Expect: a picture an experiment, under 600 kB together.
"""

import importlib
import math
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from experiments.runner import say

PICTURES = {
    "perceptron": "and",
    "neurons": "models",
    "and_neuron": "regions",
    "xor": "training",
    "regions": "spirals",
    "coffee": "answers",
    "losses": "losses",
    "gates": "four_gates",
    "sigmoid_graph": "sigmoid_gate",
    "line": "half_plane",
    "differentiation": "error",
    "chain_rule": "composite",
    "two_two_two": "graph",
    "exercise": "graph",
    "three_levels": "hidden",
    "ascent": "hill",
    "batches": "products",
    "batch_sizes": "paths",
    "momentum": "ravine",
    "local_minima": "basins",
    "learning_rates": "paths",
    "optimizers": "paths",
    "stopping": "stops",
    "vanishing": "layers",
    "initialisation": "tanh_gaussian",
    "normalisation": "descents",
    "regularisation": "regions",
    "regularised_gradient": "lengths",
    "blas": "levels",
    "blocking": "traffic",
    "gemm": "gemm",
    "roofline": "roofline",
    "backward_cost": "memory",
    "numpy_program": "losses",
    "mnist_flow": "flow",
}
"""Which picture of which experiment stands in the index, in the order of the course."""

COLUMNS = 4


@dataclass(frozen=True)
class Gallery:
    """Settings of the experiment `gallery`."""

    pictures: Path = Path("experiments/course/pictures")
    """Folder for the small pictures."""
    width: int = 480
    """Their width, in pixels."""
    colours: int = 128
    """How many colours each may have."""
    out: Path = Path("runs/gallery")
    """Folder for what the experiments write."""


def run(settings: Gallery) -> dict[str, float]:
    """Run every experiment of the course that has a picture in the index; shrink the pictures; print the index."""
    settings.pictures.mkdir(parents=True, exist_ok=True)
    size = 0
    for name, picture in PICTURES.items():
        experiment = importlib.import_module(f"experiments.course.{name}")
        out = settings.out / name
        out.mkdir(parents=True, exist_ok=True)
        experiment.run(experiment.Settings(out=out))
        small = settings.pictures / f"{name}.png"
        shrink(out / f"{picture}.png", small, settings.width, settings.colours)
        size += small.stat().st_size
    say(index(settings.pictures))
    return {"pictures": len(PICTURES), "kilobytes": math.ceil(size / 1000)}


def shrink(picture: Path, small: Path, width: int, colours: int) -> None:
    """Write the picture anew, that many pixels wide and with so few colours."""
    with Image.open(picture) as opened:
        ratio = min(1.0, width / opened.width)
        size = round(opened.width * ratio), round(opened.height * ratio)
        image = opened.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        # Not by the median cut, which gives thin lines the colour of their neighbours.
        image.quantize(colours, Image.Quantize.MAXCOVERAGE).save(small, optimize=True)


def index(folder: Path) -> str:
    """Return the README's table: a picture an experiment, which leads to its file.

    >>> print(index(Path("p")).splitlines()[2])
    | [![perceptron](p/perceptron.png)](experiments/course/perceptron.py)<br>`perceptron` | | | |
    """
    cells = [
        f" [![{name}]({(folder / name).as_posix()}.png)](experiments/course/{name}.py)<br>`{name}` "
        for name in PICTURES
    ]
    cells += [" "] * (-len(cells) % COLUMNS)
    rows = [cells[first : first + COLUMNS] for first in range(0, len(cells), COLUMNS)]
    return "\n".join(["| " * COLUMNS + "|", "|---" * COLUMNS + "|", *(f"|{'|'.join(row)}|" for row in rows)])
