"""The logic gates as data: every combination of the inputs, and what the gate makes of it."""

import itertools
from collections.abc import Callable

import numpy as np

from fnn.data.examples import Examples


def truth_table(gate: Callable[..., np.ndarray], inputs: int = 2) -> Examples:
    """Return the table of a gate: x float32 (2^inputs, inputs) of 0 and 1 in counting order, y int32 of 0 and 1.

    `gate` takes one boolean array per input and returns one, as NumPy's logical functions do.

    Raises ValueError for fewer than one input, and for a gate that does not return one truth value per row.

    >>> truth_table(lambda a, b, c: a ^ b ^ c, inputs=3).y.tolist()
    [0, 1, 1, 0, 1, 0, 0, 1]
    """
    if inputs < 1:
        raise ValueError(f"a gate has 1 input or more, and inputs is {inputs}.")
    rows = np.array(list(itertools.product((False, True), repeat=inputs)))
    outputs = np.asarray(gate(*rows.T))
    if outputs.shape != (len(rows),) or outputs.dtype != np.bool_:
        raise ValueError(
            f"the gate returned {outputs.dtype} of shape {outputs.shape}; wanted one truth value for each of "
            f"{len(rows)} rows: use NumPy's logical functions or the operators &, |, ^ and ~."
        )
    return Examples(rows.astype(np.float32), outputs.astype(np.int32))


def and_gate() -> Examples:
    """Return the table of a AND b: y = 0, 0, 0, 1."""
    return truth_table(np.logical_and)


def or_gate() -> Examples:
    """Return the table of a OR b: y = 0, 1, 1, 1."""
    return truth_table(np.logical_or)


def nand_gate() -> Examples:
    """Return the table of NOT (a AND b): y = 1, 1, 1, 0."""
    return truth_table(lambda a, b: ~(a & b))


def nor_gate() -> Examples:
    """Return the table of NOT (a OR b): y = 1, 0, 0, 0."""
    return truth_table(lambda a, b: ~(a | b))


def xor_gate() -> Examples:
    """Return the table of a XOR b: y = 0, 1, 1, 0. No single layer computes it (Minsky, Papert, 1969).

    >>> xor_gate().x.tolist(), xor_gate().y.tolist()
    ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0])
    """
    return truth_table(np.logical_xor)


def xnor_gate() -> Examples:
    """Return the table of NOT (a XOR b), equality: y = 1, 0, 0, 1."""
    return truth_table(lambda a, b: a == b)


def not_gate() -> Examples:
    """Return the table of NOT a: y = 1, 0."""
    return truth_table(np.logical_not, inputs=1)
