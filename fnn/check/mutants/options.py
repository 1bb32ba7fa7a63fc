"""Mistakes with the static options: the backward takes another value than the forward was given."""

import inspect
import typing
from collections.abc import Iterator
from typing import Any

from fnn.check.mutants.mutant import Wrong, passes, rebuilt
from fnn.check.mutants.sample import Sample
from fnn.rule import Rule


def option_mistakes(sample: Sample) -> Iterator[Wrong]:
    """Yield the backwards that ignore an option: they take its default, or where that was given, another value."""
    rule = sample.rule
    for name in passes(rule).backward_static:
        given, default = sample.static[name], rule.signature.parameters[name].default
        if default is not inspect.Parameter.empty and not _same(given, default):
            others = [default]
        else:
            others = [value for value in _others(rule, name, given) if not _same(given, value)]
        for value in others:
            yield Wrong(f"option {name}: taken for {value!r}", "option ignored", _taking(rule, name, value))


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


def _others(rule: Rule, name: str, given: Any) -> list[Any]:
    """Return other values of an option: its annotation's, or those of its type. Some may not suit the rule."""
    choices = [value for value in _literals(rule.signature.parameters[name].annotation)]
    if choices:
        return choices
    if isinstance(given, bool):
        return [not given]
    if isinstance(given, int):
        return [given + 1, given - 1]
    if isinstance(given, float):
        return [given / 2, given + 0.5]
    if isinstance(given, tuple):
        return [given[::-1], given[:-1]]
    return [0, 0.5] if given is None else []


def _literals(annotation: Any) -> Iterator[Any]:
    """Yield the values that an annotation such as Literal["sum", "mean"] | None names."""
    if typing.get_origin(annotation) is typing.Literal:
        yield from typing.get_args(annotation)
    else:
        for part in typing.get_args(annotation):
            yield from _literals(part)


def _taking(rule: Rule, name: str, value: Any) -> Rule:
    original = passes(rule).backward

    def backward(saved, dy, **static):
        return original(saved, dy, **(static | {name: value}))

    return rebuilt(rule, backward=backward)
