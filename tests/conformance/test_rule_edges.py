"""Every rule holds at kinks, ties, poles and infinities."""

from rules_table import every_case, prove


@every_case
def test_edges(name):
    prove(name, "edges")
