"""What a program repeats step by step, folded: equal consecutive blocks of steps become one loop, as a scan is.

A block is a run of shown steps. Blocks are equal where their steps are (kind, name, parameters, shapes, dtypes, layer
up to its number) and are wired alike inside, and where each input from outside comes from the block before at the same
place (a carry), from one source that all share (a constant of the loop), or from leaves whose names differ in a number
(a slice of each round). What leaves a block enters the next one; only the last one's carries go elsewhere. In any doubt
nothing is folded. The rounds stay what they were: each is measured by its own steps.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fnn.inspect.graphs.likeness import Likeness, common, common_inside
from fnn.inspect.graphs.program import Block, Step, Value, mark
from fnn.inspect.graphs.structure import is_shown, leaf

LEAST = 3
"""Fewer equal blocks are no repetition."""

_PORTS = ("constant", "carry", "leaf")  # in the order of a loop's inputs

Source = tuple[str, Any]
"""Where a round has an input from: ("constant", value), ("carry", its place in a block), ("leaf", one for each round);
("inside", place in the block) and ("number", None) need no port."""


class _Run(NamedTuple):
    """Equal blocks: where they begin, and how they hang together."""

    start: int
    period: int
    times: int
    sources: list[list[Source]]
    """Where the inputs of each step of a block come from."""
    first: dict[tuple[int, int], Value]
    """What enters the first round, by the place in a block whose value enters the next."""
    names: dict[tuple[Value, ...], str]
    """What the leaves of all rounds are called together."""
    paths: list[str]
    inside: list[tuple[Any, str, str]]
    """What changes in the first round's own loops: an object, its attribute, the name or path of all rounds."""


def fold(program: Block) -> Block:
    """Return the program with its runs of equal blocks as one step each, the longest first."""
    program = Block(program.inputs, program.steps, program.outputs, program.wanted)
    while (best := _Sequence(program).longest()) is not None:
        program.steps = _folded(program, best)
    return program


