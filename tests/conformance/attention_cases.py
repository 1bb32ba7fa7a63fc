"""The rows of the conformance table for attention and rotary positions: a loop over every query and every key."""

import jax
import numpy as np
from cases import Case, generator, normal

from fnn import rules
from fnn.kernels.attention import keep_mask

KEPT = jax.jit(keep_mask, static_argnums=(1, 2, 3, 4, 5))


def attention(
    q,
    k,
    v,
    bias=None,
    slopes=None,
    lengths=None,
    offset=None,
    key=None,
    causal=False,
    window=None,
    soft_cap=None,
    scale=None,
    dropout=0.0,
):
    """Which weights dropout keeps, the kernel says; tests/kernels/test_attention_kernels.py has how many."""
    (batch, queries, heads, features), (_, keys, kv_heads, value_features) = q.shape, v.shape
    y = np.zeros((batch, queries, heads, value_features))
    bias = np.broadcast_to(0.0 if bias is None else bias, (batch, heads, queries, keys))
    kept = np.asarray(KEPT(key, batch, heads, queries, keys, dropout)) if dropout else np.ones_like(bias)
    for b, row, h in np.ndindex(batch, queries, heads):
        i, group = row + (0 if offset is None else offset[b]), h // (heads // kv_heads)
        weights = np.zeros(keys)
        for j in range(keys):
            seen = (not causal or j <= i) and (lengths is None or j < lengths[b])
            if window is not None:
                seen = seen and i - window < j and (causal or j < i + window)
            s = q[b, row, h] @ k[b, j, group] * (features**-0.5 if scale is None else scale)
            s = s if soft_cap is None else soft_cap * np.tanh(s / soft_cap)
            s = s + bias[b, h, row, j] + (0 if slopes is None else slopes[h] * (j - i))
            weights[j] = np.exp(s) if seen else 0.0
        if weights.any():
            y[b, row, h] = weights / weights.sum() * kept[b, h, row] / (1 - dropout) @ v[b, :, group]
    return y


def rotary(x, positions=None, base=10000.0, interleaved=False):
    """Turn each pair of features as a complex number."""
    y, half = np.empty_like(x), x.shape[3] // 2
    positions = np.arange(x.shape[1]) if positions is None else positions
    positions = np.broadcast_to(positions, x.shape[:2])
    for p in range(half):
        one, other = (2 * p, 2 * p + 1) if interleaved else (p, p + half)
        turned = (x[..., one] + 1j * x[..., other]) * np.exp(1j * positions[:, :, None] * base ** (-p / half))
        y[..., one], y[..., other] = turned.real, turned.imag
    return y


Q, K, V = normal("queries", 2, 3, 4, 2), normal("keys", 2, 4, 2, 2), normal("values", 2, 4, 2, 3)
BIAS, SLOPES = normal("bias", 4, 1, 4), normal("slopes", 4)
LENGTHS, OFFSET = np.array([4, 2]), np.array([1, 2])
HEADS = generator("positions").integers(0, 9, size=(2, 3))

ATTENTION: list[Case] = [
    Case(rules.attention, "one query, one key", (Q[:1, :1, :1], K[:1, :1, :1], V[:1, :1, :1]), {}, attention, length=3),
    Case(rules.attention, "causal", (Q[:, :, :2], K[:, :3], V[:, :3]), {"causal": True}, attention, length=16),
    Case(
        rules.attention,
        "dropout",
        (Q, K, V, None, None, None, None, jax.random.key(2)),
        {"dropout": 0.25, "window": 2, "scale": 0.5},
        attention,
        length=16,
    ),
    Case(
        rules.attention,
        "all",
        (Q, K, V, BIAS, SLOPES, LENGTHS, OFFSET),
        {"causal": True, "window": 3, "soft_cap": 1.5, "scale": 0.8},
        attention,
        length=32,
    ),
    Case(rules.rotary, "halves", (Q,), {}, rotary, length=2),
    Case(
        rules.rotary,
        "interleaved",
        (normal("four", 2, 3, 2, 4), HEADS),
        {"base": 100.0, "interleaved": True},
        rotary,
        length=2,
    ),
]
