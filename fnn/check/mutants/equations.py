"""Mistakes in one equation of the backward: a term dropped, a product transposed, a sum left out, >= for >.

The backward is traced; each equation of its program, and of the programs that it holds (jit, scan, cond, while), is
changed in every way that its primitive has in `equation_changes`. An equation is known by its primitive and its
number among those of that primitive, so that a mutant makes the same mistake for other shapes and dtypes, and under
vmap, jit and grad, where the program is traced anew; where the equation is missing, the backward is right.
"""

import collections
import functools
import os
from collections.abc import Callable, Iterator
from typing import Any

import jax

from fnn.check import programs
from fnn.check.mutants.equation_changes import CHANGES, Run
from fnn.check.mutants.mutant import Wrong, passes, rebuilt
from fnn.check.mutants.sample import Sample

Path = tuple[Any, ...]
"""An equation, behind those whose programs hold it, the outermost first."""


def equation_mistakes(sample: Sample) -> Iterator[Wrong]:
    """Yield the mistakes in each equation of the backward."""
    _, backward, names = passes(sample.rule)
    static = {name: sample.static[name] for name in names}
    closed, _ = programs.trace(functools.partial(backward, **static), sample.saved, sample.dy)
    for (primitive, number), path in numbered(closed).items():
        for change in CHANGES.get(primitive, ()):
            for kind, what, _ in change(path[-1]):
                name = f"backward {primitive}#{number} ({_line(path)}): {what}"
                wrong = functools.partial(_one_wrong, backward, primitive, number, change, what)
                yield Wrong(name, kind, rebuilt(sample.rule, backward=wrong))


def numbered(closed: Any) -> dict[tuple[str, int], Path]:
    """Return the path of each equation by its primitive and its number, from 1, among those of that primitive."""
    counts, found = collections.Counter(), {}
    for path in _paths(closed, ()):
        name = path[-1].primitive.name
        counts[name] += 1
        found[name, counts[name]] = path
    return found


def _paths(closed: Any, above: Path) -> Iterator[Path]:
    for equation in closed.jaxpr.eqns:
        yield (*above, equation)
        if equation.primitive.name in programs.ENTERED:
            for inner in programs.nested(equation):
                yield from _paths(inner, (*above, equation))


def _one_wrong(backward: Callable, primitive: str, number: int, change: Callable, what: str, saved, dy, **static):
    """Run a backward with one equation changed."""
    function = functools.partial(backward, **static)
    closed, tree = programs.trace(function, saved, dy)
    path = numbered(closed).get((primitive, number))
    wrong = {what: run for _, what, run in change(path[-1])} if path else {}
    if path is None or what not in wrong:
        return function(saved, dy)
    outputs = programs.evaluate(closed, jax.tree.leaves((saved, dy)), _replacing(path, wrong[what]))
    return jax.tree.unflatten(tree, outputs)


def _replacing(path: Path, wrong: Run) -> programs.Replace:
    """Return the replacement of the equation at the end of a path; two calls may share one program."""
    first, *rest = path

    def replace(equation: Any, values: list[Any]) -> list[Any] | None:
        if equation is not first:
            return None
        return programs.run(equation, values, _replacing(tuple(rest), wrong)) if rest else wrong(values)

    return replace


def _line(path: Path) -> str:
    """Return "file.py:50", of the innermost equation whose line is known."""
    lines = [programs.source_line(equation) for equation in path]
    known = [line for line in lines if line != "?"]
    return os.path.basename(known[-1].split(" (")[0]) if known else "?"
