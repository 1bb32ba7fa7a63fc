"""Attention, and the slopes of its linear bias by distance (ALiBi). Kernel: `fnn.kernels.attention`."""

import math

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int, Key, UInt

from fnn.kernels import attention as kernel
from fnn.rule import rule


@rule
def attention(
    q: Float[Array, "batch queries heads features"],
    k: Float[Array, "batch keys kv_heads features"],
    v: Float[Array, "batch keys kv_heads value_features"],
    bias: Float[Array, "..."] | None = None,
    slopes: Float[Array, " heads"] | None = None,
    lengths: Int[Array, " batch"] | None = None,
    offset: Int[Array, " batch"] | None = None,
    key: Key[Array, ""] | UInt[Array, "..."] | None = None,
    *,
    causal: bool = False,
    window: int | None = None,
    soft_cap: float | None = None,
    scale: float | None = None,
    dropout: float = 0.0,
):
    """O = P·V with P = softmax S over the keys, S = scale Q·Kᵀ + bias + slopes (j - i), -inf where masked.

    q: (batch, queries, heads, features), k: (batch, keys, kv_heads, features), v: (batch, keys, kv_heads,
    value_features), o: (batch, queries, heads, value_features). kv_heads divides heads: query head h uses key-value
    head h // (heads / kv_heads), so heads of them is multi-head, one is multi-query attention, between them grouped.

    scale: 1/√features unless given. soft_cap c: c tanh(scale Q·Kᵀ / c) in place of scale Q·Kᵀ.
    bias: anything that broadcasts to (batch, heads, queries, keys); it may be -inf. slopes: one number a head (ALiBi).
    offset: the position i of each example's first query among the keys, 0 unless given; key j stands at j.
    causal: j <= i. window w: i - w < j, and j < i + w unless causal. lengths: j < length, the valid keys of each
    example. dropout: this share of P, drawn from the key, is set to 0 and the others are divided by 1 - dropout; which,
    tells `fnn.kernels.attention.keep_mask`.

        dV = Pᵀ·dO,   dP = dO·Vᵀ,   dS = P (dP - D),   D = Σ dO O over the features
        dQ = scale (dS A)·K,   dK = scale (dS A)ᵀ·Q,   A = 1 - tanh² of the soft cap, or 1
        dbias = dS summed over the axes along which it was stretched,   dslopes = Σ dS (j - i)

    Keeps the arguments, O, and L = log Σ exp S in float32 or wider, one number a query and head; P = exp(S - L) is
    made again, block by block, as is the mask of dropout, so memory grows with the keys and not with their square.
    Softmax and sums are in float32 or wider. A query that sees no key has o = 0 and no gradient. A score of +inf makes
    its row NaN, one of -inf is a weight of 0; a masked key counts as 0 times its value, NaN if that is infinite.

    Raises ValueError for shapes that do not fit, no keys, heads that kv_heads does not divide, window < 1,
    soft_cap <= 0, dropout outside 0 <= dropout < 1 or without a key, and lengths, where they are no tracers, outside
    0..keys. Sources: Vaswani et al. (2017), arXiv:1706.03762; Dao et al. (2022), arXiv:2205.14135; Ainslie et al.
    (2023), arXiv:2305.13245; Press et al. (2022), arXiv:2108.12409; the soft cap: Gemma 2 (2024), arXiv:2408.00118.

    >>> import jax.numpy as jnp
    >>> x = jnp.array([1.0, 2.0, 4.0]).reshape(1, 3, 1, 1)
    >>> [round(float(y), 3) for y in attention(0 * x, x, x, causal=True).ravel()]
    [1.0, 1.5, 2.333]
    """
    _check(q, k, v, slopes, lengths, offset, causal=causal, window=window, soft_cap=soft_cap)
    if not 0 <= dropout < 1:
        raise ValueError(f"attention: dropout = {dropout}, wanted the probability of dropping, 0 <= dropout < 1.")
    if dropout and key is None:
        raise ValueError(f"attention: dropout = {dropout} wants a key to draw from; pass key, or dropout=0.")
    key = key if dropout else None
    scoring = _scoring(q, causal, window, soft_cap, scale, dropout)
    o, logs = kernel.forward(q, k, v, _modifiers(q, k, bias, slopes, lengths, offset), key, scoring)
    return o, (q, k, v, bias, slopes, lengths, offset, key, o, logs)


@attention.backward
def attention_backward(saved, do, *, causal, window, soft_cap, scale, dropout):
    """dV = Pᵀ·dO, dS = P (dO·Vᵀ - D), dQ = scale (dS A)·K, dK = scale (dS A)ᵀ·Q, dbias = dS, dslopes = Σ dS (j - i)."""
    q, k, v, bias, slopes, lengths, offset, key, o, logs = saved
    modifiers = _modifiers(q, k, bias, slopes, lengths, offset)
    scoring = _scoring(q, causal, window, soft_cap, scale, dropout)
    dq, dk, dv, dbias, dslopes = kernel.backward(q, k, v, modifiers, key, o, logs, do, scoring)
    dbias = None if dbias is None else dbias.reshape(bias.shape)
    dslopes = None if dslopes is None else dslopes.reshape(slopes.shape)
    return dq, dk, dv, dbias, dslopes, None, None, None


