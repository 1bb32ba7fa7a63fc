"""Every rule of a package as a test of its own: ``pytest --rules my_package``.

What is a rule: every `fnn.Rule` and every `jax.custom_vjp` function that a module of the package defines, jitted or
not, each once. A rule is checked by `fnn.check.rule` on arguments drawn from its annotations: the richest call with
every property, then other ways to call it (arguments left out, other ranks and sizes) and its other static options
with the properties QUICK. One whose arguments cannot be drawn fails, with the sentence that says why; a conftest.py
may give it arguments:

    def pytest_fnn_arguments(rule):
        if rule is my_package.attention:
            return (q, k, v), {"causal": True}          # or a list of such pairs
        if rule is my_package.straight_through:
            return (x,), {"reference": surrogate}       # options of check.rule stand beside the static ones

Without paths on the command line these tests are all that runs; ``-v`` prints the table of each rule. The option
itself stands in `fnn.pytest_plugin`, which loads this file.
"""

import inspect
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fnn.check.devices import ask_for_devices
from fnn.check.drawing.annotations import name_of
from fnn.check.drawing.arguments import calls
from fnn.check.packages import Found, rules_of
from fnn.check.rule import rule

QUICK = ("value", "cotangents")
"""The properties that are checked of a rule's other ways and options."""
_WAYS = 12  # how many ways to call it a rule is checked in


class Wrong(Exception):
    """A rule failed; the message is all there is to show."""


class RuleItem(pytest.Item):
    """The test of one rule."""

    def __init__(self, *, found: Found, **words: Any):
        super().__init__(**words)
        self.found = found

    def runtest(self) -> None:
        """Check the rule on each of its arguments; the first failing report is the failure."""
        function, error = self.found.function, self.found.error
        if function is None:
            raise Wrong(f"{self.found.module} cannot be imported: {type(error).__name__}: {error}") from error
        count = 0
        for repeat, args, static, only in self._calls(function):
            count += 1
            try:
                report = rule(function, *args, only=only, **static)
            except ValueError as refusal:
                raise Wrong(f"{refusal}\n{repeat}") from refusal
            if not report.ok:
                raise Wrong(f"{report}\n\n{repeat}")
            if not only:
                self.user_properties.append(("fnn.check", str(report)))
        self.user_properties.append(("fnn.check", f"{count} calls in all"))

    def _calls(self, function: Callable[..., Any]) -> Iterator[tuple[str, tuple, dict[str, Any], tuple[str, ...]]]:
        """Yield how to get the arguments again, arguments, static configuration, the only properties to check."""
        given = self.config.hook.pytest_fnn_arguments(rule=function)
        if given is not None:
            for number, pair in enumerate([given] if isinstance(given, tuple) else given):
                if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[1], dict)):
                    raise Wrong(
                        f"pytest_fnn_arguments returned a {type(pair).__name__} for {name_of(function)}, wanted (args, "
                        "static), a tuple of the positional arguments and a dict of the static configuration."
                    )
                yield f"args, static are number {number} of pytest_fnn_arguments.", tuple(pair[0]), pair[1], ()
            return
        name = name_of(function)
        try:
            for way, call in enumerate(itertools.islice(calls(function), _WAYS)):
                words = f", way={way}" if way else ""
                yield f"args, static = check.draw({name}{words})", *call.draw(), QUICK if way else ()
            call = next(calls(function))
        except ValueError as error:
            raise Wrong(
                f"{error}\nA conftest.py may give them: def pytest_fnn_arguments(rule): return (args, static)"
            ) from error
        for option, values in call.options().items():
            for value in values[1:]:
                other = call.having(option, value)
                if other is not None:
                    yield f"args, static = check.draw({name}, given={{{option!r}: {value!r}}})", *other.draw(), QUICK

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return the message alone; the traceback would be the checker's."""
        return str(excinfo.value) if isinstance(excinfo.value, Wrong) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where the rule stands."""
        try:
            function = inspect.unwrap(self.found.function)  # pyright: ignore[reportArgumentType]
            path, line = inspect.getsourcefile(function), inspect.getsourcelines(function)[1] - 1
        except (TypeError, OSError):
            path, line = None, None
        return Path(path or self.path), line, self.name


def pytest_configure(config: pytest.Config) -> None:
    """Give JAX eight devices, for the sharded check, and collect nothing else where no path is given."""
    ask_for_devices()
    if config.args_source is not config.ArgsSource.ARGS:
        config.args = []


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add an item for each rule."""
    for package in config.getoption("rules") or ():
        found = rules_of(package)
        if not found:
            raise pytest.UsageError(
                f"--rules {package}: no module of it defines a fnn rule or a jax.custom_vjp function."
            )
        if found[0].module == package and found[0].error is not None:
            raise pytest.UsageError(f"--rules {package}: it cannot be imported: {found[0].error}") from found[0].error
        names = [f"{one.module}.{one.name}".rstrip(".") for one in found]
        own = [
            RuleItem.from_parent(session, name=name, nodeid=name, found=one)
            for name, one in zip(names, found, strict=True)
        ]
        # So that they are counted among those collected.
        config.hook.pytest_collectreport(report=pytest.CollectReport(package, "passed", None, list(own)))
        items += own


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the tables of the rules that passed, with -v."""
    tables = [
        "\n".join(text for key, text in report.user_properties if key == "fnn.check")
        for report in terminalreporter.getreports("passed")
        if any(key == "fnn.check" for key, _ in report.user_properties)
    ]
    if tables and config.get_verbosity() > 0:
        terminalreporter.section("rules")
        terminalreporter.write_line("\n\n".join(tables))
