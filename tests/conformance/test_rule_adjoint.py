"""Every backward is the adjoint of forward mode."""

from rules_table import prove, richest_case


@richest_case
def test_adjoint(name):
    prove(name, "adjoint")
