"""Three levels of BLAS: what each does with a byte, and how fast that is.

    python -m experiments course.blas

Source: 002_342234af0f95f09b.txt, slides "Computational Intensity = FLOPS/ Memory Access", "Memory hierarchy" and
"Level 1, 2 and 3 BLAS".
Wall time: 10 s. Expect: levels 1 and 2 at the speed of the memory, level 3 at the speed of the arithmetic; the share
of the peak is that of the lecture's P100, near 1, 3 and 96 of 100.

The lecture's rates and our counts give the speed of its memory: 52 GFLOP/s of level 1 are 624 GB/s, and 145 GFLOP/s
of level 2 are 580 GB/s. Two rates, one memory: that is what "memory bound" means.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from rich.table import Table

from experiments.benchmarks.measure import interleave
from experiments.course.gemm import device, into
from experiments.runner import console, save
from fnn.inspect.pictures.canvas import canvas

LECTURE_PEAK = 4700
"""GFLOP/s of the slide's Nvidia P100 in float64."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.blas`."""

    vector: int = 16_000_000
    """Numbers in the vectors of level 1: more than a cache holds."""
    matrix: int = 5_000
    """Rows and columns of the matrix of level 2: more than a cache holds."""
    product: int = 3_000
    """Rows and columns of the matrices of level 3."""
    rounds: int = 7
    """How often each is timed."""
    seed: int = 0
    """Seed of the numbers."""
    out: Path = Path("runs/course/blas")
    """Folder for the picture and the metrics."""


class Level(NamedTuple):
    """One operation of BLAS, on float64, and what it costs at its size."""

    name: str
    function: Callable[..., Any]
    """The operation on its arguments."""
    shapes: tuple[tuple[int, ...], ...]
    """Of the arguments; the last of them is what the result replaces."""
    flops: int
    """A multiplication and an addition are two."""
    numbers: int
    """How many are read and written, each once."""
    lecture: int
    """GFLOP/s that the slide prints."""

    @property
    def intensity(self) -> float:
        """FLOP a byte, at 8 bytes a number."""
        return self.flops / (8 * self.numbers)


def levels(settings: Settings) -> tuple[Level, Level, Level]:
    """Return the three operations at their sizes: y = a x + y,  y = A x + y,  C = A B + C.

        level 1: 2 n FLOP on 3 n numbers,   level 2: 2 n² on n² + 3 n,   level 3: 2 n³ on 4 n²

    >>> [round(level.intensity, 3) for level in levels(Settings())]     # O(1), O(1) and O(n) FLOP a byte
    [0.083, 0.25, 187.5]
    """
    v, m, p = settings.vector, settings.matrix, settings.product
    return (
        Level("1: y = 0.9 x + y", lambda x, y: 0.9 * x + y, ((v,), (v,)), 2 * v, 3 * v, 52),
        Level("2: y = A x + y", lambda a, x, y: a @ x + y, ((m, m), (m,), (m,)), 2 * m**2, m**2 + 3 * m, 145),
        Level("3: C = A B + C", lambda a, b, c: a @ b + c, ((p, p),) * 3, 2 * p**3, 4 * p**2, 4503),
    )


def measure(found: tuple[Level, ...], rounds: int, seed: int) -> list[float]:
    """Return the seconds of each level, after its result was compared with NumPy's."""
    generator = np.random.default_rng(seed)
    programs, starts = {}, {}
    for level in found:
        arguments = [generator.random(shape) for shape in level.shapes]
        here = [jnp.asarray(argument) for argument in arguments]
        programs[level.name], starts[level.name] = into(level.function, *here)
        starts[level.name] = programs[level.name](starts[level.name])
        np.testing.assert_allclose(starts[level.name], level.function(*arguments), rtol=1e-11)
    return [median(seconds) for seconds in interleave(programs, starts, rounds).values()]


def draw(found: tuple[Level, ...], rates: list[float], bandwidth: float) -> Any:
    """Draw the rates as bars, ours and the slide's, and what levels 1 and 2 would do at one bandwidth, in GB/s."""
    figure = canvas(7, 4.2)
    axes = figure.subplots()
    places = np.arange(3)
    for shift, values, name, colour in (
        (-0.2, rates, f"here: {device()}", "C0"),
        (0.2, [level.lecture for level in found], "lecture: Nvidia P100", "0.6"),
    ):
        bars = axes.bar(places + shift, values, 0.38, color=colour, label=name)
        axes.bar_label(bars, [f"{value:.4g}" for value in values], padding=2)
    for place, level in enumerate(found[:2]):
        roof = bandwidth * level.intensity
        name = f"here, at {bandwidth:.3g} GB/s" if place == 0 else "_"  # one line in the legend
        axes.hlines(roof, place - 0.4, place, color="C3", lw=2, label=name)
    axes.axhline(LECTURE_PEAK, color="0.6", ls="--", lw=1, label="the P100's peak")
    axes.set_yscale("log")
    axes.set_ylim(min(rates) / 3, 4 * LECTURE_PEAK)
    axes.set_xticks(places, [f"level {level.name}\n{level.intensity:.3g} FLOP a byte" for level in found])
    axes.set(ylabel="GFLOP/s, float64", title="The three levels of BLAS")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure


def run(settings: Settings) -> dict[str, float]:
    """Count, check and time the three levels; print and draw them beside the lecture's."""
    for name in ("vector", "matrix", "product", "rounds"):
        if getattr(settings, name) < 1:
            raise ValueError(f"{name} = {getattr(settings, name)}, wanted 1 or more.")
    found = levels(settings)
    with jax.enable_x64(True), jax.default_matmul_precision("highest"):
        seconds = measure(found, settings.rounds, settings.seed)
    rates = [level.flops / s / 1e9 for level, s in zip(found, seconds, strict=True)]
    bandwidths = [8 * level.numbers / s / 1e9 for level, s in zip(found, seconds, strict=True)]
    table = Table("float64", *(level.name for level in found), title=f"BLAS on {device()}", title_justify="left")
    for name, values in (
        ("FLOP", (f"{level.flops:.3g}" for level in found)),
        ("bytes", (f"{8 * level.numbers:.3g}" for level in found)),
        ("FLOP a byte", (f"{level.intensity:.3g}" for level in found)),
        ("GFLOP/s here", (f"{rate:.3g}" for rate in rates)),
        ("GB/s here", (f"{bandwidth:.3g}" for bandwidth in bandwidths)),
        ("share of level 3", (f"{rate / rates[2]:.1%}" for rate in rates)),
        ("lecture, GFLOP/s", (str(level.lecture) for level in found)),
        ("lecture, GB/s", (f"{level.lecture / level.intensity:.0f}" for level in found[:2])),
        (f"lecture, share of {LECTURE_PEAK}", (f"{level.lecture / LECTURE_PEAK:.1%}" for level in found)),
    ):
        table.add_row(name, *values)
    console.print(table)
    save(draw(found, rates, max(bandwidths[:2])), settings.out / "levels")
    return {f"level_{i}_gflops": rate for i, rate in enumerate(rates, 1)}
