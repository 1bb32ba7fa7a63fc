"""A matrix product's FLOP/s against its size, for three dtypes.

    python -m experiments course.gemm

Source: 002_342234af0f95f09b.txt, slides "LAB 2" and "Level 1, 2 and 3 BLAS" (the exercises beneath it).
Wall time: 60 s. Expect: the rate climbs with N and then is flat, since a product does 2 N³ FLOP on 3 N² numbers;
float64 at half of the rate of float32, bfloat16 at twice where the processor multiplies it.

The slide's code divides 2*2*2*2 by the seconds for N = 2000: N in thousands, cubed, is in units of 10⁹, so that is
GFLOP/s. Its GPU time is one first call of torch.matmul without a wait for its end, which is no rate to compare with.
"""

import os
import platform
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.table import Table

from experiments.benchmarks.measure import interleave
from experiments.course.lecture import Number, show
from experiments.runner import console, save, say
from fnn import rules
from fnn.inspect.pictures.canvas import canvas

DTYPES: tuple[str, ...] = ("float32", "float64", "bfloat16")
LECTURE = {
    "lecture, NumPy float32": {2000: 67.77, 4000: 68.90, 6000: 70.18},
    "lecture, NumPy float64": {5000: 33.8},
    "lecture, GPU float32": {6000: 7077.0},
}
"""GFLOP/s that the slides print."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.gemm`."""

    sizes: tuple[int, ...] = (250, 500, 1000, 2000, 4000, 5000, 6000)
    """N of the products, ascending."""
    dtypes: tuple[str, ...] = DTYPES
    """Of float32, float64 and bfloat16."""
    rounds: int = 7
    """How often a product is timed at most; at least once, after one that is not counted."""
    budget: float = 75.0
    """Seconds for all of the products; what would not end in time is left out, and said."""
    seed: int = 0
    """Seed of the matrices."""
    out: Path = Path("runs/course/gemm")
    """Folder for the picture and the metrics."""


def gflops(n: int, seconds: float) -> float:
    """Return the rate of a product of two N x N matrices, 2 N³ FLOP, in GFLOP/s: N in thousands, as the slide has it.

    >>> gflops(5000, 7.4) == 2 * 5 * 5 * 5 / 7.4
    True
    """
    return 2 * (n / 1000) ** 3 / seconds


def numbers() -> list[Number]:
    """Divide as the slides do: the seconds that they print into 2 N³."""
    printed = [
        (2000, 0.2360849380493164, "67.7722184744277"),
        (4000, 1.8578176498413086, "68.8980428251037"),
        (6000, 6.155170440673828, "70.18489644824643"),
        (2000, 0.22870469093322754, "69.95921218192831"),
        (4000, 1.8288803100585938, "69.98817762759944"),
        (6000, 6.098201036453247, "70.84056386754575"),
        (6000, 6.029452800750732, "71.6482928510878"),
        (6000, 0.06104087829589844, "7077.224510202169"),
    ]
    lab = [Number(f"GFLOP/s, N {n}, {seconds:.4f} s", gflops(n, seconds), shown) for n, seconds, shown in printed]
    return [Number("GFLOP/s, N 5000, 7.4 s", gflops(5000, 7.4), "33.8"), *lab]


def device() -> str:
    """Return the name of what JAX computes on."""
    first = jax.devices()[0]
    if first.platform != "cpu":
        return first.device_kind
    try:
        named = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    except OSError:
        named = None
    return f"{named[1] if named else platform.processor() or platform.machine()}, {os.cpu_count()} cores"


def into(function: Callable[..., Any], *arguments: Any) -> tuple[Callable[[Any], Any], Any]:
    """Compile ``function(*arguments)`` so that its result is written over its last result, as BLAS does.

    Return the program, from result to result, and a first result, of zeros. If each call took new memory instead,
    the operating system would clear its pages, and that takes longer than an operation on vectors.
    """
    result = jax.eval_shape(function, *arguments)
    start = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), result)
    program = jax.jit(lambda _, *arguments: function(*arguments), donate_argnums=0, keep_unused=True)
    compiled = program.lower(start, *arguments).compile()
    return lambda last: compiled(last, *arguments), start


def programs(n: int, settings: Settings) -> tuple[dict[str, Callable[[Any], Any]], dict[str, Any]]:
    """Return the products of N x N matrices, fnn's in each dtype and NumPy's, and where each writes its first."""
    generator = np.random.default_rng(settings.seed)
    a, b = generator.random((n, n)), generator.random((n, n))
    found: dict[str, tuple[Callable[[Any], Any], Any]] = {}
    for name in settings.dtypes:
        x, y = jnp.asarray(a).astype(name), jnp.asarray(b).astype(name)
        found[f"fnn {name}"] = into(rules.matmul, x, y)
        if name != "bfloat16":
            x, y = a.astype(name), b.astype(name)
            found[f"NumPy {name}"] = (lambda c, x=x, y=y: np.dot(x, y, out=c)), np.zeros((n, n), name)
    return {name: program for name, (program, _) in found.items()}, {name: start for name, (_, start) in found.items()}


