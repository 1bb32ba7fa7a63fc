"""What the backward keeps and computes: bytes against a budget and autodiff's, FLOPs against the forward's."""

import functools

import jax
import jax.numpy as jnp

from fnn.check.findings import Findings
from fnn.check.report import Outcome
from fnn.check.residuals import flops, residual_bytes
from fnn.check.subject import Subject, pull


def residuals(subject: Subject) -> Outcome:
    """Count the bytes kept, in the arguments' own dtype, beside autodiff's; fail beyond the stated budget alone."""
    found = Findings(subject, "residuals")
    if not subject.compiles:
        return found.not_run("the function cannot be traced")
    real, oracle = subject.real(subject.function), subject.oracle
    shapes = tuple(
        jax.ShapeDtypeStruct(x.shape, leaf.dtype) for leaf, x in zip(subject.leaves, subject.floats, strict=True)
    )
    with jax.enable_x64(any(leaf.dtype == jnp.float64 for leaf in subject.leaves)):
        kept = residual_bytes(lambda *floats: real(*floats)[0], *shapes)
        detail = f"keeps {kept.total:,} B, {kept.new:,} of them new"
        if oracle is not None:
            theirs = residual_bytes(lambda *floats: oracle(*floats)[0], *shapes)
            detail += f" ({subject.oracle_name} {theirs.total:,}, {theirs.new:,})"
        forward = flops(lambda floats: real(*floats)[0], shapes)
        dy = jax.eval_shape(lambda *floats: real(*floats)[0], *shapes)
        both = flops(functools.partial(pull, real), shapes, dy)
    if subject.budget is not None and kept.total > subject.budget:
        found.say("", f"it keeps {kept.total:,} bytes for the backward, beyond the budget of {subject.budget:,}.")
    if forward and both:
        detail += f"; backward {max(both - forward, 0) / forward:.1f} x the forward's {forward:,.0f} FLOPs"
    return found.outcome(detail)
