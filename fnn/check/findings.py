"""How a property says what it found: it compares arrays, says sentences, and makes an outcome of both."""

from typing import Any

import numpy as np

from fnn.check import tolerance
from fnn.check.diagnosis import diagnose
from fnn.check.report import Failure, Outcome
from fnn.check.subject import Pulled, Subject


class Findings:
    """The failures of one property, the first of each argument, and the largest error."""

    def __init__(self, subject: Subject, property: str):
        self.subject, self.property = subject, property
        subject.draw_for(property)
        self.failures: dict[str, Failure] = {}
        self.worst: float | None = None

    def compare(
        self, argument: str, got: Any, want: Any, bound: Any, setting: str, *, eps: float | None = None, **known: Any
    ) -> None:
        """Compare two arrays; a difference beyond the bound is a failure. `known` helps to say what it looks like."""
        got, want = np.asarray(got), np.asarray(want)
        if got.shape != want.shape:
            self.say(argument, f"it has shape {got.shape}, wanted {want.shape}.", setting)
            return
        # Extended-precision dtypes of JAX (bfloat16) lack some of NumPy's arithmetic.
        got, want = got.astype(np.float64), want.astype(np.float64)
        found = tolerance.difference(got, want, bound)
        self.worst = max(self.worst or 0.0, found.ratio)
        if not found.wrong.any() or argument in self.failures:
            return
        eps = self.subject.eps if eps is None else eps
        g, w = float(got[found.at]), float(want[found.at])
        with np.errstate(all="ignore"):
            error = abs(g - w)
            relative = error / abs(w) if w else float("inf")
            ulps = error / (2.0 ** np.floor(np.log2(abs(w))) * eps) if w and np.isfinite(w) else float("inf")
        self.failures[argument] = Failure(
            self.subject.name,
            self.property,
            argument,
            "a number is wrong." if found.wrong.sum() == 1 else "numbers are wrong; the worst of them:",
            setting,
            found.at,
            got.shape,
            g,
            w,
            float(error),
            float(relative),
            float(ulps),
            float(np.broadcast_to(bound, got.shape)[found.at]),
            int(found.wrong.sum()),
            diagnose(got, want, eps=eps, **known),
            self.repeat(),
        )

    def pulled(
        self, got: Pulled, want: Pulled, setting: str, subject: Subject | None = None, bounds: Pulled | None = None
    ) -> None:
        """Compare two reverse passes within bounds, by default those at the base point."""
        subject = subject or self.subject
        bounds = bounds or subject.bounds
        names = [*subject.output_names, *(leaf.name for leaf in subject.leaves)]
        rows = zip(names, (*got.y, *got.dx), (*want.y, *want.dx), (*bounds.y, *bounds.dx), strict=True)
        for name, g, w, bound in rows:
            self.compare(name, g, w, bound, setting)

    def say(self, argument: str, sentence: str, setting: str = "") -> None:
        """Record a failure that is no number."""
        if argument not in self.failures:
            self.failures[argument] = Failure(
                self.subject.name, self.property, argument, sentence, setting, repeat=self.repeat()
            )

    def repeat(self) -> str:
        """Return the call that checks this property alone, with every option that was given."""
        given = {name: repr(value) for name, value in self.subject.options.items()}
        if self.subject.reference is not None:
            given["reference"] = _name(self.subject.reference)
        given |= {name: repr(value) for name, value in self.subject.static.items()}
        words = "".join(f", {name}={value}" for name, value in given.items())
        return f"check.rule({self.subject.name}, *args, only=({self.property!r},){words})"

    def outcome(self, detail: str) -> Outcome:
        """Return what the property came to."""
        status = "failed" if self.failures else "passed"
        return Outcome(self.property, status, detail, tuple(self.failures.values()), self.worst)

    def not_run(self, reason: str) -> Outcome:
        """Return that there was nothing to compare, and why."""
        return Outcome(self.property, "not run", reason)


def _name(function: Any) -> str:
    return getattr(function, "name", None) or getattr(function, "__name__", "reference")