def check(settings: Settings, n: int = 256) -> dict[str, float]:
    """Return each program's largest error at N, a share of Σ |a| |b|. Raises ValueError where it is no rounding."""
    generator = np.random.default_rng(settings.seed)
    exact = generator.random((n, n)) @ generator.random((n, n))
    errors = {}
    for name, program in (made := programs(n, settings))[0].items():
        dtype = jnp.dtype(name.split()[1])
        inputs = 0 if dtype == jnp.float64 else float(jnp.finfo(dtype).eps)  # both inputs are rounded, and the result
        sums = float(jnp.finfo(jnp.float64 if dtype == jnp.float64 else jnp.float32).eps) * n**0.5
        errors[name] = float((np.abs(np.asarray(program(made[1][name]), np.float64) - exact) / exact).max())
        if errors[name] > 2 * inputs + 8 * sums:
            raise ValueError(f"{name}: the product is wrong by {errors[name]:.2g} of Σ |a| |b|; it is not timed.")
    return errors


def measure(settings: Settings) -> dict[str, dict[int, float]]:
    """Return GFLOP/s by program and N; say which products are left out because the budget would not hold them."""
    began, rates = time.perf_counter(), {}
    for n in settings.sizes:
        expected = {name: 2 * (n / 1000) ** 3 / by_size[max(by_size)] for name, by_size in rates.items()}
        left = settings.budget - (time.perf_counter() - began)
        while expected and 2 * sum(expected.values()) > left:
            slowest, all_of_them = max(expected, key=expected.__getitem__), 2 * sum(expected.values())
            say(
                f"{slowest}, N {n}, is left out: of the {all_of_them:.0f} s that this N would take it is "
                f"{2 * expected.pop(slowest):.0f} s, and {left:.0f} s of the budget are left."
            )
        if rates and not expected:
            continue
        made, start = programs(n, settings)
        made = {name: program for name, program in made.items() if not rates or name in expected}
        total = sum(expected.values())
        rounds = min(settings.rounds, max(1, int(0.1 * left / total))) if total else settings.rounds
        for name, seconds in interleave(made, start, rounds).items():
            rates.setdefault(name, {})[n] = gflops(n, median(seconds))
    return rates


def draw(rates: dict[str, dict[int, float]]) -> Any:
    """Draw GFLOP/s against N, the lecture's in grey."""
    figure = canvas(8, 4.8)
    axes = figure.subplots()
    colours: dict[str, str] = dict(zip(DTYPES, ("C0", "C3", "C2"), strict=True))
    for name, by_size in rates.items():
        style = "o-" if name.startswith("fnn") else "s--"
        axes.loglog(list(by_size), list(by_size.values()), style, color=colours[name.split()[1]], ms=4, label=name)
    for (name, by_size), marker in zip(LECTURE.items(), "xv*", strict=True):
        axes.loglog(list(by_size), list(by_size.values()), marker, color="0.35", ls=":", label=name)
    sizes = sorted({n for by_size in (*rates.values(), *LECTURE.values()) for n in by_size})
    axes.set_xticks([n for n in sizes if n != 5000], [str(n) for n in sizes if n != 5000])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.set(xlabel="N", ylabel="GFLOP/s = 2 N³ / time / 10⁹", title=f"A product of N x N matrices on {device()}")
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def run(settings: Settings) -> dict[str, float]:
    """Check the products, time them, print and draw their rates beside the lecture's."""
    if unknown := set(settings.dtypes) - set(DTYPES):
        raise ValueError(f"dtypes = {sorted(unknown)}, wanted some of {', '.join(DTYPES)}.")
    if not settings.sizes or list(settings.sizes) != sorted({n for n in settings.sizes if n > 0}):
        raise ValueError(f"sizes = {settings.sizes}, wanted numbers above 0 that ascend.")
    counts = show("the slides' own numbers", numbers())
    # float32 is to be float32: a GPU would else round what it multiplies to ten bits.
    with jax.enable_x64(True), jax.default_matmul_precision("highest"):
        errors = check(settings)
        rates = measure(settings)
    table = Table("N", *map(str, settings.sizes), "error", title=f"GFLOP/s on {device()}", title_justify="left")
    for name, by_size in {**rates, **LECTURE}.items():
        row = (f"{by_size[n]:.0f}" if n in by_size else "" for n in settings.sizes)
        table.add_row(name, *row, f"{errors[name]:.1g}" if name in errors else "")
    console.print(table)
    save(draw(rates), settings.out / "gemm")
    best = {f"{name.replace(' ', '_')}_gflops": max(by_size.values()) for name, by_size in rates.items()}
    return {**counts, **best}
