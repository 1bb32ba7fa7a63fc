"""The set of shapes: sizes and types, the same seed, what the classes look like, and how bright things are."""

import math

import numpy as np
import pytest

from fnn import data


def test_sizes_types_and_seeds():
    x, y = data.shapes(40, size=24)
    assert x.shape == (40, 24, 24, 1) and x.dtype == np.float32
    assert y.shape == (40, 24, 24) and y.dtype == np.int32
    assert data.check_examples((x, y)) == 40
    again, other = data.shapes(40, size=24), data.shapes(40, size=24, seed=1)
    assert np.array_equal(x, again.x) and np.array_equal(y, again.y)
    assert not np.array_equal(x, other.x) and not np.array_equal(y, other.y)


def test_noise_is_drawn_last():
    clean, noisy = data.shapes(100, noise=0.0), data.shapes(100, noise=0.2)
    assert np.array_equal(clean.y, noisy.y)
    difference = (noisy.x - clean.x).astype(np.float64)
    assert abs(difference.mean()) < 5 * 0.2 / math.sqrt(difference.size)
    assert abs((difference**2).mean() / 0.04 - 1) < 5 * math.sqrt(2 / difference.size)


def test_one_shape_has_the_area_of_its_class():
    """By the square of the radius of its circle: a disc π, an equilateral triangle 3√3/4, a rectangle √3 to 2."""
    kinds, ratios = [], []
    for label in data.shapes(60, size=256, most=1).y:
        kind = label.max()
        assert set(np.unique(label)) == {0, kind}
        rows, columns = np.nonzero(label)
        radius = np.hypot(rows - rows.mean(), columns - columns.mean()).max()
        # The pixel nearest to the tip of a corner of 60 degrees is less than two away from it.
        assert 32 - 2 <= radius <= 64 + 1
        kinds.append(kind)
        ratios.append(len(rows) / radius**2)
    for kind, low, high in ((1, math.pi, math.pi), (2, math.sqrt(3), 2.0), (3, 1.299, 1.299)):
        of_kind = np.array(ratios)[np.array(kinds) == kind]
        assert low * (1 - 2 / 32) < of_kind.min() and of_kind.max() < high / (1 - 2 / 32) ** 2
        assert abs(len(of_kind) - 20) < 5 * math.sqrt(60 * 2 / 9)


def test_shapes_lie_wholly_inside():
    # Nothing is cut off: the rows that a disc covers are as many as the columns.
    for label in data.shapes(200, size=64, most=1).y:
        rows, columns = np.nonzero(label)
        if label.max() == 1:
            assert abs(np.ptp(rows) - np.ptp(columns)) <= 1


def test_how_bright_things_are():
    x, y = data.shapes(200, noise=0.0, most=1)
    for image, label in zip(x[..., 0], y, strict=True):
        inside, outside = image[label > 0], image[label == 0]
        assert np.ptp(inside) == 0 and 0.05 < np.ptp(outside) <= 0.3 + 1e-6
        assert 0.25 - 0.15 - 1e-6 <= abs(inside[0] - outside).min()  # no wave reaches the brightness of a shape
    brighter = sum(
        image[label > 0].mean() > image[label == 0].mean() for image, label in zip(x[..., 0], y, strict=True)
    )
    assert abs(brighter - 100) < 5 * math.sqrt(50)


def test_how_many_shapes():
    shares = [(data.shapes(100, most=most).y > 0).mean() for most in (1, 3, 6)]
    assert shares == sorted(shares) and shares[0] > 0.05 and shares[2] < 0.6
    classes = [len(np.unique(label)) - 1 for label in data.shapes(200, most=3).y]
    assert set(classes) == {1, 2, 3}


def test_errors():
    for wrong in ({"size": 7}, {"most": 0}):
        with pytest.raises(
            ValueError, match="wanted 1 example or more of 1 shape or more on 8 pixels or more, and got"
        ):
            data.shapes(3, **wrong)
    with pytest.raises(ValueError, match="got examples = 0"):
        data.shapes(0)
    for noise in (-0.1, math.nan, math.inf):
        with pytest.raises(ValueError, match=f"noise is a standard deviation.*{noise}"):
            data.shapes(3, noise=noise)
