"""No rule compiles twice."""

from rules_table import prove, richest_case


@richest_case
def test_compilation(name):
    prove(name, "compilation")
