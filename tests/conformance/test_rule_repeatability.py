"""Every rule gives the same bits again."""

from rules_table import prove, richest_case


@richest_case
def test_repeatability(name):
    prove(name, "repeatability")
