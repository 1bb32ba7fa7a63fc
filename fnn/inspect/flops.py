"""FLOPs of a traced program, counted from its equations: nothing is compiled, so the largest network is counted too."""

import math
from collections.abc import Iterable
from typing import Any

import jax.numpy as jnp

_MOVES = frozenset(
    (
        *("reshape", "transpose", "broadcast_in_dim", "squeeze", "expand_dims", "rev", "copy", "copy_p", "slice"),
        *("dynamic_slice", "dynamic_update_slice", "concatenate", "split", "pad", "gather", "scatter", "iota", "stack"),
        *("convert_element_type", "bitcast_convert_type", "reduce_precision", "optimization_barrier", "real", "imag"),
        *("stop_gradient", "device_put", "sharding_constraint", "empty", "full"),
    )
)


def flops(jaxpr: Any, live: Iterable[bool] | None = None) -> int:
    """Count the floating-point operations of an (open) jaxpr, or of what its `live` outputs need.

    A multiply-add is two, in `dot_general` and in `conv_general_dilated`, where the zeros of padding count, as in
    published tables, and those of a dilated input do not. Anything else that computes with floating-point numbers is
    one for each entry of its output, be it + or tanh; a sum is one for each entry that it adds to another. What moves
    or converts numbers, and integers, count nothing. A scan counts as often as it runs, a `while` once, of a `cond`
    the dearest branch, of a program in a program what its outputs need.

    >>> import jax, jax.numpy as jnp
    >>> flops(jax.make_jaxpr(lambda x, w: jnp.tanh(x @ w))(jnp.ones((5, 3)), jnp.ones((3, 2))).jaxpr)
    70
    """
    outputs = jaxpr.outvars if live is None else [v for v, used in zip(jaxpr.outvars, live, strict=True) if used]
    needed = {id(v) for v in outputs}
    total = 0
    for equation in reversed(jaxpr.eqns):
        used = [id(v) in needed for v in equation.outvars]
        if any(used) or equation.effects:
            total += _of(equation, used)
            needed |= {id(v) for v in equation.invars}
    return total


def _of(equation: Any, used: list[bool]) -> int:
    from fnn.check.programs import nested  # which loads the whole checker

    name, params = equation.primitive.name, equation.params
    if name == "cond":
        return max(flops(branch.jaxpr, used) for branch in params["branches"])
    if name in ("scan", "while"):  # an output that nobody uses may feed the next round
        return params.get("length", 1) * sum(flops(program.jaxpr) for program in nested(equation))
    if name.startswith("custom_") or name in ("jit", "pjit", "closed_call", "core_call", "checkpoint", "remat2"):
        (program,) = nested(equation)
        return flops(program.jaxpr, used)
    if name in _MOVES or not any(jnp.issubdtype(v.aval.dtype, jnp.inexact) for v in equation.invars):
        return 0
    return _arithmetic(name, params, [v.aval for v in equation.invars], equation.outvars[0].aval)


def _arithmetic(name: str, params: Any, inputs: list[Any], output: Any) -> int:
    if name == "dot_general":
        (contracted, _), _ = params["dimension_numbers"]
        return 2 * output.size * math.prod(inputs[0].shape[axis] for axis in contracted)
    if name == "conv_general_dilated":
        _, in_axis, *spatial = params["dimension_numbers"].rhs_spec
        window = math.prod(inputs[1].shape[axis] for axis in (in_axis, *spatial))
        return 2 * output.size * window // math.prod(params["lhs_dilation"])
    if name.startswith("reduce_window"):
        return output.size * math.prod(params["window_dimensions"])
    if name.startswith("select_and"):
        return inputs[0].size * math.prod(params["window_dimensions"])
    if name.startswith("reduce_") or name in ("argmax", "argmin"):
        return inputs[0].size - output.size
    if name.startswith("scatter"):
        return inputs[2].size
    return output.size
