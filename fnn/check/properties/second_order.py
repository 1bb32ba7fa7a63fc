"""Where second order is claimed, reverse over reverse is the oracle's; where it is not, it raises or is right."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from fnn.check import tolerance
from fnn.check.findings import Findings
from fnn.check.leaves import sentence_of
from fnn.check.report import Outcome
from fnn.check.subject import Subject, pull


def second_order(subject: Subject) -> Outcome:
    """Differentiate <v, dX> by the arguments and by dY, for the function and for the oracle.

    With order=1 a wrong second order is noted and fails nothing: a backward should then raise rather than mislead.
    """
    found = Findings(subject, "second_order")
    if subject.oracle is None:
        return found.not_run(subject.why_no_oracle)
    directions = tuple(subject.random.normal(size=x.shape).astype(x.dtype) for x in subject.floats)
    arguments = (*map(tuple, subject.base), directions)
    try:
        wanted = subject.run("second order wanted", functools.partial(_second, subject.oracle), *arguments)
    except Exception as error:
        return found.not_run(f"JAX cannot differentiate {subject.oracle_name} twice: {sentence_of(error)}")
    try:
        got = subject.run("second order", functools.partial(_second, subject.real(subject.function)), *arguments)
    except Exception as error:
        if subject.order == 1:
            return Outcome("second_order", "passed", f"not claimed; it raises {sentence_of(error)}")
        found.say("", f"second order is claimed, and raises {sentence_of(error)}")
        return found.outcome("reverse over reverse")
    again = functools.partial(subject.run, "second order wanted", functools.partial(_second, subject.oracle))
    condition = subject.sensitivity(again, arguments, wanted)
    names = [leaf.name for leaf in subject.leaves] + [f"the cotangent of {name}" for name in subject.output_names]
    for name, g, w, c in zip(names, *((*pair[0], *pair[1]) for pair in (got, wanted, condition)), strict=True):
        finite = np.isfinite(w)
        bound = tolerance.allowed(subject.eps, subject.length, w, c)
        found.compare(name, np.where(finite, g, w), w, bound, "the gradient of <v, dX>, v random")
    if subject.order == 1 and found.failures:
        names = ", ".join(found.failures)
        return Outcome("second_order", "noted", f"not claimed (order=1), and silently wrong in {names}: make it raise")
    return found.outcome("reverse over reverse" + (", though not claimed" if subject.order == 1 else ""))


def _second(function, floats: tuple, dy: tuple, directions: tuple) -> tuple:
    def product(floats: tuple, dy: tuple):
        dx = pull(function, floats, dy)[2]
        return sum(jnp.vdot(v, d) for v, d in zip(directions, dx, strict=True))

    return jax.grad(product, (0, 1))(floats, dy)
