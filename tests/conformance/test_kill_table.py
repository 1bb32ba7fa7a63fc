"""Every mutant of every rule that changes something is killed by the checker, or argued in survivors.py.

A push checks the rules of QUICK, ``--deep`` all of the table.
"""

import collections

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rules_table import CASES, RICHEST
from survivors import ARGUED, without_lines

from fnn.check.mutants.kills import Unfit, Verdict, verdicts
from fnn.check.mutants.make import mistakes
from fnn.check.mutants.measure import numbers
from fnn.check.mutants.mutant import rebuilt
from fnn.check.mutants.sample import sample
from fnn.check.mutants.table import surviving

QUICK = ("tanh",)


# The mutants of a rule are held to its plain forward. That of the straight-through step has no gradient at infinity,
# where the rule has one, so it fails there itself and none of its mutants could be told from it.
JUDGED = [name for name in RICHEST if CASES[name].rule.name != "step_straight_through"]
every_rule = pytest.mark.parametrize(
    "name", [n if CASES[n].rule.name in QUICK else pytest.param(n, marks=pytest.mark.deep) for n in JUDGED]
)


@every_rule
def test_every_mutant_is_killed_or_argued(name):
    case = CASES[name]
    found = list(verdicts(case.rule, case.arguments, case.static))
    jax.clear_caches()  # the programs of thousands of mutants fill gigabytes
    unfit = [one for one in found if isinstance(one, Unfit)]
    assert not unfit, f"the checker fails the right rule: {unfit[0].property}\n{unfit[0].message}"
    alive = {
        (case.rule.name, without_lines(v.mutant)) for v in surviving(one for one in found if isinstance(one, Verdict))
    }
    argued = {key for key in ARGUED if key[0] == case.rule.name}
    assert not alive - argued, f"survive, and nobody argued why: {sorted(alive - argued)}"
    assert not argued - alive, f"are argued, and were killed: {sorted(argued - alive)}"


@every_rule
def test_names_are_unique_and_a_rule_put_together_again_is_the_same(name):
    case = CASES[name]
    with jax.enable_x64(True):
        at = sample(case.rule, case.arguments, case.static)
        wrong = list(mistakes(at))
        again = rebuilt(case.rule)
        want, got = (numbers(at, rule, at.arguments, at.dy, 1) for rule in (case.rule, again))
    for w, g in zip(want, got, strict=True):
        np.testing.assert_array_equal(g, w)
    assert max(collections.Counter(one.name for one in wrong).values()) == 1
    assert {(one.rule.name, one.rule.signature) for one in wrong} == {(case.rule.name, case.rule.signature)}
    given = jax.tree.map(jnp.asarray, case.arguments)
    assert again.residuals(*given, **case.static) == case.rule.residuals(*given, **case.static)
