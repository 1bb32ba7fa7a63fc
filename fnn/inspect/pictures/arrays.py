"""What every picture asks of the arrays that it is given, before it draws."""

from typing import Any

import numpy as np


def numbers(name: str, values: Any, shape: str) -> np.ndarray:
    """Return the values as a NumPy array with one axis for each word of `shape`, or raise a ValueError that says why.

    A word that is a number is the axis's size. Booleans are refused, NaN is not: see `finite`.

    >>> numbers("path", [[0, 1], [2, 3]], "steps 2").shape
    (2, 2)
    >>> numbers("path", [0, 1], "steps 2")
    Traceback (most recent call last):
    ValueError: path has shape (2,), wanted (steps, 2).
    """
    array, words = np.asarray(values), shape.split()
    wanted = f"({', '.join(words)}{',' if len(words) == 1 else ''})"
    if array.dtype == np.bool_ or not (np.issubdtype(array.dtype, np.number) or array.dtype.name == "bfloat16"):
        raise ValueError(f"{name} holds {array.dtype}, wanted numbers of shape {wanted}.")
    sizes = zip(array.shape, words, strict=False)
    if array.ndim != len(words) or any(word.isdecimal() and size != int(word) for size, word in sizes):
        raise ValueError(f"{name} has shape {array.shape}, wanted {wanted}.")
    return array


def finite(name: str, values: Any, shape: str) -> np.ndarray:
    """Return `numbers`, or raise a ValueError where there are none of them, or where one is NaN or infinite.

    >>> finite("error", [1.0, float("nan")], "points")
    Traceback (most recent call last):
    ValueError: error holds 1 value that is NaN or infinite, the first at index 1: there is no drawing it.
    """
    array = numbers(name, values, shape)
    if array.size == 0:
        raise ValueError(f"{name} is empty, of shape {array.shape}: there is nothing to draw.")
    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):
        first = ", ".join(map(str, wrong[0]))
        many = "1 value that is" if len(wrong) == 1 else f"{len(wrong)} values that are"
        raise ValueError(f"{name} holds {many} NaN or infinite, the first at index {first}: there is no drawing it.")
    return array
