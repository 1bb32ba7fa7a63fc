"""The kill table: for each rule and kind of mistake, which property killed its mutants, and what other checkers did."""

import collections
from collections.abc import Iterable, Sequence

from fnn.check.mutants.kills import Unfit, Verdict
from fnn.check.mutants.rivals import Result


def table(found: Iterable[Verdict | Unfit]) -> str:
    """Return the whole table: rule by rule, kind by kind, the survivors, the rules that could not be judged."""
    found = list(found)
    verdicts = [item for item in found if isinstance(item, Verdict)]
    parts = [
        by_rule(verdicts),
        summary(verdicts),
        survivors(verdicts),
        unfit([u for u in found if isinstance(u, Unfit)]),
    ]
    return "\n\n".join(part for part in parts if part)


def by_rule(verdicts: Sequence[Verdict]) -> str:
    """Return a line for each rule and kind: the mutants that change something, and the properties that killed them."""
    groups: dict[tuple[str, str], list[Verdict]] = collections.defaultdict(list)
    for verdict in changing(verdicts):
        groups[verdict.rule, verdict.kind].append(verdict)
    rows = [("rule", "mistake", "mutants", "killed by", "check_grads", "chex")]
    for (rule, kind), group in groups.items():
        killers = collections.Counter(verdict.killed_by or "NOTHING" for verdict in group)
        by = ", ".join(f"{name} {count}" if len(group) > 1 else name for name, count in killers.most_common())
        rows.append((rule, kind, str(len(group)), by, *_rivals(group)))
    return aligned(rows)


def summary(verdicts: Sequence[Verdict]) -> str:
    """Return a line for each kind, and one for all: how many changed something, and how many each checker killed."""
    kinds: dict[str, list[Verdict]] = collections.defaultdict(list)
    for verdict in changing(verdicts):
        kinds[verdict.kind].append(verdict)
    rows = [("mistake", "mutants", "fnn", "check_grads", "chex")]
    for kind, group in (*kinds.items(), ("all", changing(verdicts))):
        rows.append((kind, str(len(group)), str(sum(bool(v.killed_by) for v in group)), *_rivals(group)))
    idle = len(verdicts) - len(changing(verdicts))
    note = f"{idle} more mutants change nothing above rounding and were not checked."
    return (
        f"{aligned(rows)}\n{note}\nn/a: the checker fails on the correct rule, so what it says of a mutant is nothing."
    )


def survivors(verdicts: Sequence[Verdict]) -> str:
    """Return a line for each mutant that changes something and was not killed."""
    rows = [(v.rule, v.mutant, f"changes {v.changes:.2g}", v.where) for v in surviving(verdicts)]
    return "survivors:\n" + aligned(rows) if rows else "no survivors"


def unfit(rules: Sequence[Unfit]) -> str:
    """Return the message of each rule that fails the check itself."""
    return "\n".join(f"{u.rule} itself fails {u.property}, so no mutant of it was judged:\n{u.message}" for u in rules)


def changing(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Return the verdicts on mutants that change something."""
    return [verdict for verdict in verdicts if verdict.changes]


def surviving(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Return the verdicts on mutants that change something and that no property killed."""
    return [verdict for verdict in changing(verdicts) if not verdict.killed_by]


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as lines whose columns stand below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    return "\n".join("  ".join(row).rstrip() for row in cells)


def _rivals(group: Sequence[Verdict]) -> tuple[str, str]:
    return _share([v.check_grads for v in group]), _share([v.chex for v in group])


def _share(results: Sequence[Result]) -> str:
    idle = results.count("n/a")
    if idle == len(results):
        return "n/a"
    return f"{results.count('killed')}" + (f" ({idle} n/a)" if idle else "")
