"""A mutant: a rule with one mistake in it; and how a rule is taken apart and put together again.

This is the one place of the checker that looks behind a rule's call at its forward and its backward.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from fnn.rule import Rule


class Mutant(NamedTuple):
    """A rule with one mistake.

    Its forward is the original's but for the mistakes "forward off", and a rule's forward is written once: its
    `plain` is off by as much, and no check that takes the rule's own forward for its oracle can notice. So check
    every mutant with ``reference=original.plain``.
    """

    name: str
    """What is wrong and where, unique among the mutants of a rule: "dw: negated"."""
    kind: str
    """The class of mistakes that it belongs to: "negated"."""
    rule: Rule
    """The wrong rule: the same name, signature and static options."""
    order: int
    """The order of differentiation from which on it is wrong: 1, or 2 where gradients of gradients alone are."""
    changes: float
    """The largest change of the value or of a cotangent, in proportion to that array's largest entry; 0 for none."""
    where: str
    """Where it changes that much: "at the arguments", "at ties of 1.0", "at a cotangent of zeros"; "nowhere"."""


class Wrong(NamedTuple):
    """A wrong version of a rule, not measured yet. The first fields are those of `Mutant`."""

    name: str
    kind: str
    rule: Rule
    order: int = 1
    half: bool = False
    """Whether it is wrong for arguments in bfloat16 alone."""


class Passes(NamedTuple):
    """The two functions of a rule."""

    forward: Callable[..., tuple[Any, Any]]
    """(arrays..., *, static...) -> (output, residuals)"""
    backward: Callable[..., Any]
    """(residuals, cotangent, *, static...) -> one cotangent for each array"""
    backward_static: tuple[str, ...]
    """The static options that the backward asks for."""


def passes(rule: Any) -> Passes:
    """Take a rule apart."""
    if not isinstance(rule, Rule):
        raise TypeError(
            f"mutants: {rule!r} is no fnn rule; wanted one, because a mutant is made from a rule's backward. Write "
            "the function's forward and backward under @fnn.rule, or break it by hand."
        )
    if rule._backward is None:
        raise TypeError(f"mutants: rule {rule.name} has no backward yet; write one under @{rule.name}.backward.")
    names = tuple(name for name in rule.static_names if name in rule._backward_static)
    return Passes(rule._forward, rule._backward, names)


def rebuilt(rule: Rule, *, forward: Callable | None = None, backward: Callable | None = None) -> Rule:
    """Return a rule of the same name, signature and options, with another forward or backward.

    >>> import fnn, jax
    >>> def forgets_the_product(saved, dz):
    ...     return dz, dz
    >>> wrong = rebuilt(fnn.rules.multiply, backward=forgets_the_product)
    >>> wrong.name, float(wrong(2.0, 3.0)), float(jax.grad(wrong)(2.0, 3.0))
    ('multiply', 6.0, 1.0)
    """
    original = passes(rule)
    run_forward, run_backward = forward or original.forward, backward or original.backward

    @functools.wraps(original.forward)
    def new_forward(*arrays: Any, **static: Any) -> tuple[Any, Any]:
        return run_forward(*arrays, **static)

    def new_backward(saved: Any, dy: Any, **static: Any) -> Any:
        return run_backward(saved, dy, **static)

    arrays = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in ("saved", "dy")]
    static = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in original.backward_static]
    new_forward.__signature__ = rule.signature  # pyright: ignore[reportAttributeAccessIssue]
    new_backward.__signature__ = inspect.Signature(arrays + static)  # pyright: ignore[reportFunctionMemberAccess]
    made = Rule(new_forward)
    made.backward(new_backward)
    return made
