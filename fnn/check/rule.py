"""Check one gradient rule on one set of arguments: every property, one report."""

import time
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from fnn.check.findings import Findings
from fnn.check.leaves import sentence_of
from fnn.check.properties import PROPERTIES
from fnn.check.report import Failure, Outcome, Report
from fnn.check.subject import Subject


def rule(
    f: Callable[..., Any],
    *args: Any,
    reference: Callable[..., Any] | None = None,
    order: int = 1,
    without: Collection[str] = (),
    only: Collection[str] = (),
    seed: int = 0,
    budget: int | None = None,
    kinks: tuple[float, ...] = (),
    dtype: Any = np.float64,
    accuracy: float = 0.0,
    **static: Any,
) -> Report:
    """Prove a gradient rule on these arguments, or show where it is wrong.

    f: a `Rule`, a `jax.custom_vjp` function, or any JAX function. args: its positional arguments, small arrays of
    numbers that are neither zero nor equal, and axes of different sizes; they are checked in float64 first.
    static: its keywords; bind one that has the name of an option here by `functools.partial`.

    reference: a function of the same arguments whose value and gradient by JAX are right; without one, the forward
    of f with its custom rules opened, and central differences. order: 2 claims reverse over reverse. without, only:
    names of `check.PROPERTIES` to leave out, or to check alone. budget: the bytes that the backward may keep.
    kinks: numbers at which f has a kink, to be tried too. dtype: float32 for a function that computes in float32
    whatever it is given. accuracy: the relative error that f claims, where it is one that iterates or approximates
    and is not right to rounding.

    Raises ValueError, in a sentence, for what cannot be checked: no differentiable argument, no floating output, a
    missing key, a function that closes over a tracer or changes shape, a reference of another structure.

    >>> import jax.numpy as jnp
    >>> from fnn import check, rules
    >>> report = check.rule(rules.tanh, jnp.asarray([-0.3, 0.5, 1.2]), only=("value", "cotangents"))
    >>> report.ok, report["cotangents"].status
    (True, 'passed')
    """
    for name in (*without, *only):
        if name not in PROPERTIES:
            raise ValueError(f"there is no property {name!r}: the properties are {', '.join(PROPERTIES)}.")
    start = time.perf_counter()
    options = {"reference": reference, "order": order, "seed": seed, "budget": budget, "kinks": kinks}
    subject = Subject(f, *args, **options, dtype=dtype, accuracy=accuracy, **static)
    chosen = [name for name in PROPERTIES if name not in without and (not only or name in only)]
    outcomes: dict[str, Outcome] = {}
    for name in chosen:
        if name == "second_order" and "cotangents" in outcomes and outcomes["cotangents"].status == "failed":
            outcomes[name] = Outcome(name, "not run", "the first order is wrong already")
        else:
            outcomes[name] = outcome_of(subject, name)
    seconds = time.perf_counter() - start
    return Report(subject.name, _signature(subject), subject.oracle_name, tuple(outcomes.values()), seconds)


def outcome_of(subject: Subject, name: str) -> Outcome:
    """Return what one property says of a subject; what raises while it is checked has failed."""
    if not subject.deterministic and name != "repeatability":
        return Outcome(name, "not run", "two calls on the same arguments gave different numbers")
    if name not in ("repeatability", "structure") and subject.backward_error is not None:
        return Outcome(name, "not run", "its reverse pass raises; see structure")
    try:
        return PROPERTIES[name](subject)
    except Exception as error:
        repeat = Findings(subject, name).repeat()
        failure = Failure(subject.name, name, "", f"checking it raised {sentence_of(error)}.", repeat=repeat)
        return Outcome(name, "failed", "", (failure,))


def _signature(subject: Subject) -> str:
    shapes = [f"{leaf.name}: {x.dtype}{list(x.shape)}" for leaf, x in zip(subject.leaves, subject.floats, strict=True)]
    return ", ".join([*shapes, *(f"{key}={value!r}" for key, value in subject.all_static.items())])
