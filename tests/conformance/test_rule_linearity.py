"""Every backward is linear in the cotangent, from zero to the largest numbers."""

from rules_table import prove, richest_case


@richest_case
def test_linearity(name):
    prove(name, "linearity")
