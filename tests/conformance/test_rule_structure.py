"""Every cotangent has its argument's tree, shape and dtype."""

from rules_table import prove, richest_case


@richest_case
def test_structure(name):
    prove(name, "structure")
