"""The numbers that are drawn: apart from one another, clear of kinks, and where a function and its gradient are tame.

Uniform numbers are drawn once; a domain is a map from them to the numbers of an argument:

    the line            logistic numbers with the spread 1.5, about as a normal's
    positive            exp of half of them
    the unit interval   themselves
    rows                positive numbers, divided by their sum along the last axis
    above one           1 plus positive numbers

Numbers of all arguments together stand in strata of their own, so that no two of them tie, not even rounded to
bfloat16 while they are some fifty or fewer; and they keep GAP away from the multiples of 1/2, where kinks stand.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fnn.rule import Rule

GAP = 0.02
TAME = 1e4
"""The size from which on a value or a gradient counts as wild, though it be finite."""


def apart(generator: np.random.Generator, count: int) -> np.ndarray:
    """Return `count` uniform numbers in (0, 1), no two of them nearer than 1 / (4 count).

    They stand in `count` of 2 `count` strata of equal size, in random order, so that their mean is random.
    """
    strata = generator.choice(2 * count, count, replace=False)
    return (strata + generator.uniform(0.25, 0.75, count)) / (2 * count)


def clear(x: np.ndarray | np.floating) -> np.ndarray:
    """Move numbers away from the multiples of 1/2, by GAP at most, and keep their order.

    >>> clear(np.array([0.5, 0.501, 0.74, -1.0])).round(3).tolist()
    [0.52, 0.521, 0.741, -0.98]
    """
    nearest = np.round(2 * x) / 2
    away = x - nearest
    return np.asarray(nearest + np.where(away < 0, -1, 1) * (GAP + (1 - 4 * GAP) * np.abs(away)))


def line(u: np.ndarray) -> np.ndarray:
    """Map uniform numbers to the line."""
    return clear(0.8 * np.log(u / (1 - u)))


def positive(u: np.ndarray) -> np.ndarray:
    """Map uniform numbers to the positive numbers."""
    return clear((u / (1 - u)) ** 0.4)


def unit(u: np.ndarray) -> np.ndarray:
    """Map uniform numbers to the open unit interval."""
    return clear(u)


def rows(u: np.ndarray) -> np.ndarray:
    """Map uniform numbers to rows that sum to one; single numbers to the unit interval."""
    return positive(u) / positive(u).sum(-1, keepdims=True) if u.ndim else clear(u)


def above_one(u: np.ndarray) -> np.ndarray:
    """Map uniform numbers to those above one."""
    return np.asarray(1 + positive(u))


DOMAINS = (line, positive, unit, rows, above_one)


def float_leaves(tree: Any) -> list[Any]:
    """Return the real and complex arrays of a tree."""
    return [leaf for leaf in jax.tree.leaves(tree) if _is_inexact(leaf)]


def tameness(function: Callable[..., Any], args: tuple, static: dict[str, Any]) -> Callable[[tuple, dict], float]:
    """Return (args, static) -> the share of the numbers in value and gradient that are finite and not wild.

    Integers, keys and configuration are those given here; only the float arrays change, so one compilation serves all
    calls. The gradient is JAX's, through the plain forward: a wrong backward must not decide where its rule is
    checked. Where JAX cannot differentiate the function the value alone counts.
    """
    leaves, tree = jax.tree.flatten((args, static))
    plain = plain_of(function)

    def value(floats: list[Any]) -> tuple[Any, list[Any]]:
        rest = iter(floats)
        args, static = jax.tree.unflatten(tree, [next(rest) if _is_inexact(leaf) else leaf for leaf in leaves])
        y = float_leaves(plain(*args, **static))
        return sum((jnp.real(leaf).sum().astype(float) for leaf in y), jnp.zeros(())), y

    def with_gradient(floats: list[Any]) -> Any:
        slopes, y = jax.grad(value, has_aux=True)(floats)
        return _count([*y, *slopes])

    def without(floats: list[Any]) -> Any:
        return _count(value(floats)[1])

    def share(args: tuple, static: dict) -> float:
        with np.errstate(all="ignore"):
            tame, total = count(float_leaves((args, static)))
        return float(tame) / max(float(total), 1.0)

    count = _first_that_runs((jax.jit(with_gradient), jax.jit(without), without), float_leaves((args, static)))
    return share


def plain_of(function: Any) -> Any:
    """Return a function whose gradient is JAX's where the function has a rule of its own."""
    if isinstance(function, functools.partial):
        return functools.partial(plain_of(function.func), *function.args, **function.keywords)
    if isinstance(function, Rule):
        return function.plain
    return function.fun if isinstance(function, jax.custom_vjp) else function


def _first_that_runs(functions: tuple[Callable[..., Any], ...], floats: list[Any]) -> Callable[..., Any]:
    for function in functions:
        try:
            function(floats)
        except Exception:  # the next one asks for less
            continue
        return function
    return lambda floats: (0.0, 1)


def _count(arrays: list[Any]) -> tuple[Any, int]:
    tame = sum((jnp.sum(jnp.abs(a) < TAME) for a in arrays), jnp.zeros((), int))  # false for NaN
    return tame, sum(a.size for a in arrays)


def _is_inexact(leaf: Any) -> bool:
    return isinstance(leaf, (np.ndarray, jax.Array)) and jnp.issubdtype(leaf.dtype, jnp.inexact)
