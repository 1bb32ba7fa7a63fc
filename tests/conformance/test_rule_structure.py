"""Every cotangent has its argument's tree, shape and dtype."""

from rules_table import every_case, prove


@every_case
def test_structure(name):
    prove(name, "structure")
