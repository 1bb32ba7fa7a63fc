"""Every mutant of a rule."""

from collections.abc import Callable, Iterator
from typing import Any, cast

import jax

from fnn.check.mutants.equations import equation_mistakes
from fnn.check.mutants.measure import Measure
from fnn.check.mutants.mutant import Mutant, Wrong, passes
from fnn.check.mutants.options import option_mistakes
from fnn.check.mutants.sample import Sample, sample
from fnn.check.mutants.whole_arrays import (
    cotangent_mistakes,
    forward_mistakes,
    output_cotangent_mistakes,
    residual_mistakes,
)
from fnn.rule import Rule


def mutants(rule: Callable[..., Any], *args: Any, **static: Any) -> list[Mutant]:
    """Return wrong versions of a fnn `Rule`, made mechanically, each with how much it changes at the given arguments.

    Small arrays of different numbers do best. Without arguments they are drawn from the rule's annotations. A mutant
    that raises is dropped; one that changes nothing has ``changes == 0.0``. Raises TypeError for what is no rule.

    >>> import fnn, numpy as np
    >>> x, y = np.array([1.0, 2.0]), np.array([3.0, 5.0])
    >>> made = mutants(fnn.rules.multiply, x, y)
    >>> made[0].name, made[0].changes
    ('dx: negated', 2.0)
    >>> [mutant.name for mutant in made if mutant.kind == "swapped with another"]
    ['dx: swapped with dy']
    """
    passes(rule)
    if not args:
        from fnn.check.drawing.arguments import draw

        args, drawn = draw(rule)
        static = drawn | static
    with jax.enable_x64(True):
        at = sample(cast(Rule, rule), args, static)
        measure = Measure(at)
        made = [measure.mutant(wrong) for wrong in mistakes(at)]
    return [mutant for mutant in made if mutant is not None]


def mistakes(at: Sample) -> Iterator[Wrong]:
    """Yield every wrong version of a rule, those that raise among them."""
    yield from cotangent_mistakes(at)
    yield from output_cotangent_mistakes(at)
    yield from equation_mistakes(at)
    yield from residual_mistakes(at)
    yield from option_mistakes(at)
    yield from forward_mistakes(at)
