"""Time operations, forward and backward, against autodiff of what one would write in JAX, and against PyTorch.

Both programs must compute the same values and gradients first. Then they run in turn in one process.
"""

import importlib
import importlib.util
import math
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from rich import box
from rich.table import Table

from experiments.benchmarks.measure import interleave, need_equal, ratio
from experiments.runner import console


class Integers(NamedTuple):
    """Random integers, low and high included: ids, labels, lengths."""

    shape: tuple[int, ...]
    low: int
    high: int


class Case(NamedTuple):
    """One operation at one shape. Its arguments are floats, then integers, then a key."""

    name: str
    shapes: tuple[tuple[int, ...], ...]
    """Of the arguments that have gradients: x, then parameters."""
    ours: Callable[..., Any]
    plain: Callable[..., Any]
    torch: Callable[..., Any]
    """Takes the module torch, then tensors as `layout` makes them."""
    goal: float = 1.0
    """What the ratio of the times, forward and backward, may be at most."""
    random: bool = False
    """Whether the programs take a key behind their arguments and draw different numbers from it."""
    integers: tuple[Integers, ...] = ()
    """The arguments behind the floats, which have no gradients."""
    scale: float = 1.0
    """Standard deviation of the parameters; that of x is 1."""
    memory_goal: float = math.inf
    """What the ratio of the temporary bytes may be at most."""
    layout: Callable[..., Sequence[np.ndarray]] | None = None
    """Gives torch its arrays in the order of axes that it likes, from the arguments and the output's cotangent."""

    @property
    def terms(self) -> int:
        """The longest sum that a value or a gradient is made of."""
        (*rows, _), *parameters = self.shapes
        return max(math.prod(rows), *(math.prod(shape[:-1]) for shape in parameters), 1)


def operations(
    group: str, cases: Sequence[Case], *, rounds: int, seconds: float, peer: Any = None
) -> dict[str, dict[str, Any]]:
    """Time operations, print their table, return its rows by name. `peer` is a module with torch's `time_case`."""
    rows = {case.name: compare(case, rounds=rounds, seconds=seconds, peer=peer) for case in cases}
    show(group, rows.values())
    return rows


def compare(case: Case, *, rounds: int, seconds: float, peer: Any = None) -> dict[str, Any]:
    """Return the figures of one operation."""
    arguments = draw(case)
    compiled = {name: both(f).lower(*arguments).compile() for name, f in (("fnn", case.ours), ("autodiff", case.plain))}
    results = {name: program(*arguments) for name, program in compiled.items()}
    need_same(case, arguments, *results.values())
    times = interleave(
        {name: again(program) for name, program in compiled.items()},
        dict.fromkeys(compiled, arguments),
        rounds,
        seconds=seconds,
    )
    megabytes = {name: temporary(program) for name, program in compiled.items()}
    row = {
        "name": case.name,
        "ratio": ratio(times, "fnn", "autodiff"),
        "goal": case.goal,
        "memory_ratio": megabytes["fnn"] / megabytes["autodiff"] if megabytes["autodiff"] > 0.01 else None,
        "memory_goal": case.memory_goal if case.memory_goal < math.inf else None,
    }
    if peer:
        times["torch"] = peer.time_case(case, arguments, results["fnn"], rounds)
        row["torch_ratio"] = min(times["fnn"]) / min(times["torch"])
    milliseconds = {name: 1000 * median(values) for name, values in times.items()}
    return {**row, "milliseconds": milliseconds, "temporary_megabytes": megabytes}


def peer_named(module: str, wanted: bool) -> Any:
    """Return the module of the benchmark that imports torch, or None where torch is not wanted or not installed."""
    return importlib.import_module(module) if wanted and importlib.util.find_spec("torch") else None


def wanted(only: Sequence[str], group: str, name: str) -> bool:
    """Return whether `only` chooses this name, or the group; nothing chooses all."""
    return not only or group in only or any(part in name for part in only)


def draw(case: Case) -> tuple[Any, ...]:
    """Return random arguments, the last of them the output's cotangent."""
    generator = np.random.default_rng(0)
    scales = [1.0] + [case.scale] * (len(case.shapes) - 1)
    floats = [
        jnp.asarray(scale * generator.standard_normal(shape, np.float32), jnp.float32)
        for scale, shape in zip(scales, case.shapes, strict=True)
    ]
    integers = [jnp.asarray(generator.integers(low, high + 1, shape), jnp.int32) for shape, low, high in case.integers]
    keys = [jax.random.key(0)] if case.random else []
    y = jax.eval_shape(case.ours, *floats, *integers, *keys)
    return *floats, *integers, *keys, jnp.asarray(generator.standard_normal(y.shape, np.float32), jnp.float32)


