"""Rules that act on each entry alone: a function, its derivative, and which of input and output the derivative needs.

    Y = f(X),   dX = dY f'(X)

A row of the table of activations is two functions, the second in terms of the output where that exists, because the
next layer keeps the output anyway, or of the input; never of both:

    >>> import jax
    >>> from fnn.rules.elementwise import elementwise

    >>> @elementwise
    ... def logistic(x, *, slope=1.0):
    ...     return 1 / (1 + jax.numpy.exp(-slope * x))

    >>> @logistic.from_output
    ... def logistic_derivative(y, *, slope):
    ...     return slope * y * (1 - y)

    >>> float(jax.grad(logistic)(0.0))
    0.25

A derivative that is zero or one may return booleans: the cotangent is then selected, not multiplied, so an infinite
cotangent at a closed gate gives zero and not NaN. Half-precision inputs are computed in float32 and returned in
their own dtype.
"""

import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import jax.numpy as jnp
from jaxtyping import Array

from fnn.kernels.numerics import wide
from fnn.rule import Rule

P = ParamSpec("P")
Y = TypeVar("Y")


class Elementwise(Rule[P, Y]):
    """A rule Y = f(X) of one array; give it its derivative by ``from_output`` or ``from_input``."""

    def __init__(self, function: Callable[P, Y]):
        self._keeps_output = False

        @functools.wraps(function)
        def forward(x, /, **static):
            if not jnp.issubdtype(x.dtype, jnp.floating):
                raise TypeError(f"{function.__name__}: x is {x.dtype}, wanted floating point; cast it first.")
            y = cast(Callable, function)(wide(x), **static).astype(x.dtype)
            return y, (y if self._keeps_output else x)

        super().__init__(cast(Callable, forward))

    def from_output(self, derivative: Callable) -> Callable:
        """Register ``derivative(y, *, static...)``: the backward keeps the output alone."""
        return self._register(derivative, keeps_output=True)

    def from_input(self, derivative: Callable) -> Callable:
        """Register ``derivative(x, *, static...)``: the backward keeps the input alone."""
        return self._register(derivative, keeps_output=False)

    def _register(self, derivative: Callable, *, keeps_output: bool) -> Callable:
        self._keeps_output = keeps_output
        static = [p for p in inspect.signature(derivative).parameters.values() if p.kind is p.KEYWORD_ONLY]

        @functools.wraps(derivative)
        def backward(saved, dy, **config):
            slope = derivative(wide(saved), **config)
            if slope.dtype == jnp.bool_:
                return jnp.where(slope, dy, jnp.zeros_like(dy))
            return wide(dy) * slope

        positional = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in ("saved", "dy")]
        backward.__signature__ = inspect.Signature(positional + static)  # pyright: ignore[reportAttributeAccessIssue]
        self.backward(backward)
        return derivative


def elementwise(function: Callable[P, Y]) -> Elementwise[P, Y]:
    """Make an elementwise rule of ``f(x, *, static...) -> y``; give it its derivative next."""
    return Elementwise(function)


def where_not_nan(x: Array, y: Array) -> Array:
    """Return y, but NaN where x is NaN: comparisons alone would lose it."""
    return jnp.where(jnp.isnan(x), x, y)
