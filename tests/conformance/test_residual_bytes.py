"""No rule keeps more for its backward than autodiff of the same forward does; the table of rules_table.py says so."""

from functools import partial

import jax
import jax.numpy as jnp
import pytest
from rules_table import CASES, in_dtype, is_float

from fnn.check import residual_bytes

# These keep more in total, but nothing that does not stand in memory anyway.
KEEPS_ARGUMENTS = {
    "power": "an integer exponent and the base, both arguments, where autodiff makes y x^(y-1), a new array",
    "conv": "the input, an argument, where autodiff of a strided 1x1 window makes a new array of the entries it sees",
    "l1_penalty": "the parameters, where autodiff makes an array of their signs, a byte each",
}


def kept(function, *arguments, **static):
    return residual_bytes(partial(function, **static), *arguments)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_no_rule_keeps_more_than_autodiff(dtype):
    more = {}
    for name, case in CASES.items():
        arguments = jax.tree.map(lambda x: in_dtype([x], dtype)[0] if is_float(x) else x, case.arguments)
        rule, autodiff = kept(case.rule, *arguments, **case.static), kept(case.rule.plain, *arguments, **case.static)
        stated = jax.tree.leaves(case.rule.residuals(*arguments, **case.static))
        assert rule.total == sum(leaf.size * leaf.dtype.itemsize for leaf in stated), (name, rule, stated)
        if rule.total > autodiff.total:
            more[case.rule.name] = name
            assert case.rule.name in KEEPS_ARGUMENTS and rule.new <= autodiff.new, (name, rule, autodiff)
    assert set(more) == set(KEEPS_ARGUMENTS), "a rule that keeps no more than autodiff is on the list of those that do"


def test_what_is_kept_is_counted_and_what_is_kept_anyway():
    from fnn import rules

    x, w = jnp.ones((4, 5)), jnp.ones((5, 3))
    assert kept(rules.linear, x, w) == (4 * 35, 0)
    assert kept(rules.tanh, x) == (80, 0)
    assert kept(rules.softmax_cross_entropy, x, jnp.zeros(4, int)) == (4 * (20 + 4 + 4 + 4), 4 * (4 + 4))
    assert kept(rules.absolute_error, x, x) == (20, 20)
    assert kept(rules.dropout, x, jax.random.PRNGKey(0), rate=0.5) == (8, 0)
