"""What a backward keeps, in bytes: the rule against JAX's differentiation of the same forward.

Two numbers each. `total` counts every array that is kept. `beyond` leaves out those that are an argument or the
output itself: the caller and the next layer hold these anyway, so to keep them costs nothing. Which ones they are is
read off the jaxpr, where the same array is the same variable.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax


class Kept(NamedTuple):
    """Bytes kept for the backward: by all arrays, and by those that are neither an argument nor the output."""

    total: int
    beyond: int


class Comparison(NamedTuple):
    """What the rule keeps and what autodiff keeps."""

    rule: Kept
    autodiff: Kept


def compare(rule: Any, *arguments: Any, **static: Any) -> Comparison:
    """Return what `rule` keeps and what autodiff of `rule.plain` keeps for these arguments; nothing is run."""
    residuals = [leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(rule.residuals(*arguments, **static))]
    by_rule = kept(lambda *a: jax.vjp(lambda *b: rule(*b, **static), *a), *arguments)
    assert by_rule.total == sum(residuals), (by_rule, residuals)
    return Comparison(by_rule, kept(lambda *a: jax.vjp(lambda *b: rule.plain(*b, **static), *a), *arguments))


def kept(vjp: Callable[..., tuple[Any, Any]], *arguments: Any) -> Kept:
    """Count what `vjp(*arguments) -> (output, backward)` hands to its backward, whose leaves are the residuals."""
    closed, (outputs, _) = jax.make_jaxpr(vjp, return_shape=True)(*arguments)
    count = len(jax.tree.leaves(outputs))
    free = {*map(id, closed.jaxpr.invars), *map(id, closed.jaxpr.outvars[:count])}
    residuals = closed.jaxpr.outvars[count:]
    sizes = [(v.aval.size * v.aval.dtype.itemsize, id(v) in free) for v in residuals]
    return Kept(sum(size for size, _ in sizes), sum(size for size, is_free in sizes if not is_free))
