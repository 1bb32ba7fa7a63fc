"""Every rule is right at sizes 0, 1 and odd ones, or refuses them."""

from rules_table import prove, richest_case


@richest_case
def test_sizes(name):
    prove(name, "sizes")
