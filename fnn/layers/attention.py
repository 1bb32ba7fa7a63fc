"""Attention as a layer: projections to heads, the rule, the projection back, and a cache of keys and values."""

from typing import Any, NamedTuple

import jax.core
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from fnn import initializers, rules
from fnn.layers.dense import Dense
from fnn.layers.layer import Layer, fold, layer, need_features, need_params
from fnn.layers.padded import Padded, like, unpad
from fnn.layers.scope import LayerError, path


class Attention(NamedTuple):
    """The parameters of `attention`: of the queries, of the keys and the values, and of the way out."""

    q: Dense
    k: Dense
    v: Dense
    out: Dense


class KeyValueCache(NamedTuple):
    """The state of `attention` with a cache: keys and values so far, and how many they are."""

    k: Float[Array, "batch room kv_heads features"]
    v: Float[Array, "batch room kv_heads features"]
    position: Int[Array, ""]


def attention(
    heads: int,
    *,
    kv_heads: int | None = None,
    causal: bool = False,
    window: int | None = None,
    rotary: float | None = None,
    alibi: bool = False,
    soft_cap: float | None = None,
    dropout: float = 0.0,
    bias: bool = True,
    weight: initializers.Initializer = initializers.xavier_uniform,
    out_weight: initializers.Initializer | None = None,
    cache: int | None = None,
) -> Layer:
    """Y = O·W_out, O the attention of `heads` heads: x (batch, time, width) to y of the same shape.

    Q = X·W_q, K = M·W_k and V = M·W_v, each with its bias, M being X, or the memory (batch, keys, memory_width) of a
    pair (x, memory). Each of the two may be `Padded`: keys past a length are masked. The weights stand apart, for of
    one product's output side by side each part would be copied out, and its gradient copied back.
    Rule: `fnn.rules.attention`.

    Args:
        heads: how many heads; they divide the width.
        kv_heads: heads of keys and values, `heads` unless given; each serves heads / kv_heads heads in a row.
        causal: hide from each position all later ones.
        window: hide what is `window` or more positions away.
        rotary: turn queries and keys by their positions, with this base, such as 10000. Rule: `fnn.rules.rotary`.
        alibi: weigh keys down by their distance, with the slopes of `fnn.rules.alibi_slopes`.
        soft_cap: bound scores by c tanh(s / c).
        dropout: the share of weights dropped in training, which then needs a key.
        bias: whether the projections have one.
        weight: how the projections start.
        out_weight: how the last one starts, `weight` unless given.
        cache: room for so many positions. The state is then a `KeyValueCache`, zeros at first, to which `apply` adds
            the keys and values of x, and x stands behind what came before. So token by token gives what the whole
            sequence would at once. Beyond the room all is NaN, or a LayerError where the position is no tracer.

    >>> import jax, jax.numpy as jnp
    >>> from fnn import layers
    >>> x = jnp.ones((2, 5, 12))
    >>> params, state = layers.attention(4, kv_heads=2, causal=True).init(jax.random.key(0), x)
    >>> params.q.w.shape, params.k.w.shape, params.v.w.shape, params.out.w.shape
    ((12, 12), (12, 6), (12, 6), (12, 12))
    """
    kv_heads = heads if kv_heads is None else kv_heads
    _check(heads, kv_heads, window, rotary, dropout, cache, causal)

    def init(key, x):
        x, memory = _branches(x)
        x, _ = unpad(x)
        width = need_features(x)
        feature = _divided(width, heads)

        def start(position, in_features, out_features, initializer=weight):
            w = initializer(fold(key, position), (in_features, out_features), x.dtype)
            return Dense(w, jnp.zeros((out_features,), x.dtype) if bias else None)

        source = width if memory is None else need_features(unpad(memory)[0], name="memory")
        k, v = (start(position, source, kv_heads * feature) for position in (1, 2))
        params = Attention(start(0, width, width), k, v, start(3, width, width, out_weight or weight))
        if cache is None or memory is not None:
            return params, ()
        empty = jnp.zeros((x.shape[0], cache, kv_heads, feature), x.dtype)
        return params, KeyValueCache(empty, empty, jnp.zeros((), jnp.int32))

    def apply(params, state, x, *, key=None, train=False):
        x, memory = _branches(x)
        xs, lengths = unpad(x)
        rate = dropout if train else 0.0
        if rate and key is None:
            raise LayerError(
                f"{path()}: dropout = {dropout} with train=True needs a key; call apply(..., key=key, train=True), "
                "or train=False to evaluate."
            )
        offset, source = None, xs
        need_params(params, Attention)
        need_features(xs, params.q.w.shape[0])
        if memory is not None:
            if rotary is not None or cache is not None:
                raise LayerError(f"{path()}: rotary and cache are of a sequence to itself, and here is a memory.")
            source, lengths = unpad(memory)
        need_features(source, params.k.w.shape[0], "x" if memory is None else "memory")
        q = _heads(xs, params.q, heads)
        k, v = (_heads(source, projection, kv_heads) for projection in (params.k, params.v))
        if memory is None:
            start = None if cache is None else _need_room(state, xs, lengths)
            if rotary is not None:
                positions = None if start is None else start + jnp.arange(xs.shape[1], dtype=jnp.int32)
                q, k = (rules.rotary(x, positions, base=rotary) for x in (q, k))
            if start is not None:
                state = _extended(state, k, v)
                k, v = state.k, state.v
                offset = jnp.full(xs.shape[:1], start, jnp.int32)
                lengths = jnp.full(xs.shape[:1], state.position, jnp.int32)
        slopes = rules.alibi_slopes(heads) if alibi else None
        scoring = {"causal": causal, "window": window, "soft_cap": soft_cap, "dropout": rate}
        y = rules.attention(q, k, v, None, slopes, lengths, offset, key if rate else None, **scoring)
        y = rules.linear(y.reshape(xs.shape), params.out.w, params.out.b)
        return like(x, y), state

    return layer("attention", init, apply)


