"""Gradient clipping: an optimizer that sees its gradients bounded.

    >>> from fnn import optim
    >>> optimizer = optim.clip_by_global_norm(optim.adam(1e-3), 1.0)

Norms are computed in float32 or wider. A gradient that is not a number stays so, and is not hidden by clipping.
"""

from typing import Any

import jax
import jax.numpy as jnp

from fnn.optim.optimizer import Optimizer, widened


def clip_by_value(optimizer: Optimizer, limit: float) -> Optimizer:
    """Clip every entry of the gradients to [-limit, limit]."""
    _require_positive(limit)

    def clip(g):
        return jnp.clip(g, -limit, limit)

    return _before(optimizer, lambda grads: jax.tree.map(clip, grads))


def clip_by_norm(optimizer: Optimizer, limit: float) -> Optimizer:
    """Scale each leaf's gradient down to the Euclidean norm ``limit`` where it is longer: g min(1, limit / |g|)."""
    _require_positive(limit)

    def clip(g):
        return _scaled(g, limit / jnp.maximum(jnp.sqrt(_sum_of_squares(g)), limit))

    return _before(optimizer, lambda grads: jax.tree.map(clip, grads))


def clip_by_global_norm(optimizer: Optimizer, limit: float) -> Optimizer:
    """Scale all gradients by one factor, min(1, limit / |g|), where |g| is the norm of all of them together.

    The direction stays. PyTorch divides by |g| + 1e-6; here a clipped gradient has the norm ``limit``.

    Source: Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013, algorithm 1.
    """
    _require_positive(limit)

    def clip(grads):
        scale = limit / jnp.maximum(global_norm(grads), limit)
        return jax.tree.map(lambda g: _scaled(g, scale), grads)

    return _before(optimizer, clip)


def global_norm(tree: Any) -> Any:
    """Return the Euclidean norm of all leaves together, a scalar of float32 or wider; 0 for a tree without leaves."""
    squares = [_sum_of_squares(x) for x in jax.tree.leaves(tree)]
    widest = max((x.dtype for x in squares), key=lambda dtype: dtype.itemsize, default=jnp.float32)
    return jnp.sqrt(sum((x.astype(widest) for x in squares), jnp.zeros((), widest)))


def _before(optimizer: Optimizer, change: Any) -> Optimizer:
    """Return the optimizer that changes its gradients first. It still checks them against the parameters."""

    def update(state, grads):
        return optimizer.update(state, change(grads))

    return optimizer._replace(update=update)


def _sum_of_squares(g: Any) -> Any:
    g = jnp.asarray(g)
    g = g.astype(widened(g.dtype))
    return jnp.sum(g * g)


def _scaled(g: Any, scale: Any) -> Any:
    g = jnp.asarray(g)
    return (g.astype(widened(g.dtype)) * scale.astype(widened(g.dtype))).astype(g.dtype)


def _require_positive(limit: float) -> None:
    if not limit > 0:
        raise ValueError(f"limit is {limit}; wanted a positive number.")
