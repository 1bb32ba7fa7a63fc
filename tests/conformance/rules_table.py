"""The table of every public rule: CASES, by name, and the helpers that call a case on its float arguments alone."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from activation_cases import ACTIVATIONS
from attention_cases import ATTENTION
from cases import Case
from convolution_cases import CONVOLUTION
from ctc_cases import CTC
from embedding_cases import EMBEDDING, HEADS, ROUTING
from gate_cases import GATES, PENALTIES, PRODUCTS, REDUCTIONS
from loss_cases import LOSSES
from normalisation_cases import NORMALISATION
from pooling_cases import POOLING
from recurrence_cases import RECURRENCE
from resizing_cases import PADDING, RESIZING

from fnn import check

CASES: dict[str, Case] = {
    case.name: case
    for case in (
        *ACTIVATIONS,
        *GATES,
        *PRODUCTS,
        *REDUCTIONS,
        *PENALTIES,
        *LOSSES,
        *CTC,
        *CONVOLUTION,
        *NORMALISATION,
        *POOLING,
        *RESIZING,
        *PADDING,
        *EMBEDDING,
        *HEADS,
        *ROUTING,
        *RECURRENCE,
        *ATTENTION,
    )
}


def richness(case: Case) -> int:
    """Count the arguments and options that a case gives, and the axes of the first."""
    axes = max(map(np.ndim, jax.tree.leaves(case.arguments[0])))
    return 4 * (sum(x is not None for x in case.arguments) + len(case.static)) + axes


# The case of each rule that asks the most of it.
RICHEST: list[str] = list({case.rule.name: case.name for case in sorted(CASES.values(), key=richness)}.values())


every_case = pytest.mark.parametrize("name", CASES)
# The richest case of each rule; with --deep every case.
richest_case = pytest.mark.parametrize(
    "name", [name if name in RICHEST else pytest.param(name, marks=pytest.mark.deep) for name in CASES]
)

# What a property notes without failing, and why it stands.
NOTED: dict[tuple[str, str], str] = {
    ("step_straight_through", "differences"): "The estimator's gradient is on purpose not that of the step.",
    ("embedding", "differences"): "The row of the padding gets on purpose no gradient.",
}


@functools.lru_cache(4)
def subject(name: str) -> check.Subject:
    """Return what the checker knows of a case, kept for the properties that ask it in turn."""
    case = CASES[name]
    return check.Subject(case.rule, *case.arguments, order=2, kinks=case.kinks, **case.static)


def prove(name: str, *properties: str) -> None:
    """Assert that properties of the checker hold of a case, or note what is argued here."""
    for proved in properties:
        outcome = check.PROPERTIES[proved](subject(name))
        assert outcome.status != "failed", "\n".join(map(str, outcome.failures))
        noted = (CASES[name].rule.name, proved) in NOTED
        assert outcome.status != "noted" or noted, outcome.detail


def is_float(leaf: Any) -> bool:
    return isinstance(leaf, (np.ndarray, np.generic)) and np.issubdtype(leaf.dtype, np.floating)


def float_leaves(case: Case) -> list[np.ndarray]:
    """Return the float arrays among the arguments, leaf by leaf."""
    return [leaf for leaf in jax.tree.leaves(case.arguments) if is_float(leaf)]


def leaf_names(case: Case) -> list[str]:
    """Return the name of each float leaf: its argument, and its path in the argument."""
    names = case.rule.argument_names
    return [
        names[path[0].idx] + jax.tree_util.keystr(path[1:])
        for path, leaf in jax.tree.leaves_with_path(case.arguments)
        if is_float(leaf)
    ]


def of_floats(case: Case, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function of the float leaves alone, the case's other arguments and configuration bound."""
    leaves, tree = jax.tree.flatten(case.arguments)

    def call(*floats):
        rest = iter(floats)
        return function(*jax.tree.unflatten(tree, [next(rest) if is_float(x) else x for x in leaves]), **case.static)

    return call


def in_dtype(leaves: list[np.ndarray], dtype) -> list[np.ndarray]:
    """Round to a dtype of JAX."""
    return [np.asarray(leaf, jnp.dtype(dtype)) for leaf in leaves]


def tolerance(dtype, length: int, want: Any, c: float = 16.0) -> np.ndarray:
    """c eps sqrt(length) for numbers of size one, and in proportion for larger ones; never by the array's size."""
    return c * float(jnp.finfo(dtype).eps) * length**0.5 * (1 + np.abs(np.asarray(want, np.float64)))


def assert_close(got: Any, want: Any, dtype, length: int, what: str, c: float = 16.0) -> None:
    """Compare leaf by leaf and entry by entry, and name the first entry that differs."""
    got, want = jax.tree.leaves(got), jax.tree.leaves(want)
    assert len(got) == len(want), f"{what}: {len(got)} arrays, wanted {len(want)}"
    for number, (g, w) in enumerate(zip(got, want, strict=True)):
        g, w = np.asarray(g, np.float64), np.asarray(w, np.float64)
        assert g.shape == w.shape, f"{what} [{number}]: shape {g.shape}, wanted {w.shape}"
        wrong = ~((np.abs(g - w) <= tolerance(dtype, length, w, c)) | (g == w) | (np.isnan(g) & np.isnan(w)))
        if wrong.any():
            at = tuple(int(axis[0]) for axis in np.nonzero(wrong)) if wrong.ndim else ()
            raise AssertionError(f"{what} [{number}] at {at}: got {g[at]!r}, wanted {w[at]!r}, of {wrong.sum()} wrong")
