"""Every backward is the adjoint of forward mode."""

from rules_table import every_case, prove


@every_case
def test_adjoint(name):
    prove(name, "adjoint")
