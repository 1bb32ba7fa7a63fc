"""The rule is right at sizes 0, 1 and odd ones, or refuses them."""

import numpy as np

from fnn.check.findings import Findings
from fnn.check.leaves import sentence_of
from fnn.check.report import Outcome
from fnn.check.resizing import outer_size, resized, sizes_of
from fnn.check.subject import Subject

ODD: tuple[int, ...] = (3, 5, 7, 9, 11, 13, 15, 17)


def sizes(subject: Subject) -> Outcome:
    """Resize the arguments: the first axis to 0, every axis to 1, every axis to an odd size of its own.

    Axes of one size are taken for one axis, so give axes that have nothing to do with each other different sizes.
    A size that the function refuses when traced is named in the report.
    """
    found = Findings(subject, "sizes")
    if not sizes_of(subject) or not subject.compiles:
        return found.not_run("the arguments have no axis" if subject.compiles else "the function cannot be traced")
    first = outer_size(subject)
    odd = dict(zip(sizes_of(subject), ODD, strict=False))
    changes = {
        f"size {first} made 0": {first: 0},
        "every size made 1": dict.fromkeys(sizes_of(subject), 1),
        f"sizes {_arrow(odd)}": odd,
    }
    done, refused = [], []
    for label, change in changes.items():
        other = resized(subject, change)
        if other is None:
            refused.append(label)
            continue
        done.append(label)
        floats, dy = other.base
        try:
            got = other.pull(floats, dy)
        except Exception as error:
            found.say("", f"its forward takes it, its reverse pass raises {sentence_of(error)}", label)
            continue
        if other.oracle is None:
            continue
        want, bounds = other.wanted(floats, dy), other.bounds
        for name, g, w, bound in zip(other.output_names, got.y, want.y, bounds.y, strict=True):
            found.compare(name, g, w, bound, label)
        for leaf, g, w, bound in zip(other.leaves, got.dx, want.dx, bounds.dx, strict=True):
            found.compare(leaf.name, np.where(np.isfinite(w), g, w), w, bound, label)
    return found.outcome("; ".join(done) + (f"; refused: {', '.join(refused)}" if refused else ""))


def _arrow(change: dict[int, int]) -> str:
    return ", ".join(f"{old} made {new}" for old, new in change.items())
