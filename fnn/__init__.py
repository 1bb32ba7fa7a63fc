"""fnn: functional neural networks in JAX whose every backward pass is written by hand.

What stands here is imported when it is first used: pytest imports this package in every run on a machine that has it,
to learn of its option --rules, and must not import JAX for that.
"""

import pkgutil
import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fnn import check as check
    from fnn import data as data
    from fnn import initializers as initializers
    from fnn import inspect as inspect
    from fnn import layers as layers
    from fnn import models as models
    from fnn import optim as optim
    from fnn import rules as rules
    from fnn import train as train
    from fnn.rule import Rule as Rule
    from fnn.rule import Static as Static
    from fnn.rule import autodiff as autodiff
    from fnn.rule import rule as rule
    from fnn.train.metrics import accuracy as accuracy

_HOMES = dict.fromkeys(("Rule", "Static", "autodiff", "rule"), "fnn.rule") | {"accuracy": "fnn.train.metrics"}
_MODULES = {module.name for module in pkgutil.iter_modules(__path__)}


class _Package(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name in _HOMES:
            setattr(self, name, getattr(import_module(_HOMES[name]), name))
        elif name in _MODULES:
            import_module(f"fnn.{name}")
        else:
            raise AttributeError(f"module 'fnn' has no attribute {name!r}")
        return vars(self)[name]

    def __setattr__(self, name: str, value: Any) -> None:
        # Importing the file fnn/rule.py sets fnn.rule to a module; fnn.rule is the decorator.
        super().__setattr__(name, value.rule if name == "rule" and isinstance(value, ModuleType) else value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_HOMES, *_MODULES})


sys.modules[__name__].__class__ = _Package
