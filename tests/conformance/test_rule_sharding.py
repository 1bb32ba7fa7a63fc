"""Every rule gives the same on many devices as on one."""

from rules_table import prove, richest_case


@richest_case
def test_sharding(name):
    prove(name, "sharding")