def _heads(x: Array, projection: Dense, heads: int) -> Float[Array, "batch time heads features"]:
    """Return X·W + b cut into heads."""
    y = rules.linear(x, projection.w, projection.b)
    return y.reshape(*x.shape[:2], heads, y.shape[-1] // heads)


def _extended(state: KeyValueCache, k: Array, v: Array) -> KeyValueCache:
    """Return the cache with new keys and values behind those that it has; NaN if they find no room."""
    end = state.position + k.shape[1]
    k = rules.add(k, jnp.where(end <= state.k.shape[1], 0, jnp.nan).astype(k.dtype))

    def write(there, new):
        return lax.dynamic_update_slice(there, new.astype(there.dtype), (0, state.position, 0, 0))

    return KeyValueCache(write(state.k, k), write(state.v, v), end)


def _need_room(state: Any, x: Array, lengths: Array | None) -> Array:
    """Return the position of x's first entry; raise unless the state is a cache with room for x."""
    if not isinstance(state, KeyValueCache):
        raise LayerError(f"{path()}: state is a {type(state).__name__}, wanted KeyValueCache, as init makes it.")
    if lengths is not None:
        raise LayerError(f"{path()}: got a Padded, but a cache counts one position for all; wanted an array.")
    if x.shape[0] != state.k.shape[0]:
        raise LayerError(f"{path()}: x has {x.shape[0]} examples, and the cache is made for {state.k.shape[0]}.")
    at = 0 if isinstance(state.position, jax.core.Tracer) else int(state.position)
    if at + x.shape[1] > state.k.shape[1]:
        raise LayerError(
            f"{path()}: {x.shape[1]} positions from {at} on, and the cache has room for {state.k.shape[1]}; make the "
            "layer with a larger cache, or start from a fresh state."
        )
    return state.position


def _branches(x: Any) -> tuple[Any, Any]:
    """Return (x, memory), the memory None for attention of x to itself; raise for what are no sequences."""
    x, memory = (x, None) if isinstance(x, Padded) or not isinstance(x, tuple) else x if len(x) == 2 else (x, None)
    for name, each in (("x", x), ("memory", memory)):
        if each is None:
            continue
        array = unpad(each)[0]
        if not hasattr(array, "shape"):
            raise LayerError(
                f"{path()}: {name} is a {type(array).__name__}, wanted one array, or the pair (x, memory)."
            )
        if len(array.shape) != 3 or (name == "memory" and array.shape[0] != unpad(x)[0].shape[0]):
            raise LayerError(f"{path()}: {name} has shape {array.shape}, wanted (batch, time, features).")
    return x, memory


def _divided(width: int, heads: int) -> int:
    """Return the features of a head; raise unless all have as many."""
    if width % heads:
        raise LayerError(
            f"{path()}: x has {width} features, which {heads} heads do not divide; wanted a multiple of heads."
        )
    return width // heads


def _check(heads, kv_heads, window, rotary, dropout, cache, causal) -> None:
    if heads < 1 or kv_heads < 1 or heads % kv_heads:
        raise ValueError(
            f"attention: heads = {heads}, kv_heads = {kv_heads}, wanted at least 1, and heads that kv_heads divides."
        )
    if window is not None and window < 1:
        raise ValueError(f"attention: window = {window}, wanted at least 1, which is the position itself.")
    if rotary is not None and not rotary > 0:
        raise ValueError(f"attention: rotary = {rotary}, wanted the base of its angles, such as 10000.")
    if not 0 <= dropout < 1:
        raise ValueError(f"attention: dropout = {dropout}, wanted the probability of dropping, 0 <= dropout < 1.")
    if cache is not None and (cache < 1 or not causal):
        raise ValueError(
            f"attention: cache = {cache}, causal = {causal}; a cache wants room for at least 1, and causal=True, for "
            "what is yet to come is unknown."
        )
