"""Routing of tokens to experts: who is chosen, which slot of an expert's buffer a choice gets, and both ways there.

A choice is one of the k experts of a token. Each expert has `capacity` slots, which the choices take in order: all
first choices before all second ones, and token after token among them. `places` gives the slot of each choice,
expert * capacity + position, or the number of all slots where an expert has no slot left. All else is gathers, in
both passes: a slot knows its choice, a choice its slot, and no sum is scattered.
"""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from fnn.kernels.numerics import wide

Choices = Int[Array, "tokens k"]


def choose(logits: Float[Array, "*batch experts"], k: int) -> tuple[Float[Array, "*batch k"], Int[Array, "*batch k"]]:
    """Return the k largest logits, in the accumulation dtype, and their experts; of equals the first."""
    largest, chosen = lax.top_k(wide(logits), k)
    return largest, chosen


def spread(values: Float[Array, "*batch k"], chosen: Int[Array, "*batch k"], experts: int) -> Array:
    """Return the values at their experts and 0 elsewhere: (..., experts)."""
    index = lax.broadcasted_iota(chosen.dtype, (*chosen.shape, experts), chosen.ndim)
    return jnp.where(index == chosen[..., None], values[..., None], 0.0).sum(-2)


def shares(chosen: Int[Array, "*batch k"], experts: int, dtype) -> Float[Array, " experts"]:
    """Return the share of the choices that each expert has."""
    hot = chosen.reshape(-1, 1) == jnp.arange(experts, dtype=chosen.dtype)[None]
    return hot.astype(dtype).sum(0) / max(chosen.size, 1)


def places(chosen: Choices, experts: int, capacity: int) -> Choices:
    """Return the slot of each choice, or experts * capacity for a choice that is dropped."""
    order = chosen.T.reshape(-1, 1)
    hot = order == jnp.arange(experts, dtype=chosen.dtype)[None]
    position = jnp.where(hot, jnp.cumsum(hot, 0, dtype=jnp.int32), 0).sum(1, dtype=jnp.int32) - 1
    fits = (position >= 0) & (position < capacity)
    place = jnp.where(fits, order[:, 0].astype(jnp.int32) * capacity + position, experts * capacity)
    return place.reshape(chosen.T.shape).T


def choice_of(place: Choices, slots: int) -> Int[Array, " slots"]:
    """Return the number of the choice, token * k + j, that each slot holds, or tokens * k for an empty one."""
    numbers = jnp.arange(place.size, dtype=jnp.int32)
    return jnp.full(slots, place.size, jnp.int32).at[place.reshape(-1)].set(numbers, mode="drop")


def gather(rows: Float[Array, "n features"], index: Int[Array, "*batch"]) -> Float[Array, "*batch features"]:
    """Return rows[index], and zeros where the index is past the last row."""
    if rows.shape[0] == 0:
        return jnp.zeros((*index.shape, rows.shape[1]), rows.dtype)
    inside = index < rows.shape[0]
    picked = rows.at[jnp.where(inside, index, 0)].get(mode="promise_in_bounds")
    return jnp.where(inside[..., None], picked, 0.0)
