"""The checker fails on wrong rules, by the property that the mistake offends, with a message that names it."""

import jax
import pytest
from wrong_rules import WRONG

from fnn import check


@pytest.fixture(autouse=True)
def as_a_user_has_it():
    """JAX's own settings, not the suite's strict ones: these rules are written in anyone's style."""
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_rule_fails(name):
    row = WRONG[name]
    report = check.rule(row.function, *row.arguments, only=(row.property,), **row.options)
    assert report[row.property].status == "failed", str(report)
    message = str(report.failures[0])
    for words in (*row.words, row.property, f"only=({row.property!r},)"):
        assert words in message, message


def test_every_property_catches_a_wrong_rule():
    by_itself = {"sharding"}  # XLA shards what a rule computes; no rule of arrays alone makes it err
    assert {row.property for row in WRONG.values()} == set(check.PROPERTIES) - by_itself
