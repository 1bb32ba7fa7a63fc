"""Which property of the checker kills a mutant, and whether the other checkers do."""

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

from fnn.check.mutants.make import mutants
from fnn.check.mutants.mutant import Mutant
from fnn.check.mutants.rivals import Result, Rivals
from fnn.check.properties import PROPERTIES
from fnn.check.rule import outcome_of
from fnn.check.subject import Subject
from fnn.rule import Rule


class Verdict(NamedTuple):
    """What the checkers say of one mutant."""

    rule: str
    mutant: str
    kind: str
    changes: float
    """The largest change in proportion, from `Mutant`; 0 for a mutant that changes nothing."""
    where: str
    killed_by: str
    """The first property that fails, the cheapest first; empty where the mutant survived."""
    check_grads: Result
    chex: Result


class Unfit(NamedTuple):
    """A rule that its mutants cannot be told from, because the checker fails the rule itself."""

    rule: str
    property: str
    message: str


def verdicts(rule: Rule, arguments: tuple, static: dict[str, Any], **options: Any) -> Iterator[Verdict | Unfit]:
    """Check the mutants of a rule, one after the other; where the rule itself fails, say so and stop.

    options: what `check.rule` takes beside: `reference` (the rule's own plain forward by default), `order`, `kinks`.
    A mutant of first derivatives is checked with order=1; one of second derivatives alone where the rule has them.
    """
    options = {"reference": rule.plain} | options
    order = options.pop("order", 2)
    failed = _first_failure(rule, arguments, static, order=order, **options)
    if failed and failed[0] == "second_order":
        order, failed = 1, _first_failure(rule, arguments, static, order=1, **options)
    if failed:
        yield Unfit(rule.name, *failed)
        return
    rivals = Rivals(rule, arguments, static)
    for mutant in mutants(rule, *arguments, **static):
        if mutant.order > order:
            continue
        yield _verdict(mutant, rivals, arguments, static, options)


def _verdict(mutant: Mutant, rivals: Rivals, arguments: tuple, static: dict[str, Any], options: dict) -> Verdict:
    said: dict[str, Result] = {name: "survived" for name in ("check_grads", "chex")}
    killed_by = ""
    if mutant.changes:
        failed = _first_failure(mutant.rule, arguments, static, order=mutant.order, **options)
        killed_by = failed[0] if failed else ""
        said = {name: rivals.result(name, mutant.rule, mutant.order) for name in said}
    fields = (rivals.right.name, mutant.name, mutant.kind, mutant.changes, mutant.where)
    return Verdict(*fields, killed_by, said["check_grads"], said["chex"])


def _first_failure(rule: Rule, arguments: tuple, static: dict[str, Any], **options: Any) -> tuple[str, str] | None:
    """Return the first property that fails, and its message."""
    try:
        subject = Subject(functools.partial(rule, **static), *arguments, **options)  # their names may be the same
    except ValueError as error:
        return "preflight", str(error)
    for name in PROPERTIES:
        outcome = outcome_of(subject, name)
        if outcome.status == "failed":
            return name, "\n".join(map(str, outcome.failures))
    return None
