"""The layer that turns integer ids into rows of a table."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from fnn import initializers, rules
from fnn.layers.layer import Layer, layer, need_params
from fnn.layers.padded import Padded, like, unpad
from fnn.layers.scope import LayerError, path

_START = initializers.gaussian(0.02)


class Embedding(NamedTuple):
    """The parameter of `embedding`: a row of features for each id."""

    w: Float[Array, "vocabulary features"]


def embedding(
    vocabulary: int,
    features: int,
    *,
    weight: initializers.Initializer = _START,
    padding_id: int | None = None,
    dtype=jnp.float32,
) -> Layer:
    """Y = W[ids]: integer ids (...) to y (..., features). Rule: `fnn.rules.embedding`.

    The table starts by `weight` (N(0, 0.02²), as in GPT-2) in `dtype`, for integers have none to take. The row of
    `padding_id` gets no gradient. A `Padded` batch of ids gives a Padded batch of rows.

    Ids outside 0..vocabulary-1 raise LayerError with the first of them and its place where they are known while the
    program is traced; within a compiled program their rows are NaN.

    >>> import jax, jax.numpy as jnp
    >>> from fnn import layers
    >>> net = layers.embedding(65, 8)
    >>> params, state = net.init(jax.random.key(0), jnp.zeros((1, 4), int))
    >>> params.w.shape, net.apply(params, state, jnp.zeros((2, 3), int))[0].shape
    ((65, 8), (2, 3, 8))
    """
    if vocabulary < 1 or features < 1:
        raise ValueError(f"embedding: vocabulary = {vocabulary}, features = {features}, wanted at least 1 of each.")
    if padding_id is not None and not 0 <= padding_id < vocabulary:
        raise ValueError(f"embedding: padding_id = {padding_id}, wanted one of 0..{vocabulary - 1}, or None.")

    def init(key, x):
        _need_ids(x.x if isinstance(x, Padded) else x)
        return Embedding(weight(key, (vocabulary, features), dtype)), ()

    def apply(params, state, x, *, key=None, train=False):
        need_params(params, Embedding)
        ids, _ = unpad(x)
        _need_ids(ids)
        _need_known(ids, params.w.shape[0])
        y = rules.embedding(ids, params.w, padding_id=padding_id)
        return like(x, y), state

    return layer("embedding", init, apply)


def _need_ids(ids) -> None:
    if not hasattr(ids, "shape") or not jnp.issubdtype(ids.dtype, jnp.integer):
        got = ids.dtype if hasattr(ids, "shape") else f"a {type(ids).__name__} of arrays"
        raise LayerError(f"{path()}: x is {got}, wanted one array of integer ids.")


def _need_known(ids: Array, vocabulary: int) -> None:
    """Raise where ids that are no tracers name no row of the table."""
    if isinstance(ids, Tracer):
        return
    known = np.asarray(ids)
    outside = np.argwhere((known < 0) | (known >= vocabulary))
    if len(outside):
        place = tuple(map(int, outside[0]))
        raise LayerError(f"{path()}: the id at {place} is {known[place]}, wanted one of 0..{vocabulary - 1}.")
