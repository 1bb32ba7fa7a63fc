"""The rules that a package defines."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax

from fnn.rule import Rule


class Found(NamedTuple):
    """A rule of a package, or a module of it that cannot be imported."""

    module: str
    name: str
    function: Callable[..., Any] | None
    error: BaseException | None = None


def rules_of(package: str) -> list[Found]:
    """Return the rules that a package and the modules below it define, each once: `fnn.Rule` and `jax.custom_vjp`.

    >>> [found.name for found in rules_of("fnn.rules.reductions")]
    ['sum', 'mean', 'dot']
    """
    rules: dict[int, Found] = {}
    broken = []
    for name, module, error in _modules(package):
        if error is not None:
            broken.append(Found(name, "", None, error))
            continue
        for attribute, value in vars(module).items():
            inner = _inner(value)
            home = getattr(inner, "__module__", None) or name
            if inner is not None and id(inner) not in rules and f"{home}.".startswith(f"{package}."):
                rules[id(inner)] = Found(home, attribute, value)
    return [*rules.values(), *broken]


def _modules(name: str) -> Iterator[tuple[str, Any, BaseException | None]]:
    try:
        module = importlib.import_module(name)
    except (Exception, SystemExit) as error:
        yield name, None, error
        return
    yield name, module, None
    for below in pkgutil.iter_modules(getattr(module, "__path__", ())):
        if below.name != "__main__":  # importing it would run it
            yield from _modules(f"{name}.{below.name}")


def _inner(value: Any) -> Any:
    """Return the rule that a value is or, as a jit of one, holds."""
    for _ in range(8):
        if isinstance(value, (Rule, jax.custom_vjp)):
            return value
        if not callable(value) or isinstance(value, type):
            return None
        value = getattr(value, "__wrapped__", None)
    return None
