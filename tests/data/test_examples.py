"""The host-side check: what it lets pass, and one sentence for each thing that it does not."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn.data import Examples, check_examples

X, Y = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32), np.array([0, 1, 2, 2, 1, 0], np.int32)


class Sentence(NamedTuple):
    tokens: Any
    y: Any
    weight: Any


def put(array, index, value):
    array = array.copy()
    array[index] = value
    return array


@pytest.mark.parametrize(
    "examples, options",
    [
        (Examples(X, Y), {}),
        (Examples(X, Y), {"batch_size": 6, "classes": 3}),
        (Examples(jnp.asarray(X), jnp.asarray(Y)), {"batch_size": 1, "classes": 3}),
        (Examples(X.astype(np.float64), Y.astype(np.int64)), {"classes": 3}),
        (Examples(X.astype(jnp.bfloat16), Y.astype(np.uint8)), {"classes": 300}),
        (Examples(X > 0, X), {}),
        (Examples(X, put(Y, 3, -1)), {"classes": 3, "ignore_label": -1}),
        (Examples(np.zeros((6, 0)), np.zeros((6, 4, 4), np.int32)), {"classes": 1}),
        (Sentence(Y, Y[:, None], X[:, 0]), {"classes": 3}),
        (X, {"batch_size": 2}),
        ({"x": (X, X), "y": Y}, {"classes": 3}),
        (Examples(X, jax.random.split(jax.random.key(0), 6)), {}),
        ({"x": X, "y": None}, {}),
    ],
)
def test_good_examples_pass(examples, options):
    assert check_examples(examples, **options) == 6


TEXT = np.array(list("abcdef"))

BAD = {
    "nothing": ((), {}, ValueError, "no arrays in the examples"),
    "empty": (Examples(X[:0], Y[:0]), {}, ValueError, r"empty \(x has shape \(0, 3\), y has shape \(0,\)\)"),
    "unequal": (Examples(X, Y[:5]), {}, ValueError, "how many there are: x has 6, y has 5"),
    "scalar": (Examples(X, np.array(3)), {}, ValueError, "y of the examples is the single value 3"),
    "lists": (Examples(X.tolist(), Y), {}, TypeError, r"x.0.0 of the examples is a float: wanted NumPy or JAX arrays"),
    "not an array": ({"x": X, "y": slice(6)}, {}, TypeError, "y of the examples is a slice"),
    "nan": (
        Examples(put(put(X, (4, 1), np.nan), (5, 0), np.inf), Y),
        {},
        ValueError,
        r"x of the examples holds 2 values that are NaN or infinite; the first is nan at index \(4, 1\)",
    ),
    "inf on the device": (Examples(X, jnp.asarray(put(X, (0, 2), -np.inf))), {}, ValueError, r"-inf at index \(0, 2\)"),
    "nan in half precision": (Examples(X.astype(jnp.bfloat16) * np.nan, Y), {}, ValueError, "18 values that are NaN"),
    "text": (Examples(X, TEXT), {}, TypeError, "y of the examples has dtype <U1, and training wants numbers"),
    "objects": (Examples(X.astype(object), Y), {}, TypeError, "x of the examples has dtype object"),
    "dates": (Examples(X, np.zeros(6, "datetime64[D]")), {}, TypeError, r"dtype datetime64\[D\]"),
    "wide float": (
        Examples(put(X.astype(np.float64), (1, 1), 1e39), Y),
        {},
        ValueError,
        r"float64, .* float32, .*1e\+39",
    ),
    "wide integer": (Examples(X, put(Y.astype(np.int64), 2, 2**31)), {}, ValueError, "int64, .* int32, .*2147483648"),
    "batch too large": (Examples(X, Y), {"batch_size": 7}, ValueError, "batch of 7 cannot be drawn from 6 examples"),
    "empty batch": (Examples(X, Y), {"batch_size": 0}, ValueError, "batch_size is 0"),
    "label too large": (
        Examples(X, Y),
        {"classes": 2},
        ValueError,
        "label 2 at index 2 is out of range, one of 2 such: 2 classes want labels from 0 to 1.",
    ),
    "label negative": (Examples(X, put(Y, 3, -1)), {"classes": 3}, ValueError, "label -1 at index 3 is out of range"),
    "label neither": (
        Examples(X, put(Y, 3, -2)),
        {"classes": 3, "ignore_label": -1},
        ValueError,
        r"label -2 at index 3 .* from 0 to 2 \(or -1, which is ignored\)",
    ),
    "label in a picture": (
        Examples(X, put(Y[:, None], (4, 0), 9)),
        {"classes": 3},
        ValueError,
        r"label 9 at index \(4, 0\)",
    ),
    "label real": (Examples(X, X[:, 0]), {"classes": 3}, TypeError, "class labels are integers, .* dtype float32"),
    "no labels": ((X, Y), {"classes": 3}, TypeError, r"labels in the field y, and the examples have \['0', '1'\]"),
    "no classes": (Examples(X, Y), {"classes": 0}, ValueError, "classes is 0"),
}


@pytest.mark.parametrize("name", BAD)
def test_each_fault_has_its_sentence(name):
    examples, options, error, message = BAD[name]
    with pytest.raises(error, match=message):
        check_examples(examples, **options)


def test_wide_numbers_pass_in_64_bit_mode():
    with jax.enable_x64(True):
        assert check_examples(Examples(np.full((2, 1), 1e39), np.array([2**40, 0]))) == 2
