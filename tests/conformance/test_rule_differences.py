"""Every cotangent is the central difference, or the complex step, of the rule's own value."""

from rules_table import prove, richest_case


@richest_case
def test_differences(name):
    prove(name, "differences")
