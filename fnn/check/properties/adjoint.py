"""The backward is the adjoint of the derivative: <J v, dY> = <v, Jᵀ dY>, argument by argument."""

import functools
import math

import jax
import numpy as np

from fnn.check import tolerance
from fnn.check.findings import Findings
from fnn.check.leaves import sentence_of
from fnn.check.report import Outcome
from fnn.check.subject import Subject


def adjoint(subject: Subject) -> Outcome:
    """Compare <v, dX> with <J v, dY>, J from forward mode of the oracle, for a direction v in each leaf alone.

    Forward mode shares no code with reverse mode's transposition. The allowed error is that of the two sums' terms.
    """
    found = Findings(subject, "adjoint")
    function = subject.oracle or subject.real(subject.function)
    floats, dy = subject.base

    def push(floats: tuple, direction: tuple) -> tuple:
        return jax.jvp(lambda *floats: function(*floats)[0], floats, direction)[1]

    dx = subject.pull(floats, dy).dx
    try:
        run = functools.partial(subject.run, "push", push, tuple(floats))
        zeros = tuple(np.zeros_like(leaf) for leaf in floats)
        run(zeros)
    except Exception as error:
        return found.not_run(f"{subject.oracle_name} has no forward mode: {sentence_of(error)}")
    left_out = []
    for number, leaf in enumerate(subject.leaves):
        v = np.asarray(subject.random.normal(size=floats[number].shape)).astype(floats[number].dtype)
        jv = run((*zeros[:number], v, *zeros[number + 1 :]))
        right, left = v * dx[number], [a * b for a, b in zip(jv, dy, strict=True)]
        if not all(np.isfinite(terms).all() for terms in (right, *left)):
            left_out.append(leaf.name)
            continue
        scale = float(np.abs(right).sum() + sum(np.abs(terms).sum() for terms in left))
        length = subject.length + max(right.size, *(terms.size for terms in left))
        bound = tolerance.C * subject.eps * math.sqrt(length) * (scale + 1)
        found.compare(leaf.name, right.sum(), sum(terms.sum() for terms in left), bound, "<v, dX>, wanted <J v, dY>")
    if len(left_out) == len(subject.leaves):
        return found.not_run("no leaf's cotangent is finite")
    detail = f"{len(subject.leaves) - len(left_out)} directions, one for each leaf"
    return found.outcome(detail + (f"; not finite and left out: {', '.join(left_out)}" if left_out else ""))
