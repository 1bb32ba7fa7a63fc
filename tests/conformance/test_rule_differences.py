"""Every cotangent is the central difference, or the complex step, of the rule's own value."""

from rules_table import every_case, prove


@every_case
def test_differences(name):
    prove(name, "differences")
