"""Wrong versions of a rule, made mechanically, to prove a checker with: it must notice every one.

>>> import fnn, numpy as np
>>> x, w = np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([[0.5, 1.0], [-1.0, 2.0]])
>>> from fnn.check.mutants import mutants
>>> [wrong] = [m for m in mutants(fnn.rules.linear, x, w) if m.name == "dw: transposed"]
>>> right, transposed = fnn.rules.linear(x, w), wrong.rule(x, w)
>>> bool((right == transposed).all()), round(wrong.changes, 2)
(True, 0.95)
"""

from fnn.check.mutants.make import mutants as mutants
from fnn.check.mutants.mutant import Mutant as Mutant
