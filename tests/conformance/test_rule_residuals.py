"""What every rule keeps can be counted."""

from rules_table import prove, richest_case


@richest_case
def test_residuals(name):
    prove(name, "residuals")
