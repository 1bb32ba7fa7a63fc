"""Split, standardise, one-hot: properties over random sizes, and oracles in float64."""

import math
from fractions import Fraction

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fnn import data
from fnn.data import Dataset, Examples


@settings(max_examples=100, deadline=None)
@given(
    labels=st.lists(st.integers(0, 4), min_size=2, max_size=60),
    percent=st.integers(1, 99),
    seed=st.integers(0, 9),
    stratify=st.booleans(),
)
def test_a_split_is_a_partition(labels, percent, seed, stratify):
    y = np.array(labels, np.int32)
    x = np.arange(len(y), dtype=np.float32)[:, None]  # every example knows its place
    train, test = data.train_test_split(Examples(x, y), percent / 100, seed=seed, stratify=stratify)
    assert len(test.y) == min(math.ceil(Fraction(percent, 100) * len(y)), len(y) - 1)
    together = np.concatenate([train.x, test.x])[:, 0].astype(int)
    assert sorted(together) == list(range(len(y)))
    assert np.array_equal(np.concatenate([train.y, test.y]), y[together])
    if stratify:
        exact = np.bincount(y) * len(test.y) / len(y)
        assert (abs(np.bincount(test.y, minlength=len(exact)) - exact) < 1).all()
    again = data.train_test_split(Examples(x, y), percent / 100, seed=seed, stratify=stratify)
    assert np.array_equal(again.train.x, train.x) and np.array_equal(again.test.x, test.x)


def test_a_split_is_random():
    examples = Examples(np.arange(100, dtype=np.float32), np.zeros(100, np.int32))
    first, second = (data.train_test_split(examples, 0.5, seed=seed) for seed in (0, 1))
    assert not np.array_equal(first.test.x, second.test.x)
    assert abs((first.test.x < 50).sum() - 25) < 5 * 2.5  # 25, give or take 2.5, if neither half is preferred
    assert (np.diff(first.test.x) < 0).any() and (np.diff(first.train.x) < 0).any()  # nor sorted


def test_split_errors():
    examples = Examples(np.zeros((4, 1)), np.zeros(4))
    for fraction in (0.0, 1.0, -0.5, math.nan):
        with pytest.raises(ValueError, match=f"between 0 and 1, and fraction is {fraction}"):
            data.train_test_split(examples, fraction, seed=0)
    with pytest.raises(ValueError, match="one example cannot be split"):
        data.train_test_split(Examples(np.zeros((1, 1)), np.zeros(1)), 0.5, seed=0)
    with pytest.raises(TypeError, match=r"stratify wants one integer label.*float64 of shape \(4,\)"):
        data.train_test_split(examples, 0.5, seed=0, stratify=True)
    with pytest.raises(ValueError, match="x has 4, y has 3"):
        data.train_test_split(Examples(np.zeros((4, 1)), np.zeros(3)), 0.5, seed=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("shape", [(7,), (3, 5)])
def test_standardise(dtype, shape):
    random = np.random.default_rng(0)
    scale, offset = random.uniform(1, 20, shape), random.uniform(60, 120, shape)
    train, test = (np.asarray(random.normal(size=(n, *shape)) * scale + offset).astype(dtype) for n in (200, 30))
    train[:, ..., 0] = 7  # constant where it is learned from, not where it is used
    dataset, scaling = data.standardise(Dataset(Examples(train, np.arange(200)), Examples(test, np.arange(30))))

    mean, deviation = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    deviation[..., 0] = 1
    working = np.float64 if dtype == np.float64 else np.float32
    # x - mean is off by eps · (|x| + |mean|) and the quotient by a few eps of itself.
    tolerance = 4 * np.finfo(working).eps * (abs(test).max() + mean.max()) / deviation.min()
    for part, x in zip(dataset, (train, test), strict=True):
        assert part.x.dtype == working
        np.testing.assert_allclose(part.x, (x - mean) / deviation, rtol=0, atol=tolerance)
        assert np.array_equal(scaling(x.astype(working)), part.x)
    assert (dataset.train.x[..., 0] == 0).all() and np.isfinite(dataset.test.x).all()
    assert np.array_equal(dataset.test.y, np.arange(30))
    assert scaling.mean.dtype == scaling.standard_deviation.dtype == working


def test_a_constant_that_is_no_float_is_still_constant():
    """The mean of equal numbers, summed and divided, need not be that number."""
    x = np.full((1001, 2), 0.1, np.float64)
    part = Examples(x, np.zeros(1001))
    dataset, scaling = data.standardise(Dataset(part, part))
    assert (dataset.train.x == 0).all() and (scaling.standard_deviation == 1).all()


def test_standardise_refuses_bad_data():
    good, bad = Examples(np.ones((2, 2)), np.ones(2)), Examples(np.full((2, 2), np.nan), np.ones(2))
    for dataset in (Dataset(good, bad), Dataset(bad, good)):
        with pytest.raises(ValueError, match="4 values that are NaN"):
            data.standardise(dataset)


def test_one_hot():
    labels = np.random.default_rng(0).integers(0, 5, (4, 3))
    got = data.one_hot(jnp.asarray(labels), 5)
    assert got.dtype == np.float32 and got.shape == (4, 3, 5)
    assert np.array_equal(got, (labels[..., None] == np.arange(5)).astype(np.float32))
    assert data.one_hot(np.int32(1), 2).tolist() == [0, 1]
    with pytest.raises(ValueError, match=r"label 5 at index \(1, 0\).* 5 classes want labels from 0 to 4"):
        data.one_hot([[0, 1], [5, 2]], 5)
    with pytest.raises(ValueError, match="label -1 at index 1"):
        data.one_hot([0, -1], 2)
    with pytest.raises(TypeError, match="dtype float64"):
        data.one_hot([0.0, 1.0], 2)
