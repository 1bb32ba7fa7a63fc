"""Every rule may be differentiated twice."""

from rules_table import prove, richest_case


@richest_case
def test_second_order(name):
    prove(name, "second_order")
