"""The currency of the data floor, examples with a shared leading axis, and the check that they can be trained on."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import tree_util


class Examples(NamedTuple):
    """Inputs and what is wanted of them; the leading axis of both counts the examples.

    Everything in `fnn.data` returns NumPy arrays, `x` float32 and class labels `y` int32; training moves them to
    its devices. Any other pytree of arrays that share their leading axis is as good a set of examples.
    """

    x: np.ndarray | jax.Array
    y: np.ndarray | jax.Array


class Dataset(NamedTuple):
    """Examples to learn from, and examples that are kept back to judge what was learned."""

    train: Examples
    test: Examples


def check_examples(
    examples: Any, *, batch_size: int | None = None, classes: int | None = None, ignore_label: int | None = None
) -> int:
    """Return the number of examples, or raise an error that says why they cannot be trained on.

    `examples` is any pytree of arrays with a shared leading axis. Checked on the host, once, before training:

    - there is at least one array, none is a scalar, and all leading axes are equal and not empty;
    - every array holds numbers, which are finite, and which survive JAX's narrowing of 64-bit numbers to 32 bits
      (float64 and int64 arrays are welcome: only a value that 32 bits cannot hold is refused);
    - with `batch_size`: one batch can be filled;
    - with `classes`: the field `y` holds integers from 0 to classes - 1, or `ignore_label`.

    Raises ValueError for wrong values and shapes and TypeError for wrong types.

    >>> check_examples(Examples(np.zeros((3, 2)), np.array([0, 1, 2])), batch_size=3, classes=3)
    3
    """
    paths_and_leaves = tree_util.tree_leaves_with_path(examples)
    if not paths_and_leaves:
        raise ValueError(f"there are no arrays in the examples {examples!r}: wanted inputs and labels, Examples(x, y).")
    named = {tree_util.keystr(path, simple=True, separator=".") or "array": leaf for path, leaf in paths_and_leaves}
    number = _check_leading_axes(named)
    for name, leaf in named.items():
        _check_numbers(name, leaf)
    if batch_size is not None:
        if batch_size < 1:
            raise ValueError(f"a batch holds 1 example or more, and batch_size is {batch_size}.")
        if batch_size > number:
            raise ValueError(
                f"a batch of {batch_size} cannot be drawn from {number} examples: "
                f"choose a batch_size of {number} or less."
            )
    if classes is not None:
        if "y" not in named:
            raise TypeError(f"classes={classes} checks the labels in the field y, and the examples have {list(named)}.")
        check_labels(named["y"], classes, ignore_label=ignore_label)
    return number


def check_labels(labels: Any, classes: int, *, ignore_label: int | None = None) -> np.ndarray:
    """Return the labels as a NumPy array, or raise an error unless all are integers from 0 to classes - 1.

    `ignore_label` is allowed besides. Raises TypeError for labels that are no integers, ValueError out of range.
    """
    labels = np.asarray(labels)
    if not np.issubdtype(labels.dtype, np.integer):
        raise TypeError(f"class labels are integers, and these labels have dtype {labels.dtype}: cast them to int32.")
    if classes < 1:
        raise ValueError(f"there must be 1 class or more, and classes is {classes}.")
    wrong = (labels < 0) | (labels >= classes)
    if ignore_label is not None:
        wrong &= labels != ignore_label
    if wrong.any():
        index = _first(wrong)
        besides = "" if ignore_label is None else f" (or {ignore_label}, which is ignored)"
        raise ValueError(
            f"label {labels[index]} at index {_shown(index)} is out of range, one of {np.count_nonzero(wrong)} such: "
            f"{classes} classes want labels from 0 to {classes - 1}{besides}."
        )
    return labels


def _check_leading_axes(named: dict[str, Any]) -> int:
    """Return the length of the shared leading axis."""
    for name, leaf in named.items():
        if not isinstance(leaf, np.ndarray | jax.Array):
            raise TypeError(
                f"{name} of the examples is a {type(leaf).__name__}: wanted NumPy or JAX arrays; "
                "np.asarray makes one of a list or a table."
            )
        if leaf.ndim == 0:
            raise ValueError(
                f"{name} of the examples is the single value {leaf}: "
                "wanted arrays whose leading axis counts the examples."
            )
    lengths = {name: leaf.shape[0] for name, leaf in named.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            "the arrays of the examples disagree about how many there are: "
            + ", ".join(f"{name} has {length}" for name, length in lengths.items())
            + ". Their leading axes must be equal."
        )
    number = next(iter(lengths.values()))
    if number == 0:
        shapes = ", ".join(f"{name} has shape {leaf.shape}" for name, leaf in named.items())
        raise ValueError(f"the examples are empty ({shapes}): there is nothing to train on.")
    return number


def _check_numbers(name: str, leaf: Any) -> None:
    """Refuse what is no number, what is not finite, and what would not survive on the device."""
    if jnp.issubdtype(leaf.dtype, jax.dtypes.extended):  # random keys: nothing can be wrong with their values
        return
    array = np.asarray(leaf)
    if not (jnp.issubdtype(array.dtype, np.number) or array.dtype == np.bool_):
        raise TypeError(
            f"{name} of the examples has dtype {array.dtype}, and training wants numbers: "
            "turn text and objects into float32 inputs and int32 labels first."
        )
    if jnp.issubdtype(array.dtype, np.inexact):
        wrong = ~np.isfinite(array)
        if wrong.any():
            index = _first(wrong)
            raise ValueError(
                f"{name} of the examples holds {np.count_nonzero(wrong)} values that are NaN or infinite; the first is "
                f"{array[index]} at index {_shown(index)}: remove or replace them before training."
            )
    narrow = jax.dtypes.canonicalize_dtype(array.dtype)
    if array.size and jnp.dtype(narrow).itemsize < array.dtype.itemsize and not np.iscomplexobj(array):
        info = jnp.finfo(narrow) if jnp.issubdtype(narrow, np.floating) else jnp.iinfo(narrow)
        wrong = (array > info.max) | (array < info.min)
        if wrong.any():
            index = _first(wrong)
            raise ValueError(
                f"{name} of the examples is {array.dtype}, which JAX narrows to {jnp.dtype(narrow).name}, and the "
                f"value {array[index]} at index {_shown(index)} does not fit: rescale it, or enable JAX's 64-bit mode."
            )


def _first(wrong: np.ndarray) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(np.argmax(wrong), wrong.shape))


def _shown(index: tuple[int, ...]) -> str:
    return str(index[0]) if len(index) == 1 else str(index)
