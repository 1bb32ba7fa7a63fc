"""Attention's tiles: whatever their sizes, the same values and gradients; which keys they hold; what dropout draws."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn.kernels import attention
from fnn.kernels.attention.plan import Shape, Sizes, bands_of, sizes_of

KEY = jax.random.key(5)


def normal(number: int, *shape: int):
    return jax.random.normal(jax.random.fold_in(KEY, number), shape)


@functools.partial(jax.jit, static_argnames=("scoring", "sizes"))
def both_passes(q, k, v, modifiers, dy, scoring, sizes):
    y, logs = attention.forward(q, k, v, modifiers, KEY, scoring, sizes)
    return y, logs, attention.backward(q, k, v, modifiers, KEY, y, logs, dy, scoring, sizes)


CASES = {
    "causal": (5, attention.Scoring(causal=True)),
    "causal window": (5, attention.Scoring(causal=True, window=3, dropout=0.25)),
    "window": (4, attention.Scoring(window=2, soft_cap=0.8)),
    "everything": (4, attention.Scoring(causal=True, window=4, soft_cap=0.8, dropout=0.25)),
}


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("causal", Sizes(1, 1, 2)),
        ("everything", Sizes(1, 1, 2)),
        ("window", Sizes(2, 2, 4)),
        ("causal window", Sizes(1, 2, 4)),
    ],
)
def test_the_sizes_of_tiles_change_nothing(name, sizes):
    keys, scoring = CASES[name]
    q, k, v, dy = normal(0, 2, 5, 4, 3), normal(1, 2, keys, 2, 3), normal(2, 2, keys, 2, 2), normal(3, 2, 5, 4, 2)
    modifiers = attention.Modifiers()
    if name == "everything":
        modifiers = attention.Modifiers(
            bias=normal(4, 2, 1, 1, 5, keys),
            slopes=normal(5, 1, 2, 2, 1, 1),
            lengths=jnp.array([3, keys]).reshape(2, 1, 1, 1, 1),
            offset=jnp.array([2, 0]).reshape(2, 1, 1, 1, 1),
        )
    whole, tiled = (both_passes(q, k, v, modifiers, dy, scoring, each) for each in (Sizes(2, 2, 5), sizes))
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=2e-5, atol=2e-5), tiled, whole)


@pytest.mark.parametrize("sizes", (Sizes(1, 1, 2), Sizes(1, 2, 4)))
def test_tiles_are_counted_in_64_bits_too(sizes):
    """With x64 the numbers that Python brings are int64, and those of the loops int32."""
    _, scoring = CASES["everything"]
    with jax.enable_x64(True):
        q, k, v, dy = normal(0, 2, 5, 4, 3), normal(1, 2, 5, 2, 3), normal(2, 2, 5, 2, 2), normal(3, 2, 5, 4, 2)
        modifiers = attention.Modifiers(lengths=jnp.array([3, 5]).reshape(2, 1, 1, 1, 1))
        whole, tiled = (both_passes(q, k, v, modifiers, dy, scoring, each) for each in (Sizes(2, 2, 5), sizes))
    assert q.dtype == tiled[0].dtype == jnp.float64
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-12, atol=1e-12), tiled, whole)


@pytest.mark.parametrize("queries", [1, 4, 21, 40])
@pytest.mark.parametrize("keys", [1, 5, 40])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("window", [None, 1, 3, 50])
def test_the_bands_hold_every_query_once_and_every_key_that_it_may_see(queries, keys, causal, window):
    bands = bands_of(Shape(1, 1, 1, queries, keys), 4, causal, window, False)
    seen = []
    for band in bands:
        for first in range(band.query, band.query + band.tiles * band.queries, band.queries):
            start = 0 if band.before is None else min(max(first - band.before, 0), keys - band.keys)
            for i in range(first, first + band.queries):
                seen.append(i)
                last = i if causal else keys if window is None else i + window - 1
                wanted = range(max(0, i - window + 1) if window else 0, min(last + 1, keys))
                assert not wanted or (start <= wanted[0] and wanted[-1] < start + band.keys)
    assert seen == list(range(queries)) and len(bands) <= 9
    if causal and window is None and keys >= queries:  # hardly more than half of the square
        held = sum(band.tiles * band.queries * band.keys for band in bands)
        assert held <= queries * (queries + 8 + queries / 8) / 2


def test_an_offset_is_known_at_run_time_only_so_every_tile_holds_every_key():
    assert {band.keys for band in bands_of(Shape(1, 1, 1, 21, 40), 4, True, 3, True)} == {40}


@pytest.mark.parametrize("grows", [False, True])
def test_tiles_divide_the_heads_and_are_bounded(grows):
    for shape in [
        Shape(32, 6, 1, 128, 128),
        Shape(4, 8, 1, 1024, 1024),
        Shape(3, 5, 4, 7, 9),
        Shape(2, 2, 64, 9, 9999),
    ]:
        sizes = sizes_of(shape, grows)
        assert shape.batch % sizes.batch == shape.kv_heads % sizes.kv_heads == 0
        assert sizes.batch == 1 or sizes.kv_heads == shape.kv_heads
        assert 1 <= sizes.queries <= shape.queries


def test_short_causal_heads_are_cut_in_halves():
    """The first half of the queries sees half of the keys, also where the halves are not alike."""
    for queries, halves in ((256, (128, 128)), (129, (65, 64)), (64, (64,))):
        shape = Shape(4, 2, 1, queries, queries)
        bands = bands_of(shape, sizes_of(shape, True).queries, True, None, False)
        assert tuple(band.queries for band in bands) == halves
        assert [band.keys for band in bands] == [*halves[:-1], queries]
    q, dy = (normal(n, 2, 129, 2, 3) for n in (0, 1))
    causal, everything = attention.Scoring(causal=True), attention.Modifiers()
    halved, whole = (both_passes(q, q, q, everything, dy, causal, each) for each in (None, Sizes(2, 2, 129)))
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=2e-5, atol=2e-5), halved, whole)


def test_memory_grows_with_the_keys_and_not_with_their_square():
    def temporary(time: int) -> int:
        x = jax.ShapeDtypeStruct((1, time, 2, 8), jnp.float32)

        def passes(q, k, v, dy):
            scoring = attention.Scoring()
            y, logs = attention.forward(q, k, v, attention.Modifiers(), None, scoring, Sizes(1, 1, 32))
            return attention.backward(q, k, v, attention.Modifiers(), None, y, logs, dy, scoring, Sizes(1, 1, 32))

        told: Any = jax.jit(passes).lower(x, x, x, x).compile().memory_analysis()
        return told.temp_size_in_bytes

    short, long = temporary(256), temporary(1024)
    assert long < 4.5 * short and long < 4 * 1024 * 1024  # one square alone would be 8 MiB


def test_dropout_keeps_its_share_and_another_key_another():
    kept = attention.keep_mask(KEY, 2, 3, 40, 50, 0.25)
    assert kept.shape == (2, 3, 40, 50)
    assert abs(float(kept.mean()) - 0.75) < 5 * (0.25 * 0.75 / kept.size) ** 0.5
    agree = float((kept == attention.keep_mask(jax.random.key(6), 2, 3, 40, 50, 0.25)).mean())
    assert abs(agree - 0.625) < 0.03
    heads = kept.reshape(6, -1)
    assert len({tuple(head.tolist()) for head in np.asarray(heads)}) == 6
