"""The same check at other sizes: every axis of one size made another, and the numbers drawn anew from the given ones.

Axes of one size are taken for one axis.
"""

import copy
from typing import Any

import jax
import numpy as np

from fnn.check.subject import Subject


def sizes_of(subject: Subject) -> list[int]:
    """Return the different sizes of the arguments' axes, 1 left out, the one that most arguments have first."""
    shapes = [np.shape(value) for value in subject.values if hasattr(value, "shape")]
    counts = {size: sum(size in shape for shape in shapes) for shape in shapes for size in shape if size > 1}
    return sorted(counts, key=lambda size: -counts[size])


def outer_size(subject: Subject) -> int:
    """Return the size of the first axis of the first argument that has one above 1: the batch, as a rule."""
    leading = [x.shape[0] for x in subject.floats if x.ndim and x.shape[0] > 1]
    return (leading or sizes_of(subject))[0]


def resized(subject: Subject, change: dict[int, int]) -> Subject | None:
    """Return the check with each size of `change` made another; None if the function refuses it."""
    other = copy.copy(subject)
    for name in ("oracle", "compiles", "backward_error", "is_hand_written", "eps", "length", "bounds", "base"):
        other.__dict__.pop(name, None)
    other._compiled = {}
    other.values = [_resize(value, change, subject.random) for value in subject.values]
    other.floats = [_resize(x, change, subject.random) for x in subject.floats]
    try:
        with other.precision():
            shapes = jax.eval_shape(lambda *floats: other.real(other.function)(*floats)[0], *other.floats)
    except Exception:  # that is its right; the report says which sizes it refused
        return None
    other.outputs = [np.zeros(y.shape, y.dtype) for y in shapes]
    return other


def _resize(value: Any, change: dict[int, int], random: np.random.Generator) -> Any:
    is_array = isinstance(value, np.ndarray) or (isinstance(value, jax.Array) and isinstance(value.dtype, np.dtype))
    if not is_array or not set(value.shape) & set(change):
        return value  # a key keeps its shape
    shape = tuple(change.get(size, size) for size in value.shape)
    array = np.resize(np.asarray(value), shape)
    if not np.issubdtype(array.dtype, np.floating):
        # Labels stay below the number of classes, whichever axis that is.
        return np.minimum(array, max(min(change.values()) - 1, 0)).astype(array.dtype)
    # No ties that the given arguments do not have; towards zero, so that all stay in their domain.
    return np.asarray(array * (1 - 0.05 * random.uniform(size=shape))).astype(array.dtype)
