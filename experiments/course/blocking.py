"""A matrix product by blocks: the words that it moves, counted, and its time.

    python -m experiments course.blocking

Source: 002_342234af0f95f09b.txt, slides "Block MM" and "Memory hierarchy".
Wall time: 12 s. Expect: the count is the slide's (2 N + 2) n² exactly; a cache that drops what was used least recently
moves as much while three blocks are well within it, least for a side between sqrt(M / 3) and sqrt(M), and three times
as much beyond; the product in time gains little from our blocks, since the library's own product has its blocks.

On the slide N is the number of blocks along a side in q = f / m = 2 n³ / ((2 N + 2) n²) ~ n / N, and then the side of
a block in "the optimal value of N = sqrt(size of fast memory / 3)": three blocks of side n / N are in fast memory.
"""

import itertools
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from rich.table import Table

from experiments.benchmarks.measure import interleave
from experiments.course.gemm import device, gflops
from experiments.runner import console, save
from fnn.inspect.pictures import canvas, curves


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.blocking`."""

    n: int = 48
    """Side of the matrices whose words are counted, one by one."""
    memory: int = 192
    """Words M of the fast memory: at the default, blocks of side sqrt(M / 3) = 8 are the largest that fit."""
    timed: int = 1024
    """Side of the matrices that are timed, a power of 2."""
    smallest: int = 32
    """Side of the smallest block that is timed, a power of 2."""
    rounds: int = 5
    """How often each product is timed."""
    seed: int = 0
    """Seed of the matrices."""
    out: Path = Path("runs/course/blocking")
    """Folder for the pictures and the metrics."""


def multiply(a: np.ndarray, b: np.ndarray, blocks: int) -> tuple[np.ndarray, int]:
    """Multiply matrices of side n in N = `blocks` parts along each side, equal or not; return also the words moved.

        for each block C[i, j]:  read it;  for each k: read A[i, k], read B[k, j], C[i, j] += A[i, k]·B[k, j];  write it

        words = (2 N + 2) n²:  A and B are read N times each, C is read once and written once

    >>> multiply(np.eye(6), np.eye(6), 3)[1] == (2 * 3 + 2) * 6**2
    True
    """
    c, words = np.zeros_like(a), 0
    sides = np.array_split(np.arange(len(a)), blocks)
    for rows, columns in itertools.product(sides, sides):
        block = c[np.ix_(rows, columns)]
        words += block.size
        for inner in sides:
            left, right = a[np.ix_(rows, inner)], b[np.ix_(inner, columns)]
            words += left.size + right.size
            block += left @ right
        c[np.ix_(rows, columns)] = block
        words += block.size
    return c, words


def traffic(n: int, blocks: float) -> float:
    """Return the slide's words, m = (2 N + 2) n²; q = 2 n³ / m is the FLOP a word."""
    return (2 * blocks + 2) * n**2


def cached(n: int, side: int, memory: int) -> int:
    """Return the words moved if a cache of `memory` words drops the least recently used: the loops do not manage it.

    The loops are those of `multiply`, and inside a block i, j, k, one multiplication and addition at a time.
    """
    cache: OrderedDict[tuple[str, int, int], bool] = OrderedDict()
    words = 0

    def touch(word: tuple[str, int, int], write: bool = False) -> int:
        changed = cache.pop(word, None)
        cache[word] = write or bool(changed)
        moved = changed is None
        if len(cache) > memory:
            moved += cache.popitem(last=False)[1]  # what was changed is written back
        return moved

    starts = range(0, n, side)
    for i0, j0, k0 in itertools.product(starts, starts, starts):
        rows, columns, inner = (range(start, min(start + side, n)) for start in (i0, j0, k0))
        for i, j in itertools.product(rows, columns):
            words += touch(("c", i, j), write=True)
            for k in inner:
                words += touch(("a", i, k)) + touch(("b", k, j))
    return words + sum(cache.values())


@jax.jit
def scanned(a: jax.Array, b: jax.Array) -> jax.Array:
    """Multiply matrices of (N, N) blocks, each (side, side), in one loop over all N³ products of blocks."""
    blocks = len(a)

    def body(step, c):
        i, j, k = step // blocks**2, step // blocks % blocks, step % blocks
        return c.at[i, j].add(jnp.matmul(a[i, k], b[k, j]))

    return lax.fori_loop(0, blocks**3, body, jnp.zeros_like(a))


def cut(matrix: np.ndarray, side: int) -> np.ndarray:
    """Return the (N, N, side, side) blocks of a matrix, each of them in one piece of memory."""
    blocks = len(matrix) // side
    return np.ascontiguousarray(matrix.reshape(blocks, side, blocks, side).swapaxes(1, 2))


def time_blocks(settings: Settings) -> dict[str, dict[int, float]]:
    """Return the GFLOP/s of the product by blocks in NumPy and in JAX, by the block's side; the whole is one block."""
    n, rates = settings.timed, {"NumPy, loops in Python": {}, "JAX, one loop": {}}
    generator = np.random.default_rng(settings.seed)
    a, b = (generator.random((n, n), np.float32) for _ in range(2))
    sides = [2**power for power in range(settings.smallest.bit_length() - 1, n.bit_length())]
    programs: dict[tuple[str, int], Any] = {}
    for side in sides:
        x, y = cut(a, side), cut(b, side)
        here = jnp.asarray(x), jnp.asarray(y)
        np.testing.assert_allclose(np.asarray(scanned(*here)).swapaxes(1, 2).reshape(n, n), a @ b, rtol=1e-5)
        programs["NumPy, loops in Python", side] = lambda _, x=x, y=y: loops(x, y)
        programs["JAX, one loop", side] = lambda _, x=here[0], y=here[1]: scanned(x, y)
    names = {f"{name} {side}": (name, side) for name, side in programs}
    seconds = interleave({text: programs[pair] for text, pair in names.items()}, dict.fromkeys(names), settings.rounds)
    for text, (name, side) in names.items():
        rates[name][side] = gflops(n, median(seconds[text]))
    return rates


def loops(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply matrices of (N, N) blocks with three loops in Python."""
    c = np.zeros_like(a)
    for i, j, k in itertools.product(range(len(a)), repeat=3):
        c[i, j] += a[i, k] @ b[k, j]
    return c


def draw_traffic(n: int, memory: int, counted: dict[int, int], lru: dict[int, int]) -> Any:
    """Draw words moved against the side of a block."""
    figure = canvas(8, 4.2)
    axes = figure.subplots()
    sides = np.geomspace(1, n, 200)
    axes.loglog(sides, [traffic(n, n / side) for side in sides], color="0.5", lw=1, label="(2 N + 2) n², N = n / side")
    fits = {side: words for side, words in counted.items() if 3 * side**2 <= memory}
    rest = {side: words for side, words in counted.items() if side not in fits}
    for some, name, fill in ((fits, "three blocks fit", "C0"), (rest, "they do not fit", "white")):
        axes.loglog(list(some), list(some.values()), "o", mfc=fill, color="C0", label=f"counted, {name}")
    axes.loglog(list(lru), list(lru.values()), "s-", color="C3", ms=4, label=f"a cache of {memory} words")
    axes.axvline((memory / 3) ** 0.5, color="k", ls="--", lw=1, label="side = sqrt(M / 3)")
    axes.set_xticks(list(counted), [str(side) for side in counted])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.set(xlabel="side of a block", ylabel="words moved", title=f"A product of {n} x {n} matrices by blocks")
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def run(settings: Settings) -> dict[str, float]:
    """Count the words for every side that divides n, simulate a cache, time the product by blocks; draw both."""
    n, memory = settings.n, settings.memory
    if n < 1 or memory < 3:
        raise ValueError(f"n = {n} and memory = {memory}, wanted n of 1 or more and three words, a block of one each.")
    if not (settings.timed >= settings.smallest > 0 == settings.timed & (settings.timed - 1)):
        raise ValueError(f"timed = {settings.timed}, wanted a power of 2, and smallest = {settings.smallest} below it.")
    generator = np.random.default_rng(settings.seed)
    a, b = generator.random((n, n)), generator.random((n, n))
    counted, lru = {}, {}
    table = Table("side", "N", "words", "(2 N + 2) n²", "FLOP a word", "three blocks", f"cache of {memory}")
    table.title, table.title_justify = f"words moved for a product of {n} x {n} matrices", "left"
    for side in (side for side in range(1, n + 1) if n % side == 0):
        blocks = n // side
        c, counted[side] = multiply(a, b, blocks)
        np.testing.assert_allclose(c, a @ b, rtol=1e-12)
        lru[side] = cached(n, side, memory)
        row = counted[side], traffic(n, blocks), 2 * n**3 / counted[side], 3 * side**2, lru[side]
        table.add_row(str(side), str(blocks), *(f"{value:.4g}" if value % 1 else f"{value:.0f}" for value in row))
    console.print(table)
    with jax.default_matmul_precision("highest"):
        rates = time_blocks(settings)
    title = f"a product of {settings.timed} x {settings.timed} matrices by blocks on {device()}"
    table = Table("side", *(f"{name}, GFLOP/s" for name in rates), title=title, title_justify="left")
    sides = list(next(iter(rates.values())))
    for side in sides:
        table.add_row(str(side), *(f"{by_side[side]:.3g}" for by_side in rates.values()))
    console.print(table)
    save(draw_traffic(n, memory, counted, lru), settings.out / "traffic")
    lines = {name: list(by_side.values()) for name, by_side in rates.items()}
    labels = {"x_label": f"side of a block; {settings.timed} is one call", "y_label": "GFLOP/s, float32"}
    save(curves(lines, x=sides, log=True, log_x=True, title=f"Blocks on {device()}", **labels), settings.out / "rates")
    exact = all(words == traffic(n, n // side) for side, words in counted.items())
    return {"exact": int(exact), "best_side": min(lru, key=lru.__getitem__), "best_side_formula": (memory / 3) ** 0.5}
