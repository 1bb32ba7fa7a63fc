"""Threefry written out gives the bits of `jax.random`, fewer rounds are as even, and every kind of key serves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn.kernels import threefry

SHAPES = [(), (3,), (5, 7), (2, 3, 4), (0, 3), (1000,)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_bits_are_those_of_jax(shape):
    for seed in (0, 7, 2**31 - 1):
        key = jax.random.key(seed)
        np.testing.assert_array_equal(threefry.bits(key, shape), jax.random.bits(key, shape))


@pytest.mark.parametrize("impl", ["threefry2x32", "rbg"])
@pytest.mark.parametrize("number", [0, 1, 77, 2**31 - 1])
def test_fold_in_is_that_of_jax(impl, number):
    key = jax.random.key(3, impl=impl)
    for given in (number, jnp.int32(number), jnp.uint32(number)):
        ours, theirs = threefry.fold_in(key, given), jax.random.fold_in(key, given)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(jax.random.key_data(ours), jax.random.key_data(theirs))


def test_raw_keys_fold_as_typed_ones():
    raw = jax.random.key_data(jax.random.key(4))
    np.testing.assert_array_equal(threefry.fold_in(raw, 5), jax.random.fold_in(raw, 5))


def test_keys_of_another_generator_give_bits_of_their_own():
    rbg = jax.random.key(7, impl="rbg")
    first, second = threefry.bits(rbg, (100,)), threefry.bits(jax.random.fold_in(rbg, 1), (100,))
    assert len(set(np.asarray(first).tolist())) == 100 and not np.array_equal(first, second)


@pytest.mark.parametrize("rounds", [13, 20])
def test_bits_are_even_and_independent(rounds):
    """Each of the 32 bits is 1 half of the time, and pairs of bits, of neighbours and of keys agree half of the time.

    A fraction of n fair coins has standard deviation 1/(2 √n); the bound of 5 of them fails a true coin once in
    1.7 million, and 32·31 + 64 coins are looked at.
    """
    count = 1 << 16
    streams = [threefry.bits(jax.random.key(seed), (count,), rounds) for seed in (0, 1)]
    one, other = (np.unpackbits(np.asarray(s)[:, None].view(np.uint8), axis=1).astype(np.float64) for s in streams)
    bound = 5 / (2 * np.sqrt(count))
    assert np.abs(one.mean(0) - 0.5).max() < bound
    signs = 2 * one - 1
    correlation = signs.T @ signs / count
    np.fill_diagonal(correlation, 0.0)
    assert np.abs(correlation).max() < 2 * bound
    assert np.abs((one[1:] == one[:-1]).mean(0) - 0.5).max() < bound
    assert np.abs((one == other).mean(0) - 0.5).max() < bound


def test_more_entries_than_the_counter_has_are_refused():
    with pytest.raises(ValueError, match=r"more than 2\*\*32 entries"):
        threefry.bits(jax.random.key(0), (1 << 17, 1 << 16))
