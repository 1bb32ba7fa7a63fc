"""The run-time type checker of the suite: beartype, with int accepted where float is annotated, as PEP 484 has it."""

from typing import Any

import jaxtyping
from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
_jaxtyped = jaxtyping.jaxtyped


def jaxtyped(*fn: Any, **options: Any) -> Any:
    """Decorate as jaxtyping does, but leave functions that are defined in functions as they are.

    jaxtyping's import hook decorates those too, anew at each call of the outer one: a third of a proof's time.
    """
    if fn:
        return _jaxtyped(*fn, **options)
    decorate = _jaxtyped(**options)
    return lambda fn: fn if "<locals>" in getattr(fn, "__qualname__", "") else decorate(fn)
