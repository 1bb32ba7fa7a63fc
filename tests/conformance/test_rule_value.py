"""Every rule's value is its plain forward's, differentiated or not."""

from rules_table import prove, richest_case


@richest_case
def test_value(name):
    prove(name, "value")
