"""Prove a hand-written gradient, or show where it is wrong.

Write a rule for a new operation, and check it:

    >>> import jax.numpy as jnp
    >>> from fnn import check, rule

    >>> @rule
    ... def unit(x):
    ...     r = jnp.sqrt((x * x).sum(-1, keepdims=True))        # Y = X / r,  r = ‖X‖
    ...     return x / r, (x / r, r)

    >>> @unit.backward
    ... def unit_backward(saved, dy):
    ...     y, r = saved
    ...     return dy / r                                       # dX = dY / r

    >>> x = jnp.asarray([[3.0, -4.0], [1.0, 2.0], [-2.0, 0.5]])
    >>> print(check.rule(unit, x, only=("cotangents", "precision")))  # doctest: +ELLIPSIS
    unit(x: float64[3, 2])
    against autodiff of the plain forward, in ... s
    property    result  worst
    cotangents  FAILED  ...
    precision   FAILED  ...
    <BLANKLINE>
    unit fails cotangents, x: numbers are wrong; the worst of them:
    ...
    unit fails precision: a residual of shape (3, 1) by reduce_sum in bfloat16 is a statistic: keep it ...
    ...

X moves r too, and the norm is a statistic. Mended:

    >>> @rule
    ... def unit(x):
    ...     wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    ...     r = jnp.sqrt((wide * wide).sum(-1, keepdims=True))
    ...     return (wide / r).astype(x.dtype), (x, r)

    >>> @unit.backward
    ... def unit_backward(saved, dy):
    ...     x, r = saved
    ...     y, dy = x / r, dy.astype(r.dtype)
    ...     return (dy - y * (dy * y).sum(-1, keepdims=True)) / r   # dX = (dY - Y Σ dY Y) / r

    >>> check.rule(unit, x, order=2).ok
    True

`check.rule` takes any `jax.custom_vjp`, and any JAX function too: it compares with a ``reference=`` that you give,
or with JAX's autodiff of the forward behind the rule, or with central differences. `PROPERTIES` are its parts.
`autodiffed` lists what JAX, and no rule, differentiates in a program; `compare` grades gradients derived by hand;
`property` and `strategies` make Hypothesis tests, `draw` one set of arguments; `mutants` makes wrong rules, to prove
the checker with. ``pytest --rules my_package`` checks every rule of a package, ``python -m fnn.check`` those of fnn.
"""

from fnn.check import strategies as strategies
from fnn.check.autodiffed import Autodiffed as Autodiffed
from fnn.check.autodiffed import Differentiated as Differentiated
from fnn.check.autodiffed import autodiffed as autodiffed
from fnn.check.compare import Comparison as Comparison
from fnn.check.compare import compare as compare
from fnn.check.drawing.arguments import draw as draw
from fnn.check.mutants import Mutant as Mutant
from fnn.check.mutants import mutants as mutants
from fnn.check.properties import PROPERTIES as PROPERTIES
from fnn.check.property import property as property
from fnn.check.report import Failure as Failure
from fnn.check.report import Outcome as Outcome
from fnn.check.report import Report as Report
from fnn.check.residuals import ResidualBytes as ResidualBytes
from fnn.check.residuals import residual_bytes as residual_bytes
from fnn.check.rule import rule as rule
from fnn.check.subject import Subject as Subject
