"""Every rule gives the same bits again."""

from rules_table import every_case, prove


@every_case
def test_repeatability(name):
    prove(name, "repeatability")
