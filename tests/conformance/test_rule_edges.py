"""Every rule holds at kinks, ties, poles and infinities."""

from rules_table import prove, richest_case


@richest_case
def test_edges(name):
    prove(name, "edges")
