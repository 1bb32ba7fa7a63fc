"""The backward is linear in the cotangent, from zero to the largest numbers."""

import numpy as np

from fnn.check.findings import Findings
from fnn.check.report import Outcome
from fnn.check.subject import Subject


def linearity(subject: Subject) -> Outcome:
    """Pull back zero, dY + 3 dY', and dY times powers of two near the ends of the dtype's range.

    Zero gives exactly zero, never NaN; a power of two changes no digits, unless something overflows or underflows
    that need not.
    """
    found = Findings(subject, "linearity")
    floats, dy = subject.base
    other = subject.cotangents()
    dx, dx2 = subject.pull(floats, dy).dx, subject.pull(floats, other).dx
    zero = subject.pull(floats, [np.zeros_like(d) for d in dy]).dx
    summed = [a + 3 * b for a, b in zip(dy, other, strict=True)]
    both = subject.pull(floats, summed).dx
    reach = 2.0 ** (600 if subject.eps < 1e-10 else 80)
    huge, tiny = ([np.asarray(d * s, d.dtype) for d in dy] for s in (reach, 1 / reach))
    scaled = ((reach, "huge", subject.pull(floats, huge).dx), (1 / reach, "tiny", subject.pull(floats, tiny).dx))
    bounds, known = subject.bounds.dx, subject.known(floats, dy)
    of_sum = zip(bounds, subject.bounds_at(floats, other).dx, subject.bounds_at(floats, summed).dx, strict=True)
    sum_bounds = [one + 3 * two + three for one, two, three in of_sum]
    for number, leaf in enumerate(subject.leaves):
        finite = np.isfinite(dx[number])
        found.compare(leaf.name, zero[number], np.zeros_like(zero[number]), 0.0, "a zero cotangent", **known)
        sum_of_both = dx[number] + 3 * dx2[number]
        found.compare(leaf.name, both[number], sum_of_both, sum_bounds[number], "dY + 3 dY', wanted dX + 3 dX'")
        for scale, label, got in scaled:
            with np.errstate(all="ignore"):
                back = np.where(finite, got[number].astype(np.float64) / scale, dx[number])
            setting = f"a {label} cotangent, dY times {scale:.3g}, the result divided by as much"
            found.compare(leaf.name, back, dx[number], 2 * bounds[number], setting)
    return found.outcome("0, a sum, a huge and a tiny cotangent")
