"""The door by which pytest finds fnn: the option --rules, which loads `fnn.check.plugin`.

pytest imports this file in every run on a machine that has fnn, so it imports nothing of fnn until the option is given.
"""

import importlib
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --rules."""
    parser.getgroup("fnn").addoption(
        "--rules",
        action="append",
        default=[],
        metavar="PACKAGE",
        help="check every gradient rule of a package with fnn.check",
    )


class Hooks:
    """The hook that a conftest.py may implement."""

    @pytest.hookspec(firstresult=True)
    def pytest_fnn_arguments(self, rule: Any) -> Any:
        """Return (args, static) to check a rule with, or a list of them; None to have them drawn."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Make the hook known."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_configure(config: pytest.Config) -> None:
    """Load the checks if they are asked for."""
    if config.getoption("rules"):
        config.pluginmanager.register(importlib.import_module("fnn.check.plugin"), "fnn.check")
