"""What a backward keeps, in bytes, whether its rules are hand-written or JAX's; nothing is run.

The residuals are the leaves of what `jax.vjp` returns beside the output; in the jaxpr the same array is the same
variable, so a buffer that is kept twice counts once.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax


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
