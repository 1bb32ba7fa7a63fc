"""The sets in the plane: their size and balance, their noise, and where their points lie without it."""

import inspect
import math

import numpy as np
import pytest

from fnn import data
from fnn.data import toys

EPS = 4 * float(np.finfo(np.float32).eps)
TOYS = {"two_moons": 2, "circles": 2, "xor_clouds": 2, "gaussians": 3, "spirals": 2}  # classes


def test_the_table_holds_every_set():
    functions = {name for name, value in vars(toys).items() if inspect.isfunction(value)}
    assert {name for name in functions if not name.startswith("_")} == set(TOYS)


@pytest.mark.parametrize("name", TOYS)
def test_every_set(name):
    make, classes = getattr(data, name), TOYS[name]
    for size in (4, 101, 300):
        x, y = make(size)
        assert x.shape == (size, 2) and x.dtype == np.float32
        assert y.shape == (size,) and y.dtype == np.int32
        counts = np.bincount(y, minlength=classes)
        assert len(counts) == classes and counts.max() - counts.min() <= 1
        assert data.check_examples((x, y)) == size
    again, other = make(300), make(300, seed=1)
    assert np.array_equal(x, again.x) and np.array_equal(y, again.y)
    assert not np.array_equal(x, other.x) and not np.array_equal(y, other.y)
    assert (np.diff(y) < 0).any()  # not sorted by class

    clean, noisy = make(3000, noise=0.0), make(3000, noise=0.1)  # the same points: noise is drawn last
    difference = (noisy.x - clean.x).astype(np.float64)
    assert np.array_equal(clean.y, noisy.y)
    assert abs(difference.mean()) < 5 * 0.1 / math.sqrt(6000)
    assert abs((difference**2).mean() / 0.01 - 1) < 5 * math.sqrt(2 / 6000)

    with pytest.raises(ValueError, match=r"noise is a standard deviation.*-1.0"):
        make(10, noise=-1.0)
    with pytest.raises(ValueError, match=r"want . examples or more, and got 1"):
        make(1)


def close(got, want):
    """Coordinates are no greater than 2 and rounded once to float32."""
    np.testing.assert_allclose(got, want, rtol=0, atol=EPS)


def test_where_the_points_lie():
    (x, y), labels = data.two_moons(200, noise=0.0), np.arange(2)
    for label, centre, side in zip(labels, [(0, 0), (1, 0.5)], [1, -1], strict=True):
        moon = x[y == label] - np.array(centre, np.float32)
        close(np.hypot(*moon.T), 1)
        assert (side * moon[:, 1] >= -EPS).all()

    x, y = data.circles(200, noise=0.0, inner_radius=0.25)
    close(np.hypot(*x.T), np.where(y == 0, 1, 0.25))
    assert (abs(x.mean(axis=0)) < 5 * np.sqrt(0.5 / 200)).all()

    x, y = data.xor_clouds(200, noise=0.0)
    close(abs(x), 1)
    assert np.array_equal(y, (x[:, 0] * x[:, 1] < 0).astype(np.int32))
    assert np.unique(x, axis=0, return_counts=True)[1].tolist() == [50] * 4

    x, y = data.gaussians(200, classes=5, noise=0.0)
    close(x, np.stack([np.cos(2 * np.pi * y / 5), np.sin(2 * np.pi * y / 5)], axis=1))

    x, y = data.spirals(200, arms=3, turns=1.5, noise=0.0)
    radius = np.hypot(*x.T.astype(np.float64))
    angle = 2 * np.pi * (1.5 * radius + y / 3)
    close(x, radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    assert radius.max() <= 1 + EPS and set(y.tolist()) == {0, 1, 2}


def test_errors():
    with pytest.raises(ValueError, match="two classes or more are wanted, and got 1"):
        data.gaussians(10, classes=1)
    with pytest.raises(ValueError, match="4 groups of points want 4 examples or more, and got 3"):
        data.xor_clouds(3)
    for radius in (0.0, 1.0, math.nan):
        with pytest.raises(ValueError, match=f"inner_radius is {radius}"):
            data.circles(10, inner_radius=radius)
