"""The forward's value is the reference's, and the same whether it is being differentiated or not."""

from fnn.check.findings import Findings
from fnn.check.report import Outcome
from fnn.check.subject import Subject


def value(subject: Subject) -> Outcome:
    """Compare the value alone, the value under differentiation, and the oracle's, at two points.

    A `custom_vjp` has two forwards, one that is called and one that is differentiated: they must agree.
    """
    found = Findings(subject, "value")
    points = [("the given arguments", subject.floats), ("arguments nearby", subject.nearby())]
    _, dy = subject.base
    for label, floats in points:
        bounds = subject.bounds_at(floats, dy).y
        alone, other = subject.forward(floats)
        known = {"arguments": subject.known(floats, dy)["arguments"]}
        pulled = subject.pull(floats, dy)
        for name, got, want, bound in zip(subject.output_names, pulled.y, alone, bounds, strict=True):
            found.compare(
                name, got, want, bound, f"{label}: the forward rule's value, wanted the function's own", **known
            )
        for number, (got, want) in enumerate(zip(pulled.other, other, strict=True)):
            found.compare(f"output without gradient {number}", got, want, 0.0, label)
        if subject.oracle is not None:
            wanted = subject.wanted(floats, dy)
            for name, got, want, bound in zip(subject.output_names, alone, wanted.y, bounds, strict=True):
                found.compare(name, got, want, bound, f"{label}: wanted {subject.oracle_name}'s value", **known)
    return found.outcome("2 points")
