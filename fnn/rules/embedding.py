"""Embedding: rows of a table by integer ids. Kernel: `fnn.kernels.embedding`."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Integer

from fnn.kernels import embedding as kernel
from fnn.rule import Static, rule


@rule
def embedding(ids: Integer[Array, "*batch"], w: Float[Array, "vocabulary features"], *, padding_id: int | None = None):
    """Y = W[ids]: a row of the table for each id.

    ids: (...) integers, w: (vocabulary, features), y: (..., features).

        dW_v = Σ dY_i over the i with ids_i = v,   but 0 for v = padding_id

    The sums are deterministic and accumulate in float32 or wider. Keeps the ids alone: the table itself is not
    needed, for the embedding is linear in it. An id outside 0..vocabulary-1 has a row of NaN and gives its gradient
    to no row (the layer `fnn.layers.embedding` names it where it can). Raises TypeError for ids that are not
    integers, ValueError for a table that is no matrix and for a padding_id outside of it.
    Source: Bengio et al. (2003), "A neural probabilistic language model".

    >>> import jax, jax.numpy as jnp
    >>> ids, w = jnp.array([2, 0, 2]), jnp.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> embedding(ids, w).tolist()
    [[5.0, 6.0], [1.0, 2.0], [5.0, 6.0]]
    >>> jax.grad(lambda w: embedding(ids, w).sum())(w).tolist()
    [[1.0, 1.0], [0.0, 0.0], [2.0, 2.0]]
    """
    if not jnp.issubdtype(ids.dtype, jnp.integer):
        raise TypeError(f"embedding: ids are {ids.dtype}, wanted integers.")
    if w.ndim != 2:
        raise ValueError(f"embedding: w has shape {w.shape}, wanted a table (vocabulary, features).")
    if padding_id is not None and not 0 <= padding_id < w.shape[0]:
        raise ValueError(
            f"embedding: padding_id = {padding_id}, wanted one of the table's ids 0..{w.shape[0] - 1}, or None."
        )
    y = kernel.forward(ids, w)
    if padding_id is not None:
        y = jnp.where((ids == padding_id)[..., None], lax.stop_gradient(y), y)  # says it of the plain forward, too
    return y, (ids, Static(w.shape[0]))


@embedding.backward
def embedding_backward(saved, dy, *, padding_id):
    """dW_v = Σ dY over the rows of id v, 0 for the padding."""
    ids, vocabulary = saved
    return None, kernel.backward(ids, dy, vocabulary.value, padding_id)
