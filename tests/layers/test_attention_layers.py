"""Attention as a layer: against loops over heads and positions, padding, memory, the cache, and what is refused."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import layers
from fnn.layers import Padded

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(2, 5, 8)).astype(np.float32)
MEMORY = np.random.default_rng(1).normal(size=(2, 4, 6)).astype(np.float32)


def started(net, x: Any = X):
    """Return (params, state) whose biases are not 0."""
    params, state = net.init(KEY, x)
    return jax.tree.map(lambda leaf: np.asarray(leaf + 0.3 if leaf.ndim == 1 else leaf), params), state


def by_hand(q, k, v, heads, kv_heads, causal=False, window=None):
    """Attention of one example, head by head and query by query; q, k and v are (time, heads · features)."""
    size = q.shape[1] // heads
    y = np.zeros_like(q, np.float64)
    for head in range(heads):
        mine, shared = (slice(h * size, (h + 1) * size) for h in (head, head // (heads // kv_heads)))
        for i in range(len(q)):
            seen = [j for j in range(len(k)) if (j <= i or not causal) and (window is None or i - j < window)]
            scores = k[seen, shared].astype(float) @ q[i, mine] / np.sqrt(size)
            weights = np.exp(scores - scores.max())
            y[i, mine] = weights / weights.sum() @ v[seen, shared]
    return y


@pytest.mark.parametrize("kv_heads", (4, 2, 1))
def test_of_a_sequence_to_itself_is_the_loop_over_heads(kv_heads):
    net = layers.attention(4, kv_heads=kv_heads, causal=True, window=3)
    params, state = started(net)
    got, _ = net.apply(params, state, X)
    for x, y in zip(X, got, strict=True):
        q, k, v = (x @ projection.w + projection.b for projection in params[:3])
        want = by_hand(q, k, v, 4, kv_heads, causal=True, window=3) @ params.out.w + params.out.b
        np.testing.assert_allclose(y, want, rtol=0, atol=2e-6)


def test_of_a_memory_is_the_loop_over_heads_and_padding_does_not_count():
    net = layers.attention(2)
    params, state = started(net, (X, MEMORY))
    got, _ = net.apply(params, state, (X, Padded(jnp.asarray(MEMORY), jnp.array([4, 1]))))
    for x, memory, length, y in zip(X, MEMORY, (4, 1), got, strict=True):
        q, (k, v) = x @ params.q.w + params.q.b, (memory[:length] @ p.w + p.b for p in (params.k, params.v))
        np.testing.assert_allclose(y, by_hand(q, k, v, 2, 2) @ params.out.w + params.out.b, rtol=0, atol=2e-6)


def test_what_is_padding_changes_nothing_before_it():
    net = layers.attention(2, rotary=100.0)
    params, state = started(net)
    got, _ = net.apply(params, state, Padded(jnp.asarray(X), jnp.array([5, 2])))
    assert isinstance(got, Padded) and got.lengths.tolist() == [5, 2]
    short, _ = net.apply(params, state, X[1:, :2])
    np.testing.assert_allclose(got.x[1, :2], short[0], rtol=0, atol=1e-6)


OPTIONS = [{}, {"rotary": 100.0, "kv_heads": 1}, {"alibi": True, "window": 2, "soft_cap": 2.0, "bias": False}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_with_a_cache_part_by_part_is_the_whole(options):
    plain, net = (layers.attention(2, causal=True, cache=room, **options) for room in (None, 7))
    params, _ = started(plain)
    cached, state = net.init(KEY, X)
    assert jax.tree.structure(cached) == jax.tree.structure(params)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(state))
    apply, parts = jax.jit(net.apply), []
    for part in (X[:, :2], X[:, 2:3], X[:, 3:4], X[:, 4:]):
        y, state = apply(params, state, part)
        parts.append(y)
    np.testing.assert_allclose(np.concatenate(parts, 1), plain.apply(params, (), X)[0], rtol=0, atol=2e-6)
    assert state.position == 5
    beyond, _ = apply(params, state, X[:, :3])
    assert jnp.isnan(beyond).all()
    with pytest.raises(layers.LayerError, match=r"attention: 3 positions from 5 on, and the cache has room for 7"):
        net.apply(params, state, X[:, :3])


def test_dropout_is_of_training_and_of_the_key():
    net = layers.attention(2, dropout=0.5)
    params, state = started(net)

    def run(**how):
        return net.apply(params, state, X, **how)[0]

    first, other = (run(key=jax.random.key(n), train=True) for n in (1, 2))
    assert (first != other).any() and (first != run()).any()
    np.testing.assert_array_equal(run(key=KEY), run())
    with pytest.raises(layers.LayerError, match=r"attention: dropout = 0.5 with train=True needs a key"):
        run(train=True)


REFUSED_OPTIONS = {
    "heads = 0": {"heads": 0},
    "heads = 4, kv_heads = 3": {"heads": 4, "kv_heads": 3},
    "window = 0": {"heads": 1, "window": 0},
    "rotary = -1": {"heads": 1, "rotary": -1},
    "dropout = 1": {"heads": 1, "dropout": 1},
    "cache = 4, causal = False": {"heads": 1, "cache": 4},
    "cache = 0": {"heads": 1, "cache": 0, "causal": True},
}


@pytest.mark.parametrize("message", REFUSED_OPTIONS)
def test_options_are_refused(message):
    with pytest.raises(ValueError, match=f"attention: {message}"):
        layers.attention(**REFUSED_OPTIONS[message])


REFUSED = {
    "heads that do not divide": ({"heads": 3}, X, "x has 8 features, which 3 heads do not divide"),
    "one axis too few": ({"heads": 2}, X[0], r"x has shape \(5, 8\), wanted \(batch, time, features\)"),
    "another batch": ({"heads": 2}, (X, MEMORY[:1]), r"memory has shape \(1, 4, 6\)"),
    "three": ({"heads": 2}, (X, X, X), "wanted one array, or the pair"),
    "integers": ({"heads": 2}, np.zeros((1, 2, 8), int), "x is int"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_inputs_are_refused(name):
    options, x, message = REFUSED[name]
    with pytest.raises(layers.LayerError, match=message):
        layers.attention(**options).init(KEY, x)


def test_calls_are_refused():
    net, cached = layers.attention(2), layers.attention(2, causal=True, cache=4)
    params, state = cached.init(KEY, X)
    turned = layers.attention(2, rotary=100.0)
    for layer, *arguments, message in (
        (net, params, (), X[..., :4], r"x has shape \(2, 5, 4\), wanted \(..., 8\)"),
        (net, params, (), X[:, :0], "without keys"),
        (net, params, (), (X, MEMORY), r"memory has shape \(2, 4, 6\), wanted \(..., 8\)"),
        (net, layers.dense(8).init(KEY, X)[0], (), X, "wanted Attention"),
        (turned, net.init(KEY, (X, MEMORY))[0], (), (X, MEMORY), "rotary and cache are of a sequence to itself"),
        (cached, params, (), X[:, :2], "state is a tuple, wanted KeyValueCache"),
        (cached, params, state, X, "5 positions from 0 on, and the cache has room for 4"),
        (cached, params, state, X[:1, :2], "x has 1 examples, and the cache is made for 2"),
        (cached, params, state, Padded(jnp.asarray(X[:, :2]), jnp.array([1, 2])), "got a Padded"),
    ):
        with pytest.raises(layers.LayerError, match=message):
            layer.apply(*arguments)
    with pytest.raises(layers.LayerError, match=r"the length of row 0 is 6, wanted one of 0..5"):
        net.apply(params, (), Padded(jnp.asarray(X), jnp.array([6, 2])))
