"""Traced programs: run one with some of its equations replaced, walk what is nested in it, say where a line came from.

A traced program is a jaxpr. The equations that hold programs of their own (jit, remat, scan, cond, while) are entered;
the calls of custom rules are equations like any other, so that a replacement may open them.
"""

import functools
import inspect
import os
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jaxtyping
from jax import lax

CUSTOM_VJP = ("custom_vjp_call", "custom_vjp_call_jaxpr")
CUSTOM_RULES = (*CUSTOM_VJP, "custom_jvp_call")
# Equations whose program runs once, in place. remat changes what is kept, never what is computed.
_INLINE = ("jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint")
ENTERED = (*_INLINE, "scan", "cond", "while")
"""The equations whose own programs `evaluate` runs through `replace` too."""

Replace = Callable[[Any, list[Any]], list[Any] | None]
"""Given an equation and the values of its inputs: the values of its outputs, or None to run it as it stands."""


def trace(function: Callable[..., Any], *arguments: Any) -> tuple[Any, Any]:
    """Return the closed jaxpr of ``function(*arguments)`` and the tree of its output."""
    closed, shapes = jax.make_jaxpr(function, return_shape=True)(*arguments)
    return closed, jax.tree.structure(shapes)


def rewritten(function: Callable[..., Any], replace: Replace) -> Callable[..., Any]:
    """Return the same function of arrays, traced at each call and run with its equations replaced.

    >>> import jax.numpy as jnp
    >>> def cosine_for_sine(equation, values):
    ...     return [jnp.cos(values[0])] if equation.primitive.name == "sin" else None
    >>> float(rewritten(lambda x: 2 * jnp.sin(x), cosine_for_sine)(0.0))
    2.0
    """

    @functools.wraps(function, updated=())
    def run(*arguments: Any) -> Any:
        closed, tree = trace(function, *arguments)
        return jax.tree.unflatten(tree, evaluate(closed, jax.tree.leaves(arguments), replace))

    return run


def opened(function: Callable[..., Any], *arguments: Any) -> Callable[..., Any] | None:
    """Return the function with its custom rules replaced by what they compute, for JAX to differentiate.

    The outermost rules are opened, and every `custom_vjp` inside them; a `custom_jvp` inside a rule is part of how its
    forward is written, and stays. None if there is no rule to open.
    """
    closed, _ = trace(function, *arguments)
    if not any(equation.primitive.name in CUSTOM_RULES for equation in equations(closed)):
        return None

    def inside(equation: Any, values: list[Any]) -> list[Any] | None:
        if equation.primitive.name in CUSTOM_VJP:
            return evaluate(_custom_program(equation), values, inside)
        return None

    def outside(equation: Any, values: list[Any]) -> list[Any] | None:
        if equation.primitive.name in CUSTOM_RULES:
            return evaluate(_custom_program(equation), values, inside)
        return None

    return rewritten(function, outside)


def _custom_program(equation: Any) -> Any:
    return closed_program(equation.params.get("call_jaxpr", equation.params.get("fun_jaxpr")))


def evaluate(closed: Any, values: list[Any], replace: Replace) -> list[Any]:
    """Run a closed jaxpr on the values of its inputs, each equation through `replace`."""
    from jax.extend import core  # 15 ms that importing fnn need not take

    jaxpr = closed.jaxpr
    known = dict(zip(jaxpr.constvars, closed.consts, strict=True)) | dict(zip(jaxpr.invars, values, strict=True))
    for equation in jaxpr.eqns:
        inputs = [v.val if isinstance(v, core.Literal) else known[v] for v in equation.invars]
        outputs = replace(equation, inputs)
        if outputs is None:
            outputs = run(equation, inputs, replace)
        known.update(zip(equation.outvars, outputs, strict=True))
    return [v.val if isinstance(v, core.Literal) else known[v] for v in jaxpr.outvars]


