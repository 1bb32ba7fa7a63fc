"""Every rule is as precise in float32, bfloat16 and float16 as these are."""

from rules_table import prove, richest_case


@richest_case
def test_precision(name):
    prove(name, "precision")
