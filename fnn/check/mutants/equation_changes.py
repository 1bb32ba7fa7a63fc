"""The mistakes that a primitive is open to: CHANGES, by the primitive's name.

A change is a function of an equation. It yields (kind, what, run) for each mistake that the equation's shapes allow;
``run(values of the inputs)`` gives the wrong outputs.
"""

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from fnn.check import programs
from fnn.check.mutants.whole_arrays import is_matrix, transposed

Run = Callable[[list[Any]], list[Any]]
Changes = Iterator[tuple[str, str, Run]]
ORDINALS = ("first", "second", "third")
OFF_BY_A_PERCENT = 1.01


def term_dropped(equation: Any) -> Changes:
    """x + y -> x, y;  x - y -> x, -y;  x y -> x, y;  x / y -> x, 1 / y;  max(x, y) -> x, y;  a and b -> a, b."""
    name = equation.primitive.name
    out = equation.outvars[0].aval
    if not (_is_float(out) or out.dtype == jnp.bool_):
        return
    one, other = equation.invars
    yield "term dropped", "second operand dropped", lambda values: [_as(out, values[0])]
    if one is not other or name in ("sub", "div"):
        alone = {"sub": lambda y: -y, "div": lambda y: 1 / y}.get(name, lambda y: y)
        yield "term dropped", "first operand dropped", lambda values: [alone(_as(out, values[1]))]


def constant_off(equation: Any) -> Changes:
    """A constant of the formula is off by a percent."""
    out = equation.outvars[0].aval
    for place, variable in enumerate(equation.invars):
        value = _literal(variable)
        if _is_float(out) and value is not None and np.isfinite(value) and value:

            def run(values, place=place):
                values = list(values)
                values[place] = values[place] * OFF_BY_A_PERCENT
                return programs.run(equation, [_as(v.aval, x) for v, x in _zip(equation.invars, values)], _nothing)

            yield "constant off", f"constant {value:.6g} off by a percent", run


def function_dropped(equation: Any) -> Changes:
    """f(x) -> x."""
    if _is_float(equation.outvars[0].aval):
        yield "function dropped", "left out", lambda values: [_as(equation.outvars[0].aval, values[0])]


def exponent_off(equation: Any) -> Changes:
    """xⁿ -> xⁿ⁻¹."""
    n = equation.params.get("y", 2)
    yield "exponent off", f"exponent {n - 1} for {n}", lambda values: [lax.integer_pow(values[0], n - 1)]


def product_transposed(equation: Any) -> Changes:
    """X·Y -> Xᵀ·Y, X·Yᵀ, (X·Y)ᵀ; a matrix that is not square is read row by row into its own shape."""
    for place, variable in enumerate(equation.invars):
        if is_matrix(variable.aval.shape):

            def run(values, place=place):
                values = list(values)
                values[place] = transposed(values[place])
                return programs.run(equation, values, _nothing)

            yield "product transposed", f"{ORDINALS[place]} operand transposed", run
    if is_matrix(equation.outvars[0].aval.shape):
        yield "product transposed", "result transposed", lambda values: [transposed(_plainly(equation, values))]


def contraction_left_out(equation: Any) -> Changes:
    """Σ x y over n -> its first term;  -> the mean."""
    (left, right), _ = equation.params["dimension_numbers"]
    terms = math.prod(equation.invars[0].aval.shape[axis] for axis in left)
    if terms > 1:

        def first_term(values):
            return programs.run(equation, [_first(values[0], left), _first(values[1], right)], _nothing)

        yield "sum left out", "first term for the sum", first_term
        yield "mean for a sum", "mean for the sum", lambda values: [_plainly(equation, values) / terms]


