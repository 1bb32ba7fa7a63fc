"""One compile: a second call with the same shapes compiles nothing."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.monitoring
import jax.numpy as jnp
import numpy as np

from fnn.check import programs
from fnn.check.findings import Findings
from fnn.check.report import Outcome
from fnn.check.subject import Subject, pull

EAGERLY = "called eagerly"


def compilation(subject: Subject) -> Outcome:
    """Count what JAX compiles in a second reverse pass, called eagerly and under jit.

    A function that makes a new jit at each call compiles at each call. So do scan, while and cond outside jit, whose
    bodies are new at each call: that is noted.
    """
    found = Findings(subject, "compilation")
    real = subject.real(subject.function)
    with subject.precision(), np.errstate(all="ignore"):
        floats, dy = jax.tree.map(jnp.asarray, (tuple(subject.floats), tuple(subject.base[1])))
        ways: dict[str, Callable[..., Any]] = {EAGERLY: pull}
        if subject.compiles:
            compiled = jax.jit(lambda floats, dy: pull(real, floats, dy))
            ways["under jit"] = lambda real, floats, dy: compiled(floats, dy)
        loops = ""
        for label, run in ways.items():
            jax.block_until_ready(jax.tree.leaves(run(real, floats, dy)))
            with _counting() as counts:
                jax.block_until_ready(jax.tree.leaves(run(real, floats, dy)))
            if not counts["compiled"]:
                continue
            again = f"{label}, a second call with the same shapes compiled {counts['compiled']} programs anew"
            if label == EAGERLY and _has_loops(subject):
                loops = f"{again}, as lax's loops do outside jit"
                continue
            found.say(
                "",
                f"{again}: define the rule and its jits once, at the top of a module, and not inside the function.",
            )
    outcome = found.outcome(", ".join(ways))
    return outcome._replace(status="noted", detail=loops) if loops and outcome.status == "passed" else outcome


def _has_loops(subject: Subject) -> bool:
    """Say whether scan, while or cond stand in the program: eagerly they compile what they close over at each call."""
    if not subject.compiles:
        return False
    function = functools.partial(pull, subject.real(subject.function))
    closed, _ = programs.trace(function, tuple(subject.floats), subject.cotangents_like())
    return any(equation.primitive.name in ("scan", "while", "cond") for equation in programs.equations(closed))


@contextlib.contextmanager
def _counting() -> Iterator[dict[str, int]]:
    counts = {"compiled": 0}

    def listen(event: str, duration_secs: float, **_: Any) -> None:
        counts["compiled"] += event.endswith("backend_compile_duration")

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield counts
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
