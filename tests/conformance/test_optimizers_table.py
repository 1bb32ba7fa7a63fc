"""No public name of fnn.optim is missing from the table, and none is in the wrong half of it."""

import inspect
import types

from optimizers_table import ALGORITHMS, NEITHER, SCHEDULES, WRAPPERS

from fnn import optim


def test_the_table_holds_every_public_name():
    public = {
        name
        for name, value in vars(optim).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    algorithms = {name.split(",")[0] for name in ALGORITHMS}
    assert public == algorithms | set(WRAPPERS) | set(SCHEDULES) | NEITHER


def test_what_returns_an_optimizer_is_an_algorithm_or_a_wrapper():
    makers = {
        name
        for name, value in vars(optim).items()
        if inspect.isfunction(value) and inspect.signature(value).return_annotation is optim.Optimizer
    }
    assert makers - {"leafwise"} == {name.split(",")[0] for name in ALGORITHMS} | set(WRAPPERS)
