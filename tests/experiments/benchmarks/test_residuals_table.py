"""The benchmark's table of what rules keep holds every rule, and none that keeps more than autodiff."""

from experiments.benchmarks import residuals
from fnn import Rule, rules


def test_every_rule_has_a_row_and_keeps_no_more_than_autodiff():
    rows = residuals.table()
    assert [row.rule for row in rows] == [name for name in sorted(dir(rules)) if isinstance(getattr(rules, name), Rule)]
    assert not [row for row in rows if row.new > row.autodiff_new]
