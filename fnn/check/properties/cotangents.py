"""Every entry of every argument's cotangent is the oracle's, leaf by leaf."""

import numpy as np

from fnn.check.findings import Findings
from fnn.check.report import Outcome
from fnn.check.subject import Subject

RANDOM = 3
ONE_HOT = 64
"""Outputs with at most so many entries have every one-hot cotangent tried: the full Jacobian."""


def cotangents(subject: Subject) -> Outcome:
    """Compare dX for random cotangents here and nearby, and for every one-hot cotangent of a small output.

    Where the oracle itself is not finite, it is no oracle, and the entry is left to the central differences.
    """
    found = Findings(subject, "cotangents")
    if subject.oracle is None:
        return found.not_run(f"{subject.why_no_oracle}; see differences")
    rows = [("the given arguments, a random cotangent", *subject.base)]
    rows += [
        (f"the given arguments, random cotangent {n}", subject.floats, subject.cotangents()) for n in range(1, RANDOM)
    ]
    rows += [("arguments nearby, a random cotangent", subject.nearby(), subject.cotangents())]
    size = sum(y.size for y in subject.outputs)
    if size <= ONE_HOT:
        rows += [(f"cotangent one-hot at {name}", subject.floats, dy) for name, dy in one_hot(subject)]
    skipped = 0
    for setting, floats, dy in rows:
        got, want = subject.pull(floats, dy).dx, subject.wanted(floats, dy).dx
        known = subject.known(floats, dy)
        bounds = subject.bounds.dx if setting.startswith("cotangent one-hot") else subject.bounds_at(floats, dy).dx
        for number, leaf in enumerate(subject.leaves):
            finite = np.isfinite(want[number])
            skipped += int((~finite).sum())
            mine = np.where(finite, got[number], want[number])
            others = {other.name: want[k] for k, other in enumerate(subject.leaves) if k != number}
            found.compare(leaf.name, mine, want[number], bounds[number], setting, others=others, **known)
    detail = f"{len(rows)} cotangents" + (", every one-hot" if size <= ONE_HOT else f", the output's {size} probed")
    return found.outcome(detail + (f"; {skipped} entries where the oracle is not finite left out" if skipped else ""))


def one_hot(subject: Subject):
    """Yield each cotangent that is 1 at one entry of one output, with the entry's name."""
    for number, y in enumerate(subject.outputs):
        for at in np.ndindex(y.shape):
            dy = [np.zeros(out.shape, out.dtype) for out in subject.outputs]
            dy[number][at] = 1
            yield f"{subject.output_names[number]}{list(at) if at else ''}", tuple(dy)
