"""What the recurrent rules ask of their arguments."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def need_sequences(name: str, x: Array, w: Array, b: Array | None, lengths: Array | None) -> None:
    """Raise unless x is sequences, w and b their input products, and lengths one integer a row."""
    if x.ndim != 3 or w.ndim != 2 or x.shape[2] != w.shape[0]:
        raise ValueError(
            f"{name}: x has shape {x.shape} and w {w.shape}, wanted x (batch, time, features) and w "
            "(features, gates) with the same features."
        )
    if x.shape[1] == 0:
        raise ValueError(f"{name}: x has shape {x.shape}, without a step in time; wanted at least one.")
    if b is not None and b.shape != w.shape[1:]:
        raise ValueError(f"{name}: b has shape {b.shape}, wanted one number for each column of w, {w.shape[1:]}.")
    if lengths is not None and (lengths.shape != x.shape[:1] or not jnp.issubdtype(lengths.dtype, jnp.integer)):
        raise ValueError(
            f"{name}: lengths are {lengths.dtype}{list(lengths.shape)}, wanted one integer for each of x's "
            f"{x.shape[0]} rows."
        )


def need_weights(name: str, w: Array, u: Array, gates: int, outputs: int) -> None:
    """Raise unless u and w have `gates` columns for each hidden feature, and u a row for each output."""
    hidden = u.shape[-1] // gates
    if u.ndim != 2 or u.shape != (outputs, gates * hidden) or w.shape[1] != u.shape[1]:
        each = "" if gates == 1 else f"{gates} "
        raise ValueError(
            f"{name}: w has shape {w.shape} and u {u.shape}, wanted w (features, {each}hidden) and u "
            f"({outputs}, {each}hidden), a row for each feature of the state."
        )


def state_of(name: str, argument: str, state: Float[Array, "..."] | None, x: Array, features: int) -> Array:
    """Return the initial state, zeros for None; raise where its shape does not fit."""
    want = (x.shape[0], features)
    if state is None:
        return jnp.zeros(want, x.dtype)
    if state.shape != want:
        raise ValueError(f"{name}: {argument} has shape {state.shape}, wanted (batch, features of the state) = {want}.")
    return state