class _Sequence:
    """The shown steps of a program, and who makes and uses each value."""

    def __init__(self, program: Block) -> None:
        self.leaves = set(program.inputs)
        self.steps = [step for step in program.steps if is_shown(step, program)]
        likeness = Likeness(program)
        self.likeness = np.array([likeness.of(step) for step in self.steps])
        self.made = {
            v: (place, number) for place, step in enumerate(self.steps) for number, v in enumerate(step.outputs)
        }
        self.users: dict[Value, list[int]] = {}
        numbers = {step: place for place, step in enumerate(self.steps)}
        for step in program.steps:
            if program.wanted.isdisjoint(step.outputs):
                continue
            for v in (*step.inputs, *(v for _, slices in step.rounds for v in slices)):
                self.users.setdefault(v, []).append(numbers.get(step, len(self.steps)))
        for v in program.outputs:
            self.users.setdefault(v, []).append(len(self.steps))
        self.furthest = [
            max((user for v in step.outputs for user in self.users.get(v, ())), default=0) for step in self.steps
        ]

    def longest(self) -> _Run | None:
        """Return the run that folds most steps, then that of the shortest blocks with the fewest carries."""
        best, most, score = None, 0, (0, False)
        for period in range(1, len(self.steps) // LEAST + 1):
            if len(self.steps) // period * period <= most:
                continue
            alike = self.likeness[:-period] == self.likeness[period:]
            if np.count_nonzero(alike) < (LEAST - 1) * period:
                continue
            following, untapped = self.following(period, alike), self.untapped(period)
            for start in range(len(self.steps) - LEAST * period + 1):
                times = min(2 + following[start + period] // period, 1 + untapped[start] // period)
                if times < LEAST or times * period < most or not alike[start : start + period].all():
                    continue
                if self.is_product_or_sum(start, period) or self.run(start, period, LEAST) is None:
                    continue
                # What is found for longer blocks must fold more; of blocks as long, the fewest carries win.
                while times >= LEAST and times * period >= most + (best is not None and best.period < period):
                    run = self.run(start, period, times)
                    if run is not None:
                        own = any(kind == "leaf" and value[0] in self.leaves for kind, value in run.sources[0])
                        found = (-len(run.first), own)
                        if best is None or times * period > most or found > score:
                            best, most, score = run, times * period, found
                        break
                    times -= 1
        return best

    def is_product_or_sum(self, start: int, period: int) -> bool:
        """Return whether a block is one step on numbers, as in x·x·x·x: shown as the gates that it is."""
        return period == 1 and all(v.aval.shape == () for v in self.steps[start].outputs)

    def following(self, period: int, alike: np.ndarray) -> list[int]:
        """Return for each step how many steps from it on are equal to those one period later, inputs included."""
        counts = [0] * (len(self.steps) + 1)
        for place in range(len(alike) - 1, -1, -1):
            if alike[place] and self.follows(place, period):
                counts[place] = counts[place + 1] + 1
        return counts

    def follows(self, place: int, period: int) -> bool:
        """Return whether a step's inputs and those of its equal one period later may come from the same places."""
        for v, later in zip(self.steps[place].inputs, self.steps[place + period].inputs, strict=True):
            if v is later or not (v.depends or later.depends):
                continue
            a, b = self.made.get(v), self.made.get(later)
            if a is None or b is None:
                if a is not b or v not in self.leaves or later not in self.leaves:
                    return False
            elif (a[0] + period, a[1]) != b or b[0] <= place - period:  # made before the block before
                return False
        return True

    def untapped(self, period: int) -> list[int]:
        """Return for each step how many steps from it on are used in their own block or the next one alone."""
        counts = [0] * (len(self.steps) + 1)
        for place in range(len(self.steps) - 1, -1, -1):
            if self.furthest[place] < place + 2 * period:
                counts[place] = counts[place + 1] + 1
        return counts

    def run(self, start: int, period: int, times: int) -> _Run | None:
        """Return the equal blocks at that place, None where they are not."""
        begins = [start + number * period for number in range(times)]
        sources: list[list[Source]] = []
        run = _Run(start, period, times, sources, {}, {}, [], [])
        for place in range(period):
            steps = [self.steps[begin + place] for begin in begins]
            path = common([step.path for step in steps])
            inside = common_inside([step.body for step in steps])
            if path is None or inside is None:
                return None
            run.paths.append(path)
            run.inside.extend(inside)
            sources.append([])
            for values in zip(*(step.inputs for step in steps), strict=True):
                source = self.source(values, begins, run)
                if source is None:
                    return None
                sources[-1].append(source)
        carried = set(run.first)
        return run if all(self.stays(begin, run, carried, begin == begins[-1]) for begin in begins) else None

    def source(self, values: tuple[Value, ...], begins: list[int], run: _Run) -> Source | None:
        """Return where an input comes from in all rounds, None where it has no one source."""
        places = [
            (self.made[v][0] - begin, self.made[v][1]) if v in self.made else None
            for v, begin in zip(values, begins, strict=True)
        ]
        if all(place is not None and 0 <= place[0] < run.period and place == places[0] for place in places):
            return "inside", places[0]
        if any(place is not None and place[0] >= 0 for place in places):
            return None
        if not any(v.depends for v in values):
            if len({leaf(v)[0] for v in values}) > 1 or len({v.constant is None for v in values}) > 1:
                return None
            name = common([leaf(v)[1] for v in values])
            if name is None:
                return None
            if values[0].constant is not None:
                return "number", None
            run.names[values] = name if values[0].name else ""
            return "leaf", values
        if all(v is values[0] for v in values):
            return "constant", values[0]
        if all(v in self.leaves for v in values):
            own = all(
                begin <= user < begin + run.period
                for v, begin in zip(values, begins, strict=True)
                for user in self.users[v]
            )
            name = common([v.name for v in values])
            if not own or name is None or len(set(values)) < len(values):
                return None
            run.names[values] = name
            return "leaf", values
        before = places[1]
        if before is None or before[0] < -run.period or any(place != before for place in places[1:]):
            return None
        made = (before[0] + run.period, before[1])
        return ("carry", made) if run.first.setdefault(made, values[0]) is values[0] else None

    def stays(self, begin: int, run: _Run, carried: set[tuple[int, int]], is_last: bool) -> bool:
        """Return whether what a round makes is used in it, or by the next one as a carry; the last one's by anyone."""
        end = begin + run.period
        for place in range(begin, end):
            for number, v in enumerate(self.steps[place].outputs):
                used = [user for user in self.users.get(v, ()) if user >= end]
                if used and ((place - begin, number) not in carried or not (is_last or max(used) < end + run.period)):
                    return False
                if not v.depends and v in self.users:
                    return False
        return True


def _folded(program: Block, run: _Run) -> list[Step]:
    """Return the program's steps with the run as one step, before which stands what no argument's gradient reaches."""
    sequence = [step for step in program.steps if is_shown(step, program)]
    steps = sequence[run.start : run.start + run.period * run.times]
    for thing, attribute, text in run.inside:
        setattr(thing, attribute, text)
    entering = dict.fromkeys(source for sources in run.sources for source in sources if source[0] in _PORTS)
    order = sorted(entering, key=lambda source: _PORTS.index(source[0]))
    carries = [place for kind, place in order if kind == "carry"]
    rounds = []
    for number in range(run.times):
        block = _round(steps[number * run.period : (number + 1) * run.period], run, order, carries)
        rounds.append((block, [values[number] for kind, values in order if kind == "leaf"]))
    last = steps[-run.period :]
    folded = Step(
        equation=None, path=_around(run.paths),
        inputs=[_given(source, run) for source in order],
        outputs=[last[place].outputs[number] for place, number in carries],
        body=rounds[0][0], consts=sum(kind == "constant" for kind, _ in order), carries=len(carries), times=run.times,
        rounds=rounds,
    )  # fmt: skip
    begin, end = program.steps.index(steps[0]), program.steps.index(steps[-1])
    between = [step for step in program.steps[begin:end] if not is_shown(step, program)]
    return [*program.steps[:begin], *between, folded, *program.steps[end + 1 :]]


def _given(source: Source, run: _Run) -> Value:
    """Return what enters the first round."""
    kind, value = source
    return run.first[value] if kind == "carry" else value[0] if kind == "leaf" else value


def _round(steps: Sequence[Step], run: _Run, order: list[Source], carries: list[tuple[int, int]]) -> Block:
    """Return one round as a block with values of its own."""
    ports = {}
    for kind, value in order:
        given = _given((kind, value), run)
        depends = given.depends or kind == "carry"
        name = run.names[value] if kind == "leaf" else given.name if kind == "constant" else ""
        ports[kind, value] = Value(given.aval, depends, () if depends else given.origin, name)
    block = Block(list(ports.values()))
    own: dict[Value, Value] = {}
    for step, sources, path in zip(steps, run.sources, run.paths, strict=True):
        inputs = [ports.get(source, own.get(v, v)) for v, source in zip(step.inputs, sources, strict=True)]
        outputs = [Value(v.aval, v.depends, v.origin) for v in step.outputs]
        own.update(zip(step.outputs, outputs, strict=True))
        block.steps.append(Step(step.equation, path, inputs, outputs, step.body, step.consts, step.carries, step.times))
    block.outputs = [block.steps[place].outputs[number] for place, number in carries]
    mark(block, set(block.outputs))
    return block


def _around(paths: list[str]) -> str:
    """Return the layer around all steps, up to the number that differs.

    >>> _around(["net.serial[i].dense", "net.serial[i].tanh"]), _around(["serial[1].dense", "serial[10].dense"])
    ('net.serial', 'serial')
    """
    split = [re.findall(r"\.?[^.\[\]]+|\[[^\]]*\]", path) for path in paths]
    parts: list[str] = []
    for column in zip(*split, strict=False):
        if len(set(column)) > 1 or column[0].endswith("[i]"):
            break
        parts.append(column[0])
    return "".join(parts)
