"""Every cotangent is autodiff's of the plain forward, entry by entry."""

from rules_table import every_case, prove


@every_case
def test_cotangents(name):
    prove(name, "cotangents")