def sum_left_out(equation: Any) -> Changes:
    """Σ x -> its first term;  -> the mean;  -> the largest."""
    axes, operand, out = equation.params["axes"], equation.invars[0].aval, equation.outvars[0].aval
    terms = math.prod(operand.shape[axis] for axis in axes)
    if terms < 2 or not _is_float(out):
        return
    yield "sum left out", "first term alone", lambda values: [_first(values[0], axes).reshape(out.shape)]
    if equation.primitive.name == "reduce_sum":
        yield "mean for a sum", "mean for the sum", lambda values: [_plainly(equation, values) / terms]
        yield "largest for a sum", "largest for the sum", lambda values: [jnp.max(values[0], axes)]


def comparison_off(equation: Any) -> Changes:
    """> -> >=, <;  = -> >=, !=; and so on."""
    loose, turned = _COMPARISONS[equation.primitive.name]
    for kind, name in (("comparison off", loose), ("comparison turned", turned)):

        def run(values, name=name):
            shape = equation.outvars[0].aval.shape
            dtype = next(v.aval.dtype for v in equation.invars)
            return [getattr(lax, name)(*(jnp.broadcast_to(jnp.asarray(v, dtype), shape) for v in values))]

        yield kind, f"{name} for {equation.primitive.name}", run


_COMPARISONS = {
    "gt": ("ge", "lt"),
    "ge": ("gt", "le"),
    "lt": ("le", "gt"),
    "le": ("lt", "ge"),
    "eq": ("ge", "ne"),
    "ne": ("gt", "eq"),
}


def branches_swapped(equation: Any) -> Changes:
    """where(c, x, y) -> where(c, y, x), x, y."""
    if len(equation.invars) == 3:
        yield "branches swapped", "branches swapped", lambda v: programs.run(equation, [v[0], v[2], v[1]], _nothing)
        yield "branches swapped", "condition taken for false", lambda v: [v[1]]
        yield "branches swapped", "condition taken for true", lambda v: [v[2]]


def slice_off(equation: Any) -> Changes:
    """x[i:j] -> x[i+1:j+1], or x[i-1:j-1] at the end, along the first axis that is cut."""
    starts, limits = list(equation.params["start_indices"]), list(equation.params["limit_indices"])
    for axis, size in enumerate(equation.invars[0].aval.shape):
        by = 1 if limits[axis] < size else -1 if starts[axis] > 0 else 0
        if by and limits[axis] > starts[axis]:
            starts[axis], limits[axis] = starts[axis] + by, limits[axis] + by
            run = lambda values: [lax.slice(values[0], starts, limits, equation.params["strides"])]  # noqa: E731
            yield "off by one", f"axis {axis} cut {by:+d} off", run
            return


def index_off(equation: Any) -> Changes:
    """x[i] -> x[i - 1], x[0] staying; for slices, gathers and scatters whose index is an array."""
    place = {"dynamic_slice": 1, "dynamic_update_slice": 2}.get(equation.primitive.name, 1)
    if len(equation.invars) <= place:
        return

    def run(values):
        values = list(values)
        values[place] = jnp.maximum(values[place] - 1, 0).astype(equation.invars[place].aval.dtype)
        return programs.run(equation, values, _nothing)

    yield "off by one", "index one too small", run


def count_off(equation: Any) -> Changes:
    """0, 1, 2, ... -> 1, 2, 3, ..."""
    yield "off by one", "counted from one", lambda values: [_plainly(equation, values) + 1]


def padding_off(equation: Any) -> Changes:
    """Pad one more before and one less after, or the other way round."""
    for axis, (low, high, inside) in enumerate(equation.params["padding_config"]):
        by = 1 if high > 0 else -1 if low > 0 else 0
        if by:
            before, after = equation.params["padding_config"][:axis], equation.params["padding_config"][axis + 1 :]
            config = [*before, (low + by, high - by, inside), *after]
            yield "off by one", f"axis {axis} padded {by:+d} off", functools.partial(_padded, config)
            return


def _padded(config: list[Any], values: list[Any]) -> list[Any]:
    return [lax.pad(values[0], values[1], config)]


