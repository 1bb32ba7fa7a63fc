"""Every cotangent is autodiff's of the plain forward, entry by entry."""

from rules_table import prove, richest_case


@richest_case
def test_cotangents(name):
    prove(name, "cotangents")
