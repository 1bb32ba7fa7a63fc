"""Four ways to a gradient, compared for cost and for error.

    python -m experiments course.differentiation

Source: 002_342234af0f95f09b.txt, slide "Calculus background: how to compute gradients?".
Wall time: 10 s. Expect: reverse mode costs a few evaluations of the function whatever the number n of its inputs; the
other three cost n times as much. Finite differences are right to half of the digits (forward) or two thirds (central)
at best: a smaller step loses more to rounding than it gains.

The function is the slide's network J of n inputs and four hidden units. Forward mode runs inside `fnn.autodiff()`;
reverse mode is the rules' own; symbolic differentiation is done here by the rules of a calculus book, on an expression.
"""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from rich.table import Table

import fnn
from experiments.runner import console, save
from fnn import rules
from fnn.inspect import pictures

HIDDEN = 4
"""Hidden units of the network."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.differentiation`."""

    largest: int = 1024
    """The largest number n of inputs: they are 4, 16, 64, ... up to it."""
    repeats: int = 5
    """Each time is the best of so many."""
    seed: int = 0
    """Seed of inputs and weights."""
    out: Path = Path("runs/course/differentiation")
    """Folder for the pictures and the metrics."""


def network(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw x (n,), alpha (hidden, n) and beta (hidden,)."""
    draw = np.random.default_rng(seed).normal
    return draw(size=n), draw(size=(HIDDEN, n)) / np.sqrt(n), draw(size=HIDDEN)


def J(x, alpha, beta):
    """Return the slide's J for y* = 1: the logarithm of y = sigmoid(Σ beta_j sigmoid(Σ alpha_ji x_i))."""
    return rules.log(rules.sigmoid(rules.dot(beta, rules.sigmoid(rules.linear(x, alpha.T)))))


def by_hand(x: np.ndarray, alpha: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Return dJ/dx as one simplifies it by hand, each part calculated once: that is reverse mode."""
    z = 1 / (1 + np.exp(-alpha @ x))
    y = 1 / (1 + np.exp(-beta @ z))
    return ((1 - y) * beta * z * (1 - z)) @ alpha


class Expression(NamedTuple):
    """A formula as it is written: a gate and what goes in; or a number, or the symbol x_i."""

    gate: str
    parts: tuple[Any, ...]
    operations: int = 0
    """How many gates one evaluates, where nothing is calculated once and used twice."""


ZERO, ONE = Expression("number", (0.0,)), Expression("number", (1.0,))


def gate(name: str, *parts: Expression) -> Expression:
    """Write a gate of expressions; 0 + a, 0 a and 1 a are simplified."""
    if name == "multiply" and ZERO in parts:
        return ZERO
    neutral = {"add": ZERO, "multiply": ONE}.get(name)
    parts = tuple(part for part in parts if part != neutral) or (parts[0],)
    return parts[0] if neutral and len(parts) == 1 else Expression(name, parts, 1 + sum(p.operations for p in parts))


def derivative(e: Expression, i: int) -> Expression:
    """Return de/dx_i by the rules of a calculus book."""
    if e.gate in ("number", "symbol"):
        return ONE if e.gate == "symbol" and e.parts[0] == i else ZERO
    slopes = [derivative(part, i) for part in e.parts]
    if e.gate == "add":
        return gate("add", *slopes)
    if e.gate == "multiply":
        (a, b), (da, db) = e.parts, slopes
        return gate("add", gate("multiply", da, b), gate("multiply", a, db))
    if e.gate == "sigmoid":
        return gate("multiply", gate("multiply", e, gate("one minus", e)), slopes[0])
    return gate("divide", slopes[0], e.parts[0])  # of log


def value(e: Expression, x: np.ndarray) -> float:
    """Evaluate an expression."""
    if e.gate in ("number", "symbol"):
        return float(x[e.parts[0]]) if e.gate == "symbol" else e.parts[0]
    found = [value(part, x) for part in e.parts]
    single = {"sigmoid": lambda a: 1 / (1 + np.exp(-a)), "one minus": lambda a: 1 - a, "log": np.log}
    double = {"add": np.add, "multiply": np.multiply, "divide": np.divide}
    return float((single | double)[e.gate](*found))


def written_out(alpha: np.ndarray, beta: np.ndarray) -> Expression:
    """Return J as an expression of the symbols x_i."""
    symbols = [Expression("symbol", (i,)) for i in range(alpha.shape[1])]

    def weighted(weights, parts):
        products = (gate("multiply", Expression("number", (float(w),)), p) for w, p in zip(weights, parts, strict=True))
        return functools.reduce(lambda a, b: gate("add", a, b), products)

    hidden = [gate("sigmoid", weighted(row, symbols)) for row in alpha]
    return gate("log", gate("sigmoid", weighted(beta, hidden)))


def finite_differences(f: Callable, x, h, *, central: bool):
    """(f(x + h e_i) - f(x)) / h for each i, or (f(x + h e_i) - f(x - h e_i)) / 2h."""
    steps = h * jnp.eye(len(x), dtype=x.dtype)
    ahead = jax.vmap(lambda step: f(x + step))(steps)
    if central:
        return (ahead - jax.vmap(lambda step: f(x - step))(steps)) / (2 * h)
    return (ahead - f(x)) / h


def forward_mode(f: Callable, x):
    """Return one directional derivative for each input, together: (df/dx_1, ..., df/dx_n)."""
    with fnn.autodiff():
        return jax.vmap(lambda e: jax.jvp(f, (x,), (e,))[1])(jnp.eye(len(x), dtype=x.dtype))


WAYS: dict[str, Callable] = {
    "reverse mode": lambda f, x: jax.grad(f)(x),
    "forward mode": forward_mode,
    "forward difference": lambda f, x: finite_differences(f, x, 2.0**-12, central=False),
    "central difference": lambda f, x: finite_differences(f, x, 2.0**-8, central=True),
}
"""Each way to the gradient of f at x that a machine goes by itself."""


def flops(f: Callable, *args: Any) -> float:
    """Return how many floating-point operations XLA counts in one call."""
    return jax.jit(f).lower(*args).compile().cost_analysis()["flops"]  # pyright: ignore[reportOptionalSubscript]


def seconds(f: Callable, repeats: int, *args: Any) -> float:
    """Return the time of one call: of ten in a row, the least that one of them took on average."""
    compiled = jax.jit(f)
    jax.block_until_ready(compiled(*args))
    best = np.inf
    for _ in range(repeats):
        began = time.perf_counter()
        for _ in range(10):
            jax.block_until_ready(compiled(*args))
        best = min(best, (time.perf_counter() - began) / 10)
    return best


def costs(sizes: list[int], seed: int) -> dict[str, np.ndarray]:
    """Return for each way its operations at each n, in evaluations of J; the symbolic one up to 256 inputs."""
    found: dict[str, list[float]] = {name: [] for name in (*WAYS, "symbolic, written out")}
    for n in sizes:
        f, x, alpha, beta = function(n, seed)
        for name, way in WAYS.items():
            found[name].append(flops(lambda x, way=way, f=f: way(f, x), x) / flops(f, x))
        expression = written_out(alpha, beta) if n <= 256 else None
        total = sum(derivative(expression, i).operations for i in range(n)) if expression else np.nan
        found["symbolic, written out"].append(total / expression.operations if expression else np.nan)
    return {name: np.array(line) for name, line in found.items()}


def times(sizes: list[int], repeats: int, seed: int) -> dict[str, np.ndarray]:
    """Return for each way, and for J itself, its microseconds at each n."""
    found: dict[str, list[float]] = {name: [] for name in (*WAYS, "J itself")}
    for n in sizes:
        f, x, *_ = function(n, seed)
        for name, way in WAYS.items():
            found[name].append(1e6 * seconds(lambda x, way=way, f=f: way(f, x), repeats, x))
        found["J itself"].append(1e6 * seconds(f, repeats, x))
    return {name: np.array(line) for name, line in found.items()}


def function(n: int, seed: int) -> tuple[Callable, jax.Array, np.ndarray, np.ndarray]:
    """Return J as a function of x alone, in float32, its x, and alpha and beta."""
    x, alpha, beta = network(n, seed)
    return lambda x: J(x, jnp.float32(alpha), jnp.float32(beta)), jnp.float32(x), alpha, beta


def errors(steps: np.ndarray, seed: int, n: int = 16) -> dict[str, np.ndarray]:
    """Return the error of both differences for each step h, and of reverse mode, in float32 and float64.

    An error is the largest of the n, as a share of the gradient's largest entry; the gradient is that by hand.
    """
    found = {}
    x, alpha, beta = network(n, seed)
    right = by_hand(x, alpha, beta)
    with jax.enable_x64(True):
        for dtype in (jnp.float32, jnp.float64):
            f = functools.partial(J, alpha=jnp.asarray(alpha, dtype), beta=jnp.asarray(beta, dtype))
            at = jnp.asarray(x, dtype)
            relative = lambda slopes: float(np.abs(np.asarray(slopes, np.float64) - right).max() / np.abs(right).max())  # noqa: E731
            for name, central in (("forward", False), ("central", True)):
                way = jax.jit(lambda h, f=f, at=at, central=central: finite_differences(f, at, h, central=central))
                line = [relative(way(jnp.asarray(h, dtype))) for h in steps]
                found[f"{name}, {at.dtype}"] = np.array(line)
            found[f"reverse mode, {at.dtype}"] = np.full(len(steps), relative(jax.grad(f)(at)))
    return found


def run(settings: Settings) -> dict[str, float]:
    """Measure costs, times and errors, and draw each against n or the step."""
    if settings.largest < 4 or settings.repeats < 1:
        given = f"largest = {settings.largest} and repeats = {settings.repeats}"
        raise ValueError(f"{given}, wanted 4 inputs or more and 1 repeat or more.")
    sizes = [4**k for k in range(1, 20) if 4**k <= settings.largest]
    cost, taken = costs(sizes, settings.seed), times(sizes, settings.repeats, settings.seed)
    table = Table("n", *cost, title="operations of the gradient, in evaluations of J", title_justify="left")
    for position, n in enumerate(sizes):
        table.add_row(str(n), *("" if np.isnan(line[position]) else f"{line[position]:.1f}" for line in cost.values()))
    console.print(table)
    look = {"x": np.array(sizes), "x_label": "inputs n", "log": True, "log_x": True}
    save(pictures.curves(cost, y_label="operations / operations of J", **look), settings.out / "cost")
    save(pictures.curves(taken, y_label="time (µs)", **look), settings.out / "time")

    steps = 2.0 ** np.arange(-50, 1)
    error = errors(steps, settings.seed)
    look = {"x": steps, "x_label": "step h", "log": True, "log_x": True}
    save(pictures.curves(error, y_label="largest error / largest entry", **look), settings.out / "error")
    best = {f"best {name}": float(line.min()) for name, line in error.items()}
    return {f"{name}, n = {sizes[-1]}": float(line[-1]) for name, line in cost.items() if name in WAYS} | best