def parts_swapped(equation: Any) -> Changes:
    """[x, y] -> [y, x]."""
    if len(equation.invars) > 1 and equation.invars[0].aval.shape == equation.invars[1].aval.shape:
        swapped = lambda v: programs.run(equation, [v[1], v[0], *v[2:]], _nothing)  # noqa: E731
        yield "parts swapped", "first two parts swapped", swapped


def axes_kept(equation: Any) -> Changes:
    """Xᵀ -> X, read row by row into the transpose's shape."""
    shape = equation.outvars[0].aval.shape
    yield "product transposed", "transposition left out", lambda values: [values[0].reshape(shape)]


def direction_turned(equation: Any) -> Changes:
    """Σ over j <= i -> Σ over j >= i."""
    axis = equation.params["axis"]

    def run(values):
        return [lax.rev(_plainly(equation, [lax.rev(values[0], (axis,))]), (axis,))]

    yield "order turned", "summed from the other end", run


_BINARY = (term_dropped, constant_off)
_INDEXED = ("dynamic_slice", "dynamic_update_slice", "gather", "scatter", "scatter-add", "scatter-mul")
# One-argument functions that a formula can lose. Rounding and conversions of dtype are no part of a formula.
_FUNCTIONS = (
    *("neg", "sign", "abs", "exp", "exp2", "expm1", "log", "log1p", "sqrt", "rsqrt", "cbrt", "logistic"),
    *("sin", "cos", "tan", "tanh", "sinh", "cosh", "asin", "acos", "atan", "asinh", "acosh", "atanh"),
    *("erf", "erfc", "erf_inv", "lgamma", "digamma", "cumsum", "cumprod", "cummax", "cumlogsumexp", "rev"),
)

CHANGES: dict[str, tuple[Callable[[Any], Changes], ...]] = {
    **{name: (function_dropped,) for name in _FUNCTIONS},
    **{name: _BINARY for name in ("add", "add_any", "sub", "mul", "div", "max", "min")},
    **{name: (term_dropped,) for name in ("and", "or")},
    **{name: (comparison_off,) for name in _COMPARISONS},
    **{name: (index_off,) for name in _INDEXED},
    **{name: (function_dropped, direction_turned) for name in ("cumsum", "cumprod", "cummax", "cumlogsumexp")},
    "square": (exponent_off,),
    "integer_pow": (exponent_off,),
    "pow": (constant_off,),
    "broadcast_in_dim": (constant_off,),
    "clamp": (constant_off,),
    "dot_general": (product_transposed, contraction_left_out),
    "reduce_sum": (sum_left_out,),
    "reduce_max": (sum_left_out,),
    "reduce_min": (sum_left_out,),
    "select_n": (branches_swapped,),
    "slice": (slice_off,),
    "iota": (count_off,),
    "pad": (padding_off,),
    "concatenate": (parts_swapped,),
    "transpose": (axes_kept,),
}


def _is_float(aval: Any) -> bool:
    return jnp.issubdtype(aval.dtype, jnp.floating)


def _as(aval: Any, value: Any) -> Any:
    """Return a value, which may be a scalar constant, with the shape and dtype of a variable."""
    return jnp.broadcast_to(jnp.asarray(value, aval.dtype), aval.shape)


def _first(x: Any, axes: Any) -> Any:
    for axis in axes:
        x = lax.slice_in_dim(x, 0, 1, axis=axis)
    return x


def _plainly(equation: Any, values: list[Any]) -> Any:
    return programs.run(equation, values, _nothing)[0]


def _nothing(equation: Any, values: list[Any]) -> None:
    return None


def _zip(*lists: Any) -> Any:
    return zip(*lists, strict=True)


def _literal(variable: Any) -> float | None:
    """Return the scalar constant that stands in the place of an input."""
    from jax.extend import core

    if not isinstance(variable, core.Literal) or np.ndim(variable.val) or not _is_float(variable.aval):
        return None
    return float(variable.val)
