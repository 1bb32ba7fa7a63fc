"""Every backward is linear in the cotangent, from zero to the largest numbers."""

from rules_table import every_case, prove


@every_case
def test_linearity(name):
    prove(name, "linearity")