def run(equation: Any, inputs: list[Any], replace: Replace) -> list[Any]:
    """Run one equation as it stands, and what it holds through `replace`."""
    name, params = equation.primitive.name, equation.params
    if name in _INLINE:
        return evaluate(closed_program(params.get("jaxpr", params.get("call_jaxpr"))), inputs, replace)
    if name == "scan":
        return _scan(params, inputs, replace)
    if name == "cond":
        branches = [functools.partial(_call, branch, replace) for branch in params["branches"]]
        return lax.switch(inputs[0], branches, *inputs[1:])
    if name == "while":
        return _while(params, inputs, replace)
    bound = equation.primitive.get_bind_params(params)
    functions, params = bound if isinstance(bound, tuple) else ((), bound)  # a pair before jax 0.10.2
    outputs = equation.primitive.bind(*functions, *inputs, **params)
    return list(outputs) if equation.primitive.multiple_results else [outputs]


def _call(closed: Any, replace: Replace, *values: Any) -> list[Any]:
    return evaluate(closed, list(values), replace)


def _scan(params: Any, inputs: list[Any], replace: Replace) -> list[Any]:
    consts, carries = params["num_consts"], params["num_carry"]
    fixed, carry, xs = inputs[:consts], inputs[consts : consts + carries], inputs[consts + carries :]

    def body(carry, xs):
        outputs = evaluate(params["jaxpr"], [*fixed, *carry, *xs], replace)
        return outputs[:carries], outputs[carries:]

    last, ys = lax.scan(body, carry, xs, params["length"], params["reverse"], params["unroll"])
    return [*last, *ys]


def _while(params: Any, inputs: list[Any], replace: Replace) -> list[Any]:
    tests, bodies = params["cond_nconsts"], params["body_nconsts"]
    of_test, of_body, carry = inputs[:tests], inputs[tests : tests + bodies], inputs[tests + bodies :]
    return lax.while_loop(
        lambda carry: evaluate(params["cond_jaxpr"], [*of_test, *carry], replace)[0],
        lambda carry: evaluate(params["body_jaxpr"], [*of_body, *carry], replace),
        carry,
    )


def closed_program(jaxpr: Any) -> Any:
    """Return a jaxpr as a closed one; remat holds an open one without constants."""
    from jax.extend import core

    return jaxpr if isinstance(jaxpr, core.ClosedJaxpr) else core.ClosedJaxpr(jaxpr, ())


def nested(equation: Any) -> list[Any]:
    """Return the closed jaxprs that an equation holds."""
    from jax.extend import core

    found = []
    for value in equation.params.values():
        for item in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(item, (core.ClosedJaxpr, core.Jaxpr)):
                found.append(closed_program(item))
    return found


def equations(closed: Any) -> Iterator[Any]:
    """Yield every equation of a program and of the programs nested in it, an equation before what it holds."""
    for equation in closed.jaxpr.eqns:
        yield equation
        for inner in nested(equation):
            yield from equations(inner)


def source_line(equation: Any) -> str:
    """Return "file:line (function)" of the user's call that made the equation, "?" where that is unknown."""
    traceback = equation.source_info.traceback
    for frame in traceback.frames if traceback is not None else ():
        if not is_machinery(frame.file_name):
            return f"{frame.file_name}:{frame.line_num} ({frame.function_name})"
    return "?"


@functools.cache
def is_machinery(file_name: str) -> bool:
    """Return whether calls only pass through a file: of JAX, this package, rule.py, or a run-time type checker."""
    here = os.path.dirname(os.path.abspath(__file__))
    folders = [here, *(os.path.dirname(inspect.getfile(module)) for module in (jax, jaxtyping))]
    # "<stdin>" and "<doctest ...>" are the user's; "<@beartype(...)>" wraps a function of fnn.
    passing = (*(folder + os.sep for folder in folders), "<@", "<frozen ")
    return file_name.startswith(passing) or file_name == os.path.join(os.path.dirname(here), "rule.py")
