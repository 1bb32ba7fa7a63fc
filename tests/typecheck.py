"""The run-time type checker of the suite: beartype, with int accepted where float is annotated, as PEP 484 has it."""

from typing import Any

import jaxtyping
from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
_jaxtyped = jaxtyping.jaxtyped


def jaxtyped(*fn: Any, **options: Any) -> Any:
    """Decorate as jaxtyping does, but leave the checker as it is, and functions that are defined in functions.

    jaxtyping's import hook decorates those too, anew at each call of the outer one: a third of a proof's time. The
    checker's own arrays have any shape, of which its annotations say nothing; to ask them is a twentieth of the suite.
    """
    if fn:
        return _jaxtyped(*fn, **options)
    decorate = _jaxtyped(**options)
    return lambda fn: fn if _left_alone(fn) else decorate(fn)


def _left_alone(fn: Any) -> bool:
    return "<locals>" in getattr(fn, "__qualname__", "") or getattr(fn, "__module__", "").startswith("fnn.check.")