def both(function):
    """Return the jitted (arguments, dy) -> (y, gradients), which computes both passes; floats alone have gradients."""

    def passes(*arguments):
        *arguments, dy = arguments
        count = sum(jnp.issubdtype(a.dtype, jnp.floating) for a in arguments)
        floats, others = arguments[:count], arguments[count:]
        y, pull = jax.vjp(lambda *floats: function(*floats, *others), *floats)
        return y, pull(dy)

    return jax.jit(passes)


def temporary(compiled: Any) -> float:
    """Return the megabytes that a compiled program needs besides its arguments and its outputs."""
    return compiled.memory_analysis().temp_size_in_bytes / 1e6


def again(program):
    """Return the program as a step of `interleave` whose state, the arguments, stays as it is."""

    def step(arguments):
        jax.block_until_ready(program(*arguments))
        return arguments

    return step


def need_same(case: Case, arguments: tuple[Any, ...], ours: Any, plain: Any) -> None:
    """Raise unless both programs compute the same or, where they draw differently, what a mask of theirs says."""
    if not case.random:
        return need_equal(case.name, ours, plain, terms=case.terms)
    x, *_, dy = arguments
    kept = [jnp.mean(y != 0) for y, _ in (ours, plain)]
    for y, (dx,) in (ours, plain):
        mask = jnp.where(y != 0, 1 / kept[1], 0)
        need_equal(case.name, (y, dx), (mask * x, mask * dy), terms=x.size)
    deviations = abs(kept[0] - kept[1]) / jnp.sqrt(2 * kept[1] * (1 - kept[1]) / x.size)
    if deviations > 5:
        raise ValueError(f"{case.name}: fnn keeps {kept[0]:.4f} of the entries, the baseline {kept[1]:.4f}; not timed.")
    return None


def summary(found: dict[str, dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """Return means of each group and of all rows, and the names of the rows that are slow or miss their goals."""
    metrics = {f"{group}_{key}": value for group, rows in found.items() for key, value in means(rows.values()).items()}
    rows = [row for group in found.values() for row in group.values()]
    if rows:
        metrics |= means(rows) | {
            "slower_than_autodiff": [row["name"] for row in rows if row["ratio"] > 1],
            "missed": [row["name"] for row in rows if missed(row)],
        }
    return metrics


def missed(row: dict[str, Any]) -> bool:
    """Return whether the time or the memory of a row is more than its goal."""
    return row["ratio"] > row["goal"] or (row["memory_goal"] is not None and row["memory_ratio"] > row["memory_goal"])


def means(rows: Iterable[dict[str, Any]]) -> dict[str, float]:
    """Return the geometric means of the rows' ratios."""
    rows = list(rows)
    found = {"mean_ratio": [row["ratio"] for row in rows]}
    if torch := [row["torch_ratio"] for row in rows if "torch_ratio" in row]:
        found["mean_ratio_to_torch"] = torch
    return {name: round(math.exp(np.log(values).mean()), 3) for name, values in found.items()}


def show(group: str, rows: Iterable[dict[str, Any]]) -> None:
    """Print milliseconds and ratios of each operation, and the ratio of the memory in a group that has goals for it."""
    rows = list(rows)
    names = list(rows[0]["milliseconds"])
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title=f"{group}: milliseconds, forward and backward, float32",
    )
    table.add_column("operation", no_wrap=True)
    with_memory = any(row["memory_goal"] is not None for row in rows)
    peers = ["/torch"] if "torch" in names else []
    for head in (*names, "ratio", "goal", *peers, *(["memory"] if with_memory else [])):
        table.add_column(head, justify="right", no_wrap=True)

    def add(name: str, row: dict[str, Any], *cells: str, style: str = "") -> None:
        torch = [f"{row['torch_ratio']:.2f}"] if "torch_ratio" in row else []
        memory = "" if row.get("memory_ratio") is None else f"{row['memory_ratio']:.2f}"
        table.add_row(name, *cells, *torch, *([memory] if with_memory else []), style=style)

    for row in rows:
        milliseconds = (f"{row['milliseconds'][name]:.2f}" for name in names)
        style = "bold" if missed(row) else ""
        add(row["name"], row, *milliseconds, f"{row['ratio']:.3f}", f"{row['goal']:.2f}", style=style)
    mean = means(rows)
    totals = {"torch_ratio": mean["mean_ratio_to_torch"]} if "torch" in names else {}
    add("geometric mean", totals, *[""] * len(names), f"{mean['mean_ratio']:.3f}", "")
    console.print(table)
