"""A grader for gradients derived by hand: each array of yours beside the one it should be, exact, close or wrong."""

import functools
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fnn.check.diagnosis import diagnose, near


class Row(NamedTuple):
    """What became of one leaf."""

    leaf: str
    """Its path, as `['w'][0]`; empty when the whole is one array."""
    verdict: Literal["exact", "close", "wrong"]
    difference: float | None
    """The largest |yours - theirs|; None where there are no two numbers to subtract."""
    at: tuple[int, ...] | None
    """The index where that is."""
    yours: complex | None
    theirs: complex | None
    """The numbers there."""
    sentence: str
    """What is wrong, or what it looks like; empty where nothing is, or nothing fits."""


class Comparison(NamedTuple):
    """The rows of a comparison; ``str(comparison)`` is the table, ``bool(comparison)`` is `ok`."""

    rows: tuple[Row, ...]

    @property
    def ok(self) -> bool:
        """Whether no leaf is wrong."""
        return all(row.verdict != "wrong" for row in self.rows)

    def __bool__(self) -> bool:
        """Return `ok`, so that a test may say ``assert check.compare(mine, jax.grad(loss)(w))``."""
        return self.ok

    def __str__(self) -> str:
        """Return the table."""
        lines = [("leaf", "verdict", "difference", "at", "yours", "theirs")]
        for row in self.rows:
            at = "" if row.at is None else str(list(row.at))
            numbers = (_number(row.yours), _number(row.theirs))
            lines.append((row.leaf or "(all)", row.verdict, _number(row.difference, 2), at, *numbers))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        table = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
        below = ["", *(row.sentence and f"\n    {row.sentence}" for row in self.rows)]
        return "\n".join(map(str.__add__, table, below))


def compare(yours: Any, theirs: Any) -> Comparison:
    """Compare two trees of arrays, leaf by leaf: those that you worked out with those that they should be.

    Arrays of NumPy and of JAX, numbers and lists of numbers are welcome. A leaf is *exact* when all numbers are equal;
    *close* when |yours - theirs| <= eps^(3/4) (|theirs| + m) in every entry, where eps is that of the coarser dtype of
    the two and m the median size of the entries that are not 0; otherwise *wrong*. That leaves room for eps^(-1/4)
    roundings, one upon another, as the same sums in another order make: 50 in float32, where the tolerance is 6.4e-6.
    Integers and booleans have no such room. A NaN equals a NaN.

    Trees match by the names of their keys and fields, or by order when they share no name: a list may stand for a
    tuple, a dict for a NamedTuple. Nothing raises: a leaf that is missing, one too many, or of another shape is wrong,
    and its row says so.

    >>> import fnn
    >>> logits, labels = np.array([[2.0, -1.0], [0.0, 1.0], [3.0, 0.5]], np.float32), np.array([0, 1, 0])
    >>> theirs = jax.grad(fnn.rules.softmax_cross_entropy)(logits, labels)
    >>> p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    >>> t = np.eye(2, dtype=np.float32)[labels]
    >>> print(compare(((t - p) / 3, p - t), (theirs, theirs)))
    leaf  verdict  difference  at      yours       theirs
    [0]   wrong    0.18        [1, 0]  -0.0896471  0.0896471
        it has the wrong sign everywhere
    [1]   wrong    0.18        [1, 1]  -0.268941   -0.0896471
        it is 3 times the wanted value, 3 being the size of axis 0: a sum where a mean is wanted?
    >>> assert compare((p - t) / 3, theirs)
    """
    leaves = jax.tree.leaves_with_path(theirs, is_leaf=_is_array)
    wanted = {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves if _is_array(leaf)}
    return Comparison(tuple(_rows("", yours, theirs, wanted)))


def _rows(path: str, yours: Any, theirs: Any, wanted: dict[str, np.ndarray]) -> Iterator[Row]:
    if _is_array(yours) and _is_array(theirs):
        others = {name: array for name, array in wanted.items() if name != path}
        yield _row(path, np.asarray(yours), np.asarray(theirs), others)
        return
    ours, right = _children(yours), {} if _is_array(theirs) else _children(theirs)
    if not ours or not right:
        if ours != right or right is None or _is_array(theirs):
            yield _wrong(path, f"it is {_kind(yours)}, wanted {_kind(theirs)}")
        return
    if not ours.keys() & right.keys() and len(ours) == len(right):
        ours = dict(zip(right, ours.values(), strict=True))
    for name, (key, leaf) in right.items():
        if name in ours:
            yield from _rows(path + key, ours[name][1], leaf, wanted)
        else:
            yield _wrong(path + key, "it is missing")
    for name, (key, _) in ours.items():
        if name not in right:
            yield _wrong(path + key, "it is one too many")


def _is_array(tree: Any) -> bool:
    """Whether this is an array of numbers, a number, or a list of lists of numbers."""
    if isinstance(tree, list):
        leaves = jax.tree.leaves(tree, is_leaf=lambda node: not isinstance(node, list))
        if not leaves or not all(isinstance(leaf, (bool, int, float, complex)) for leaf in leaves):
            return False
    elif tree is None or not jax.tree_util.all_leaves([tree]):
        return False
    try:
        dtype = np.asarray(tree).dtype
    except (TypeError, ValueError):  # a key of JAX, or lists of several lengths
        return False
    return bool(jnp.issubdtype(dtype, np.number)) or dtype == np.bool_


def _children(tree: Any) -> dict[str, tuple[str, Any]] | None:
    """Return by name what a container holds, each with its place in the path; what is None is not there."""
    if tree is not None and jax.tree_util.all_leaves([tree]):
        return None
    held = jax.tree.leaves_with_path(tree, is_leaf=lambda node: node is not tree)
    name = functools.partial(jax.tree_util.keystr, simple=True)
    return {name(path): (jax.tree_util.keystr(path), child) for path, child in held if child is not None}


def _kind(tree: Any) -> str:
    if _is_array(tree):
        return f"an array of shape {np.shape(tree)}" if np.shape(tree) else "a number"
    return "None" if tree is None else f"a {type(tree).__name__}"


def _row(path: str, yours: np.ndarray, theirs: np.ndarray, others: dict[str, np.ndarray]) -> Row:
    if yours.shape != theirs.shape:
        return _wrong(path, diagnose(yours, theirs))
    eps = max(_eps(yours), _eps(theirs))
    wide = np.complex128 if np.iscomplexobj(yours) or np.iscomplexobj(theirs) else np.float64
    a, b = yours.astype(wide), theirs.astype(wide)
    with np.errstate(all="ignore"):
        same = (yours == theirs if eps == 0 else a == b) | (np.isnan(a) & np.isnan(b))
        difference = np.where(same, 0.0, np.abs(a - b))
    if same.all():
        return Row(path, "exact", 0.0, None, None, None, "")
    difference[np.isnan(difference)] = np.inf
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(difference)), difference.shape))
    close = eps > 0 and bool(near(a, b, eps).all())
    sentence = "" if close else diagnose(yours, theirs, others=others, eps=eps or 2**-52)
    verdict = "close" if close else "wrong"
    return Row(path, verdict, float(difference[index]), index, a[index].item(), b[index].item(), sentence)


def _eps(array: np.ndarray) -> float:
    return float(jnp.finfo(array.dtype).eps) if jnp.issubdtype(array.dtype, np.inexact) else 0.0


def _wrong(path: str, sentence: str) -> Row:
    return Row(path, "wrong", None, None, None, None, sentence)


def _number(x: complex | None, digits: int = 6) -> str:
    return "" if x is None else f"{x:.{digits}g}"
