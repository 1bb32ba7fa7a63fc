"""Every number of the lectures that an experiment of the course recomputes, to the precision that the slide prints."""

import importlib
import re
from pathlib import Path

import pytest

import experiments.course
from experiments.__main__ import EXPERIMENTS
from experiments.course.lecture import Number

FOLDER = Path(experiments.course.__file__).parent
FOUNDATION = {"__init__", "lecture", "digits", "mnist"}
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in FOUNDATION)
MODULES = {name: importlib.import_module(f"experiments.course.{name}") for name in NAMES}


@pytest.mark.parametrize("name", [name for name, module in MODULES.items() if hasattr(module, "numbers")])
def test_the_numbers_are_the_lectures(name):
    found = MODULES[name].numbers()
    assert found
    for number in found:
        assert number.right, (number.name, number.here, number.lecture, number.slip)


@pytest.mark.parametrize("name", NAMES)
def test_an_experiment_says_how_to_run_it_its_source_and_its_time(name):
    text = MODULES[name].__doc__
    for part in (f"python -m experiments course.{name}", "Source: ", "Wall time: "):
        assert part in text, part
    assert re.search(r"\d{3}_[0-9a-f]{16}\.txt", text) and EXPERIMENTS[f"course.{name}"].module.endswith(f".{name}")


def test_a_number_that_differs_from_the_slide_is_not_right():
    assert not Number("h1", 0.59328, "0.59327000").right
    assert Number("w2", 0.19956143, "0.19950143", slip="a digit").right
    assert not Number("w2", 0.19950143, "0.19950143", slip="a slip that is none").right
