"""What a check found: a failure is one message, an outcome one property, a report all of them; table and JSON."""

import dataclasses
import json
from typing import Any, Literal, NamedTuple

import numpy as np

Status = Literal["passed", "failed", "noted", "not run"]


class Failure(NamedTuple):
    """One wrong number, or one sentence where there is no number; ``str(failure)`` is the message."""

    rule: str
    property: str
    argument: str
    """The path of the argument or output, as ``params['w']``; empty where none is to blame."""
    sentence: str
    """What is wrong, in words."""
    setting: str = ""
    """At which inputs: the dtype, the cotangent, the transformation."""
    at: tuple[int, ...] = ()
    """The index of the worst entry."""
    shape: tuple[int, ...] = ()
    got: float | None = None
    want: float | None = None
    error: float = 0.0
    relative: float = 0.0
    ulps: float = 0.0
    """The error in units of the last place of the wanted number, in the dtype it was computed in."""
    allowed: float = 0.0
    wrong: int = 0
    """How many entries are wrong."""
    looks_like: str = ""
    """What the error looks like: a sign, a factor, a transpose."""
    repeat: str = ""
    """The call that shows this failure alone."""

    def __str__(self) -> str:
        """Return the message."""
        where = f", {self.argument}" if self.argument else ""
        lines = [f"{self.rule} fails {self.property}{where}: {self.sentence}"]
        if self.got is not None and self.want is not None:
            size = int(np.prod(self.shape))
            at = f"at {list(self.at)} of shape {self.shape}, " if self.shape else ""
            lines += [
                f"  {at}{self.wrong} of {size} {'entries' if size != 1 else 'entry'} wrong",
                f"  got    {self.got!r}",
                f"  want   {self.want!r}",
                f"  error  {self.error:.3g}: {self.relative:.3g} of the wanted value, {self.ulps:.3g} ulps; "
                f"allowed {self.allowed:.3g}"
                if np.isfinite(self.relative)
                else f"  error  {self.error:.3g}; allowed {self.allowed:.3g}",
            ]
        lines += [f"  with   {self.setting}"] if self.setting else []
        lines += [f"  looks  {self.looks_like}"] if self.looks_like else []
        lines += [f"  repeat {self.repeat}"] if self.repeat else []
        return "\n".join(lines)


class Outcome(NamedTuple):
    """What one property came to."""

    property: str
    status: Status
    detail: str
    """What was compared, how many, or why not."""
    failures: tuple[Failure, ...] = ()
    worst: float | None = None
    """The largest error as a part of what was allowed; None where nothing was measured."""


@dataclasses.dataclass(frozen=True, repr=False)
class Report:
    """The outcomes of one check; ``str(report)`` is the table with every failure's message below it."""

    rule: str
    arguments: str
    oracle: str
    """What the gradient was compared with."""
    outcomes: tuple[Outcome, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether no property failed."""
        return not self.failures

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Every failure, property by property."""
        return tuple(failure for outcome in self.outcomes for failure in outcome.failures)

    def __bool__(self) -> bool:
        """Return `ok`, so that a test may say ``assert check.rule(...)``."""
        return self.ok

    def __getitem__(self, name: str) -> Outcome:
        """Return the outcome of a property by its name."""
        for outcome in self.outcomes:
            if outcome.property == name:
                return outcome
        raise KeyError(f"no property {name!r} was checked; there are {', '.join(o.property for o in self.outcomes)}.")

    def assert_passed(self) -> "Report":
        """Raise AssertionError with the whole report unless every property passed; return the report."""
        if not self.ok:
            raise AssertionError(str(self))
        return self

    def __str__(self) -> str:
        """Return the table."""
        heads = ("property", "result", "worst", "")
        rows = [
            (o.property, o.status.upper() if o.status == "failed" else o.status, _share(o.worst), o.detail)
            for o in self.outcomes
        ]
        widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(3)]
        lines = [
            "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[3]]).rstrip()
            for row in (heads, *rows)
        ]
        head = f"{self.rule}({self.arguments})\nagainst {self.oracle}, in {self.seconds:.1f} s"
        return "\n".join([head, *lines, *self._messages()])

    __repr__ = __str__

    def _messages(self) -> list[str]:
        """Return the first failure of each argument in full, and one line for what follows from it."""
        first: dict[str, Failure] = {}
        also: dict[str, list[str]] = {}
        for failure in self.failures:
            if failure.argument in first:
                also.setdefault(failure.argument, []).append(failure.property)
            first.setdefault(failure.argument, failure)
        messages = []
        for argument, failure in first.items():
            rest = dict.fromkeys(also.get(argument, ()))
            messages.append(f"\n{failure}" + (f"\n  also   {', '.join(rest)}" if rest else ""))
        return messages

    def json(self) -> str:
        """Return the report as JSON; numbers that JSON lacks are strings."""
        tree = {
            "rule": self.rule,
            "arguments": self.arguments,
            "oracle": self.oracle,
            "ok": self.ok,
            "seconds": self.seconds,
            "outcomes": [o._asdict() | {"failures": [f._asdict() for f in o.failures]} for o in self.outcomes],
        }
        return json.dumps(_plain(tree), allow_nan=False)


def _share(worst: float | None) -> str:
    return "" if worst is None else f"{worst:.2g}"


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _plain(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [_plain(item) for item in node]
    if isinstance(node, float) and not np.isfinite(node):
        return str(node)
    return node
