"""jit, vmap, scan and remat change no rule."""

from rules_table import prove, richest_case


@richest_case
def test_transformations(name):
    prove(name, "transformations")
