"""What is done to data before training: split, standardise, one-hot."""

import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from fnn.data.examples import Dataset, Examples, check_examples, check_labels


def train_test_split(examples: Examples, fraction: float, *, seed: int, stratify: bool = False) -> Dataset:
    """Return the examples in random order, a `fraction` of them, rounded up, as the test part.

    The same seed gives the same split. With `stratify` every class of the integer labels `y` keeps its share in both
    parts, to within one example: the test part has floor(fraction · size) of each class, and those still wanted come
    from the classes with the largest remainders.

    Raises ValueError for a fraction outside (0, 1), and for fewer than two examples; what `check_examples` raises;
    and TypeError when stratifying by labels that are no integers.

    >>> parts = train_test_split(Examples(np.eye(10), np.arange(10) % 2), 0.2, seed=0, stratify=True)
    >>> len(parts.train.y), sorted(parts.test.y.tolist())
    (8, [0, 1])
    """
    number = check_examples(examples)
    if not 0 < fraction < 1:
        raise ValueError(f"the test part is a fraction of the examples between 0 and 1, and fraction is {fraction}.")
    if number < 2:
        raise ValueError("one example cannot be split into a train and a test part: wanted two or more.")
    x, y = np.asarray(examples.x), np.asarray(examples.y)
    test_size = min(math.ceil(round(fraction * number, 6)), number - 1)  # 0.07 * 100 is a little more than 7
    order = np.random.default_rng(seed).permutation(number)
    if stratify:
        test = np.concatenate([order[y[order] == label][:size] for label, size in _shares(y, test_size)])
    else:
        test = order[:test_size]
    in_test = np.isin(order, test)
    train, test = order[~in_test], order[in_test]
    return Dataset(Examples(x[train], y[train]), Examples(x[test], y[test]))


def _shares(labels: np.ndarray, test_size: int) -> list[tuple[int, int]]:
    """Return each class and how many of it go to the test part: largest remainders, the smaller class at a tie."""
    if not (np.issubdtype(labels.dtype, np.integer) and labels.ndim == 1):
        raise TypeError(
            f"stratify wants one integer label per example, and y is {labels.dtype} of shape {labels.shape}."
        )
    classes, sizes = np.unique(labels, return_counts=True)
    exact = sizes * test_size  # in units of 1 / len(labels)
    shares, remainders = exact // len(labels), exact % len(labels)
    largest = np.argsort(-remainders, kind="stable")[: test_size - shares.sum()]
    shares[largest] += 1
    return list(zip(classes.tolist(), shares.tolist(), strict=True))


class Scaling(NamedTuple):
    """The map x -> (x - mean) / standard_deviation, feature by feature; call it on new data."""

    mean: np.ndarray
    standard_deviation: np.ndarray

    def __call__(self, x: Any) -> Any:
        """Return (x - mean) / standard_deviation; x (..., features)."""
        return (x - self.mean) / self.standard_deviation


class Standardised(NamedTuple):
    """A data set of mean 0 and variance 1, and the scaling that made it so."""

    dataset: Dataset
    scaling: Scaling


def standardise(dataset: Dataset) -> Standardised:
    """Return the data set with each input feature at mean 0 and variance 1 over the *training* part.

    x <- (x - mean) / standard_deviation for both parts, with the training part's statistics alone: the test part
    must not be seen. A feature that is constant in the training part becomes 0 there (its standard deviation is
    taken as 1). Inputs keep their floating dtype; integers become float32.

    Raises what `check_examples` raises for either part.

    >>> train = Examples(np.float32([[0, 5], [2, 5]]), np.zeros(2))
    >>> test = Examples(np.float32([[4, 6]]), np.zeros(1))
    >>> dataset, scaling = standardise(Dataset(train, test))
    >>> dataset.train.x.tolist(), dataset.test.x.tolist(), scaling(np.float32([1, 5])).tolist()
    ([[-1.0, 0.0], [1.0, 0.0]], [[3.0, 1.0]], [0.0, 0.0])
    """
    check_examples(dataset.train)
    check_examples(dataset.test)
    train, test = (np.asarray(part.x) for part in dataset)
    dtype = train.dtype if np.issubdtype(train.dtype, np.floating) else np.dtype(np.float32)
    lowest, highest = train.min(axis=0), train.max(axis=0)
    constant = lowest == highest  # a computed deviation of equal numbers need not be exactly 0
    mean = np.where(constant, lowest, train.mean(axis=0, dtype=np.float64)).astype(dtype)
    deviation = np.where(constant, 1, train.std(axis=0, dtype=np.float64)).astype(dtype)
    scaling = Scaling(mean, deviation)
    parts = (Examples(scaling(x.astype(dtype)), part.y) for x, part in zip((train, test), dataset, strict=True))
    return Standardised(Dataset(*parts), scaling)


def one_hot(labels: Any, classes: int) -> Float[np.ndarray, "*batch classes"]:
    """Return float32 rows that are 1 at the label and 0 elsewhere; shape (..., classes) for labels (...).

    Raises ValueError for a label outside 0 to classes - 1, TypeError for labels that are no integers.

    >>> one_hot([2, 0], 3).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    return np.eye(classes, dtype=np.float32)[check_labels(labels, classes)]
