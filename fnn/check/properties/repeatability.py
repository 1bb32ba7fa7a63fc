"""The same arguments give the same bits, forward and backward."""

from fnn.check.findings import Findings
from fnn.check.report import Outcome
from fnn.check.subject import Subject


def repeatability(subject: Subject) -> Outcome:
    """Run the forward and the backward three times and compare every bit."""
    found = Findings(subject, "repeatability")
    if not subject.deterministic:
        found.say(
            "",
            "two calls on the same arguments gave different numbers. Pass randomness as a key among the arguments, and "
            "keep no state outside them.",
        )
        return found.outcome("2 eager calls")
    if subject.backward_error is not None:
        return found.not_run("its reverse pass raises; see structure")
    runs = [subject.pull(*subject.base) for _ in range(3)]
    names = [*subject.output_names, *(leaf.name for leaf in subject.leaves)]
    for run in runs[1:]:
        pairs = zip((*runs[0].y, *runs[0].dx), (*run.y, *run.dx), strict=True)
        for name, (first, again) in zip(names, pairs, strict=True):
            if first.tobytes() != again.tobytes():
                found.compare(name, again, first, 0.0, "a second run, wanted the bits of the first")
    return found.outcome("3 runs, bit for bit")
