"""Every rule's value is its plain forward's, differentiated or not."""

from rules_table import every_case, prove


@every_case
def test_value(name):
    prove(name, "value")