def alibi_slopes(heads: int) -> Float[Array, " heads"]:
    """Return the slopes of ALiBi: 2^(-8 h / heads) for h = 1..heads, if heads is a power of two.

    For another number they are those of the next lower power of two, and then every other one of those of the next
    higher. Multiplied by j - i <= 0, they weigh down the keys that are far behind. Source: Press, Smith and Lewis
    (2022), arXiv:2108.12409, and the authors' code for numbers that are no power of two.

    >>> alibi_slopes(4).tolist()
    [0.25, 0.0625, 0.015625, 0.00390625]
    """
    if heads < 1:
        raise ValueError(f"alibi_slopes: heads = {heads}, wanted at least 1.")
    lower = 1 << (heads.bit_length() - 1)
    slopes = [2.0 ** (-8 * h / lower) for h in range(1, lower + 1)]
    between = [2.0 ** (-4 * h / lower) for h in range(1, 2 * lower + 1, 2)]
    return jnp.asarray([*slopes, *between[: heads - lower]], jnp.float32)


def _scoring(q, causal, window, soft_cap, scale, dropout) -> kernel.Scoring:
    scale = 1 / math.sqrt(max(q.shape[3], 1)) if scale is None else scale
    return kernel.Scoring(causal, window, soft_cap, scale, dropout)


def _modifiers(q: Array, k: Array, bias, slopes, lengths, offset) -> kernel.Modifiers:
    """Give the arrays that modify scores the axes (batch, kv_heads, group, queries, keys)."""
    kv_heads, group = k.shape[2], q.shape[2] // k.shape[2]
    if bias is not None:
        want = (q.shape[0], q.shape[2], q.shape[1], k.shape[1])
        if bias.ndim > 4 or any(n not in (1, w) for n, w in zip(bias.shape[::-1], want[::-1], strict=False)):
            raise ValueError(
                f"attention: bias has shape {bias.shape}, wanted one that broadcasts to (batch, heads, queries, keys) "
                f"= {want}; axes, counted from the last, must be equal or 1."
            )
        batch, heads, queries, keys = (1,) * (4 - bias.ndim) + bias.shape
        split = (1, 1) if heads == 1 else (kv_heads, group)
        bias = bias.reshape(batch, *split, queries, keys)
    if slopes is not None:
        slopes = slopes.reshape(1, kv_heads, group, 1, 1)
    lengths = None if lengths is None else lengths.reshape(-1, 1, 1, 1, 1)
    offset = None if offset is None else offset.reshape(-1, 1, 1, 1, 1)
    return kernel.Modifiers(bias, slopes, lengths, offset)


def _check(q, k, v, slopes, lengths, offset, *, causal, window, soft_cap) -> None:
    if not q.ndim == k.ndim == v.ndim == 4 or q.shape[0] != k.shape[0] or k.shape[:3] != v.shape[:3]:
        raise ValueError(
            f"attention: q has shape {q.shape}, k {k.shape} and v {v.shape}, wanted (batch, queries, heads, features), "
            "(batch, keys, kv_heads, features) and (batch, keys, kv_heads, value_features)."
        )
    if q.shape[3] != k.shape[3]:
        raise ValueError(
            f"attention: q has {q.shape[3]} features a head and k {k.shape[3]}, wanted as many for their product."
        )
    if k.shape[2] == 0 or q.shape[2] % k.shape[2]:
        raise ValueError(
            f"attention: q has {q.shape[2]} heads and k {k.shape[2]}, wanted a number of heads that the number of "
            "key-value heads divides."
        )
    if k.shape[1] == 0:
        raise ValueError(f"attention: k has shape {k.shape}, without keys; a query wants at least one to attend to.")
    if window is not None and window < 1:
        raise ValueError(f"attention: window = {window}, wanted at least 1, which is the query's own position.")
    if soft_cap is not None and not soft_cap > 0:
        raise ValueError(f"attention: soft_cap = {soft_cap}, wanted a positive bound of the scores, or None.")
    if slopes is not None and slopes.shape != q.shape[2:3]:
        raise ValueError(f"attention: slopes have shape {slopes.shape}, wanted one a head of q, {q.shape[2:3]}.")
    for name, numbers in (("lengths", lengths), ("offset", offset)):
        if numbers is not None and numbers.shape != q.shape[:1]:
            raise ValueError(f"attention: {name} has shape {numbers.shape}, wanted one a example, {q.shape[:1]}.")
    if lengths is not None and not isinstance(lengths, Tracer):
        wrong = np.asarray(lengths)
        wrong = wrong[(wrong < 0) | (wrong > k.shape[1])]
        if wrong.size:
            raise ValueError(
                f"attention: a length is {wrong[0]}, but k has {k.shape[1]} keys; lengths count the valid ones."
            )
