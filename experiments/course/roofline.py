"""The machine's roofline, with the passes of fnn's own rules under it.

    python -m experiments course.roofline

Source: 002_342234af0f95f09b.txt, slides "Computational Intensity = FLOPS/ Memory Access" and "Memory hierarchy".
Wall time: 15 s. Expect: wide linear layers near the peak, Adam and the activations near the slope of the memory. What
computes an exp or draws random bits for each number is below it, for that is many instructions; on a CPU the layer of
ten outputs too, and furthest its backward, two products that XLA has no fast shape for.

FLOPs and bytes are XLA's counts of each compiled program: an exp counts as one, the integers of the random bits count
too, and a byte counts each time that a fused loop reads or writes it. A kernel can be above the memory's slope where
what one loop wrote is still in the cache for the next.
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
from experiments.course.gemm import device
from experiments.runner import console, key, save
from fnn import optim, rules
from fnn.check.residuals import flops
from fnn.inspect.pictures import roofline

PEAK, TRIAD = "matrix product", "triad y = x + 3 y"
"""The two programs that measure the roofs."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.roofline`."""

    rows: int = 16_384
    """Rows of the activations: the batch."""
    features: int = 1_024
    """Features of the activations, in and out of the layers."""
    classes: int = 10
    """Outputs of the thin layer, the last of a classifier."""
    product: int = 3_000
    """N of the matrix product that measures the peak."""
    rounds: int = 7
    """How often each program is timed."""
    seed: int = 0
    """Seed of the numbers."""
    out: Path = Path("runs/course/roofline")
    """Folder for the picture and the metrics."""


class Kernel(NamedTuple):
    """A compiled program whose result is written over its last one, and XLA's counts of it."""

    program: Callable[[Any], Any]
    start: Any
    flops: int
    bytes: int


def kernel(function: Callable[..., Any], state: Any, *arguments: Any) -> Kernel:
    """Compile ``state = function(state, *arguments)``."""
    compiled = jax.jit(function, donate_argnums=0, keep_unused=True).lower(state, *arguments).compile()
    cost: Any = compiled.cost_analysis() or {}
    counted = flops(function, state, *arguments), round(cost.get("bytes accessed", 0.0))
    return Kernel(lambda state: compiled(state, *arguments), state, *counted)


def passes(name: str, rule: Callable[..., Any], *arguments: Any) -> dict[str, Kernel]:
    """Return a rule's forward, and its backward from what the forward keeps to the gradients of all arguments."""
    y, pull = jax.vjp(rule, *arguments)
    dy = jnp.ones_like(y)

    def backward(_, pull, dy):
        return [gradient for gradient in pull(dy) if gradient.dtype != jax.dtypes.float0]  # a label's, a key's

    gradients = jax.tree.map(jnp.zeros_like, backward(None, pull, dy))
    return {
        f"{name} forward": kernel(lambda _, *arguments: rule(*arguments), jnp.zeros_like(y), *arguments),
        f"{name} backward": kernel(backward, gradients, pull, dy),
    }


def kernels(settings: Settings) -> dict[str, Kernel]:
    """Return every program by name, the two that measure the roofs first."""
    generator = np.random.default_rng(settings.seed)

    def real(*shape: int) -> jax.Array:
        return jnp.asarray(generator.standard_normal(shape, np.float32))

    rows, features, classes, n = settings.rows, settings.features, settings.classes, settings.product
    x, w, adam = real(rows, features), real(features, features), optim.adam()
    labels = jnp.asarray(generator.integers(0, features, rows), jnp.int32)
    return {
        PEAK: kernel(lambda _, x, y: rules.matmul(x, y), jnp.zeros((n, n)), real(n, n), real(n, n)),
        TRIAD: kernel(lambda y, x: x + 3.0 * y, jnp.zeros_like(x), x),
        **passes(f"linear {features} to {features}", rules.linear, x, w, real(features)),
        **passes(f"linear {features} to {classes}", rules.linear, x, real(features, classes), real(classes)),
        **passes("relu", rules.relu, x),
        **passes("sigmoid", rules.sigmoid, x),
        **passes("softmax cross-entropy", rules.softmax_cross_entropy, x, labels),
        **passes("dropout", lambda x, key: rules.dropout(x, key, rate=0.2), x, key(settings.seed)),
        "adam update": kernel(lambda state, g: adam.update(state, g)[0], adam.init(jnp.zeros_like(x)), x),
    }


def run(settings: Settings) -> dict[str, float]:
    """Measure both roofs and the programs under them; print and draw them."""
    for name in ("rows", "features", "classes", "product", "rounds"):
        if getattr(settings, name) < 1:
            raise ValueError(f"{name} = {getattr(settings, name)}, wanted 1 or more.")
    with jax.default_matmul_precision("highest"):
        made = kernels(settings)
    programs = {name: made[name].program for name in made}
    starts = {name: made[name].start for name in made}
    seconds = {name: median(times) for name, times in interleave(programs, starts, settings.rounds).items()}
    peak, bandwidth = made[PEAK].flops / seconds[PEAK], made[TRIAD].bytes / seconds[TRIAD]
    heads = ("float32", "FLOP a byte", "ms", "GFLOP/s", "GB/s", "of the roof")
    table = Table(*heads, title=f"the roofs and the rules on {device()}", title_justify="left")
    table.columns[0].no_wrap = True
    drawn: dict[str, tuple[float, float]] = {}
    for name, (_, _, count, size) in made.items():
        rate, intensity = count / seconds[name], count / size
        share = rate / min(peak, bandwidth * intensity)
        row = intensity, seconds[name] * 1e3, rate / 1e9, size / seconds[name] / 1e9
        table.add_row(name, *(f"{value:.3g}" for value in row), f"{share:.0%}")
        if name not in (PEAK, TRIAD):
            drawn[name] = intensity, rate
    console.print(table)
    figure = roofline(peak, bandwidth, drawn, title=f"fnn's rules on {device()}, float32")
    figure.set_size_inches(9.5, 4.8)  # the names beside it are long
    save(figure, settings.out / "roofline")
    return {"peak_gflops": peak / 1e9, "bandwidth_gbytes": bandwidth / 1e9, "ridge_flop_a_byte": peak / bandwidth}
