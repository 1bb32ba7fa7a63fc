"""What a backward keeps, in bytes, and what a program computes, in FLOPs, whoever wrote the rules; nothing is run.

The residuals are the leaves of what `jax.vjp` returns beside the output; in the jaxpr the same array is the same
variable, so a buffer that is kept twice counts once.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class ResidualBytes(NamedTuple):
    """Bytes kept for the backward."""

    total: int
    """By all arrays."""
    new: int
    """By those that are neither an argument nor the output, which the caller and the next layer hold anyway."""


def residual_bytes(function: Callable[..., Any], *arguments: Any) -> ResidualBytes:
    """Count what the backward of ``function(*arguments)`` keeps; arguments may be `jax.ShapeDtypeStruct`s.

    >>> import jax.numpy as jnp
    >>> from fnn import rules
    >>> residual_bytes(rules.tanh, jnp.ones(10)), residual_bytes(rules.tanh.plain, jnp.ones(10))
    (ResidualBytes(total=40, new=0), ResidualBytes(total=80, new=40))
    """
    from jax.extend import core  # 15 ms that importing fnn need not take

    closed, (output, _) = jax.make_jaxpr(lambda *args: jax.vjp(function, *args), return_shape=True)(*arguments)
    jaxpr, count = closed.jaxpr, len(jax.tree.leaves(output))
    # A literal is part of the program, and keeps no memory.
    there = {v for v in (*jaxpr.invars, *jaxpr.outvars[:count]) if isinstance(v, core.Var)}
    sizes = {v: nbytes(v.aval) for v in jaxpr.outvars[count:] if isinstance(v, core.Var)}
    return ResidualBytes(sum(sizes.values()), sum(size for v, size in sizes.items() if v not in there))


def nbytes(aval: Any) -> int:
    """Return the bytes of an array of this shape and dtype."""
    return aval.size * aval.dtype.itemsize


def flops(function: Callable[..., Any], *shapes: Any) -> int:
    """Return XLA's count for a call; an exp, tanh or log, which XLA counts apart, is one. 0 where XLA gives none."""
    cost = jax.jit(function).lower(*shapes).cost_analysis() or {}
    return round(cost.get("flops", 0.0) + cost.get("transcendentals", 0.0))


def narrow_statistics(closed: Any, outputs: int) -> list[tuple[tuple[int, ...], str]]:
    """Return the shape and the sum of each residual that a sum made and that is kept in less than float32.

    `closed` is the jaxpr of ``jax.vjp(...)``, whose first `outputs` outputs are the function's own. A product with
    numbers that come of no argument, such as ones, is a sum too. A residual as large as the largest argument is an
    activation, not a statistic, and may be as narrow as its argument.
    """
    from jax.extend import core

    jaxpr: Any = closed.jaxpr
    fixed: set[Any] = set(jaxpr.constvars)
    summed: dict[Any, str] = {}
    for equation in jaxpr.eqns:
        if _are_fixed(equation.invars, fixed):
            fixed |= set(equation.outvars)
            continue
        made_of = [summed[v] for v in equation.invars if isinstance(v, core.Var) and v in summed]
        made_of += _sums(equation, fixed)
        if made_of:
            summed |= dict.fromkeys(equation.outvars, made_of[0])
    largest = max((v.aval.size for v in jaxpr.invars), default=0)
    there = {v for v in (*jaxpr.invars, *jaxpr.outvars[:outputs]) if isinstance(v, core.Var)}
    residuals: list[Any] = list(v for v in jaxpr.outvars[outputs:] if isinstance(v, core.Var) and v not in there)
    return [
        (v.aval.shape, summed[v])
        for v in residuals
        if v in summed and v.aval.size < largest and _is_narrow(v.aval.dtype)
    ]


def _sums(equation: Any, fixed: set[Any]) -> list[str]:
    """Return the names of the sums that an equation makes, itself or by the programs that it holds."""
    from fnn.check.programs import nested

    name = equation.primitive.name
    is_sum = name in ("reduce_sum", "cumsum")
    if name == "dot_general" and equation.params["dimension_numbers"][0][0]:
        is_sum = any(_are_fixed([v], fixed) for v in equation.invars)
    found = [name] if is_sum else []
    for program in nested(equation):
        pairs = zip(equation.invars, program.jaxpr.invars, strict=False)
        same = len(equation.invars) == len(program.jaxpr.invars)
        inside = {inner for outer, inner in pairs if same and _are_fixed([outer], fixed)} | set(program.jaxpr.constvars)
        for inner in program.jaxpr.eqns:
            found += _sums(inner, inside)
            if _are_fixed(inner.invars, inside):
                inside |= set(inner.outvars)
    return found


def _are_fixed(variables: Any, fixed: set[Any]) -> bool:
    """Return whether none of the variables depends on the arguments; a literal does not."""
    from jax.extend import core

    return all(isinstance(v, core.Literal) or v in fixed for v in variables)


def _is_narrow(dtype: Any) -> bool:
    return jnp.issubdtype(dtype, jnp.floating) and dtype.itemsize < 4
