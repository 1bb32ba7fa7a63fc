"""Sequences of different lengths, such as lines of text: padded into one array, or sorted into a few shapes."""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from fnn.layers.padded import Padded


class Batch(NamedTuple):
    """Some of the sequences, padded, and which they are: `members` (batch,) int32, -1 where a row is filling."""

    members: np.ndarray
    sequences: Padded


def pad(sequences: Sequence[Any], *, value: Any = 0, length: int | None = None) -> Padded:
    """Return the sequences as one array (count, length, ...), each filled up by `value` at its end, and their lengths.

    A sequence is an array or a list (time,) or (time, ...); an empty one has length 0. The array has NumPy's common
    dtype of them, but int32 for integers and float32 for Python's numbers and float64; lengths (count,) int32.
    `length` is that of the longest by default. The result is what the layers of sequences take.

    Raises ValueError for no sequences, for one longer than `length`, and for axes after the first that differ.

    >>> pad([[3, 1], [], [2, 2, 2]], value=-1)
    Padded(x=array([[ 3,  1, -1],
           [-1, -1, -1],
           [ 2,  2,  2]], dtype=int32), lengths=array([2, 0, 3], dtype=int32))
    """
    arrays = _arrays(sequences)
    lengths = np.array([len(array) for array in arrays], np.int32)
    longest = int(lengths.max())
    length = longest if length is None else length
    if longest > length:
        raise ValueError(
            f"sequence {int(lengths.argmax())} has length {longest}, and pad was asked for length {length}: cut it, or "
            "ask for more."
        )
    padded = np.full((len(arrays), length, *arrays[0].shape[1:]), value, arrays[0].dtype)
    for row, array in zip(padded, arrays, strict=True):
        row[: len(array)] = array
    return Padded(cast(Any, padded), cast(Any, lengths))


def bucket(
    sequences: Sequence[Any], batch_size: int, *, buckets: int = 4, value: Any = 0, seed: int = 0
) -> list[Batch]:
    """Return the sequences in batches of similar length: at most `buckets` shapes, so little padding and few compiles.

    The sequences, from the longest to the shortest, are cut into `buckets` groups of whole batches, and each group is
    padded to its longest. Every sequence is in one batch, and every batch has `batch_size` rows: one of the shortest is
    filled up by rows of length 0, which are member -1. The order within a group and of the batches is random; the same
    seed gives the same.

    Raises ValueError for no sequences and for a batch_size or buckets below 1.

    >>> batches = bucket([[1], [1, 2, 3], [2], [4, 5], [6]], batch_size=2, buckets=2)
    >>> sorted((batch.sequences.x.shape, batch.sequences.lengths.sum().item()) for batch in batches)
    [((2, 1), 1), ((2, 1), 2), ((2, 3), 5)]
    """
    if batch_size < 1 or buckets < 1:
        raise ValueError(f"wanted 1 or more of each, and got batch_size = {batch_size}, buckets = {buckets}.")
    arrays = _arrays(sequences)
    lengths = np.array([len(array) for array in arrays])
    generator = np.random.default_rng(seed)
    longest_first = np.argsort(-lengths, kind="stable")
    nothing = arrays[0][:0]
    batches = []
    count = -(-len(arrays) // batch_size)
    for group in np.split(longest_first, batch_size * (count * np.arange(1, buckets) // buckets)):
        order = generator.permutation(group)
        for first in range(0, len(order), batch_size):
            members = order[first : first + batch_size]
            filling = batch_size - len(members)
            rows = [arrays[i] for i in members] + [nothing] * filling
            members = np.concatenate([members, np.full(filling, -1)]).astype(np.int32)
            batches.append(Batch(members, pad(rows, value=value, length=int(lengths[group].max()))))
    return [batches[i] for i in generator.permutation(len(batches))]


def _arrays(sequences: Sequence[Any]) -> list[np.ndarray]:
    """Return the sequences as arrays of one dtype that agree in all axes but the first."""
    if len(sequences) == 0:
        raise ValueError("there are no sequences to pad: wanted 1 or more.")
    arrays = [np.asarray(sequence) for sequence in sequences]
    for number, array in enumerate(arrays):
        if array.ndim == 0 or array.shape[1:] != arrays[0].shape[1:]:
            raise ValueError(
                f"sequence {number} has shape {array.shape}, and the first {arrays[0].shape}: wanted (time, ...), the "
                "axes after the time alike."
            )
    # An empty list has no type of its own; NumPy would call it float64.
    dtype = np.result_type(*({array.dtype for array in arrays if array.size} or {np.dtype(np.int32)}))
    if np.issubdtype(dtype, np.integer):
        dtype = np.dtype(np.int32)
    elif dtype == np.float64:
        dtype = np.dtype(np.float32)
    return [array.astype(dtype) for array in arrays]
