"""Sequences of different lengths: padded, and sorted into batches of few shapes that hold each of them once."""

import numpy as np
import pytest

from fnn import data, layers


def test_pad():
    padded = data.pad([[1, 2], np.array([3], np.int64), []], value=9)
    assert isinstance(padded, layers.Padded)
    assert padded.x.tolist() == [[1, 2], [3, 9], [9, 9]] and padded.lengths.tolist() == [2, 1, 0]
    assert padded.x.dtype == padded.lengths.dtype == np.int32
    assert data.pad([[1]], length=3).x.tolist() == [[1, 0, 0]]
    assert data.pad([[], []]).x.shape == (2, 0)
    frames = data.pad([np.ones((2, 5)), np.ones((4, 5))])
    assert frames.x.shape == (2, 4, 5) and frames.x.dtype == np.float32 and frames.x.sum() == 30


def test_bad_padding():
    with pytest.raises(ValueError, match="there are no sequences to pad"):
        data.pad([])
    with pytest.raises(ValueError, match="sequence 1 has length 3, and pad was asked for length 2"):
        data.pad([[1], [1, 2, 3]], length=2)
    with pytest.raises(ValueError, match=r"sequence 1 has shape \(2, 4\), and the first \(2, 5\)"):
        data.pad([np.ones((2, 5)), np.ones((2, 4))])
    with pytest.raises(ValueError, match=r"sequence 0 has shape \(\)"):
        data.pad([3, 4])


def test_buckets():
    generator = np.random.default_rng(0)
    sequences = [np.full(generator.integers(1, 40), i) for i in range(103)]
    batches = data.bucket(sequences, 8, buckets=4, value=-1, seed=3)
    seen = []
    for members, (x, lengths) in batches:
        assert x.shape[0] == len(members) == len(lengths) == 8
        for i, row, length in zip(members, x, lengths, strict=True):
            assert length == (0 if i < 0 else len(sequences[i]))
            assert (row[:length] == i).all() and (row[length:] == -1).all()
            seen += [i] if i >= 0 else []
    assert sorted(seen) == list(range(103))
    assert len({batch.sequences.x.shape for batch in batches}) <= 4
    # Four groups of one length after another: far less padding than the longest for all.
    size = sum(batch.sequences.x.size for batch in batches)
    assert size < 0.75 * 104 * max(map(len, sequences))


def test_the_seed_decides_the_order():
    sequences = [[i] * (1 + i % 5) for i in range(50)]

    def order(seed):
        return [batch.members.tolist() for batch in data.bucket(sequences, 4, seed=seed)]

    assert order(0) == order(0) != order(1)


def test_more_buckets_than_sequences():
    assert [batch.members.tolist() for batch in data.bucket([[5]], 2, buckets=3)] == [[0, -1]]
    with pytest.raises(ValueError, match="batch_size = 0, buckets = 4"):
        data.bucket([[1]], 0)
    with pytest.raises(ValueError, match="there are no sequences"):
        data.bucket([], 2)
