"""Sequences from their end to their start."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fnn.rule import rule


@rule
def reverse_sequences(x: Float[Array, "batch time *features"], lengths: Int[Array, " batch"] | None = None):
    """Y_t = X_(n-1-t) for t < n, the row's length, and what stands behind it backwards, too: Y_t = X_((n-1-t) mod T).

    x and y: (batch, time, ...), lengths: (batch,) integers, or None for the whole axis, n = T.

        dX_t = dY_((n-1-t) mod T)

    Twice it is nothing, so both passes are the same permutation. Keeps the lengths alone. Raises ValueError for x
    without a time axis and lengths that are not one integer a row.

    >>> import jax.numpy as jnp
    >>> reverse_sequences(jnp.array([[1.0, 2.0, 3.0, 0.0]]), jnp.array([3])).tolist()
    [[3.0, 2.0, 1.0, 0.0]]
    """
    if x.ndim < 2:
        raise ValueError(f"reverse_sequences: x has shape {x.shape}, wanted (batch, time, ...).")
    if lengths is not None and (lengths.shape != x.shape[:1] or not jnp.issubdtype(lengths.dtype, jnp.integer)):
        raise ValueError(
            f"reverse_sequences: lengths are {lengths.dtype}{list(lengths.shape)}, wanted one integer for each of x's "
            f"{x.shape[0]} rows."
        )
    return _reversed(x, lengths), lengths


@reverse_sequences.backward
def reverse_sequences_backward(lengths, dy):
    """dX_t = dY_((n-1-t) mod T)."""
    return _reversed(dy, lengths), None


def _reversed(x: Array, lengths: Array | None) -> Array:
    if lengths is None:
        return jnp.flip(x, 1)
    time = x.shape[1]
    places = (lengths[:, None] - 1 - jnp.arange(time, dtype=lengths.dtype)[None]) % max(time, 1)
    return jnp.take_along_axis(x, places.reshape(*places.shape, *(1,) * (x.ndim - 2)), 1, mode="promise_in_bounds")
