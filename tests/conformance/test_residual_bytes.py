"""No rule keeps more for its backward than autodiff of the same forward does; the table of rules_table.py says so."""

import jax
import jax.numpy as jnp
import pytest
from residual_bytes import compare
from rules_table import CASES, in_dtype, is_float

# These keep more in total, but nothing that does not stand in memory anyway.
KEEPS_ARGUMENTS = {
    "power": "an integer exponent and the base, both arguments, where autodiff makes y x^(y-1), a new array",
    "l1_penalty": "the parameters, where autodiff makes an array of their signs, a byte each",
}


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_no_rule_keeps_more_than_autodiff(dtype):
    more = {}
    for name, case in CASES.items():
        arguments = jax.tree.map(lambda x: in_dtype([x], dtype)[0] if is_float(x) else x, case.arguments)
        rule, autodiff = compare(case.rule, *arguments, **case.static)
        if rule.total > autodiff.total:
            more[case.rule.name] = name
            assert case.rule.name in KEEPS_ARGUMENTS and rule.beyond <= autodiff.beyond, (name, rule, autodiff)
    assert set(more) == set(KEEPS_ARGUMENTS), "a rule that keeps no more than autodiff is on the list of those that do"


def test_compare_counts_what_is_kept_and_what_is_kept_anyway():
    from fnn import rules

    x, w = jnp.ones((4, 5)), jnp.ones((5, 3))
    assert compare(rules.linear, x, w).rule == (4 * 35, 0)
    assert compare(rules.tanh, x).rule == (80, 0)
    assert compare(rules.softmax_cross_entropy, x, jnp.zeros(4, int)).rule == (4 * (20 + 4 + 4 + 4), 4 * (4 + 4))
    assert compare(rules.absolute_error, x, x).rule == (20, 20)
    assert compare(rules.dropout, x, jax.random.PRNGKey(0), rate=0.5).rule == (8, 0)
