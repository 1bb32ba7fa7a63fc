"""What is checked: a function, its arguments, the oracle of its gradient; and what both say, compiled once.

The arguments' real leaves are drawn out into one list, in float64; a complex leaf gives two, its parts. All else
(integers, booleans, keys, None, strings, callables) is bound. What the properties see is a function of real arrays
that returns a tuple of real arrays.
"""

import copy
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from fnn.check import programs, tolerance
from fnn.check.leaves import Leaf, host, is_inexact, leaf_names, parts_of, sentence_of, signature_of, usual_integer
from fnn.rule import Rule


class Pulled(NamedTuple):
    """What one reverse pass gives, as NumPy arrays."""

    y: tuple
    other: tuple
    """The outputs without a gradient: integers, booleans, keys' data."""
    dx: tuple


class Subject:
    """A function on one set of arguments, and everything the properties ask of it.

    `function` is a `Rule`, a `jax.custom_vjp` function, a partial or a jit of one, or any JAX function; `reference`
    is another function of the same arguments whose value and gradient are right. Without one, the oracle is the
    function's own forward with its custom rules opened, differentiated by JAX; where there is nothing to open or JAX
    cannot differentiate it, there is no oracle and central differences remain. Raises ValueError, in a sentence, for
    what cannot be checked at all.
    """

    # Set by preflight
    outputs: list[np.ndarray]
    output_names: list[str]
    deterministic: bool

    def __init__(
        self,
        function: Callable[..., Any],
        *args: Any,
        reference: Callable[..., Any] | None = None,
        order: int = 1,
        seed: int = 0,
        budget: int | None = None,
        kinks: tuple[float, ...] = (),
        dtype: Any = jnp.float64,
        accuracy: float = 0.0,
        **static: Any,
    ):
        from fnn.check.preflight import preflight, refuse_tracers  # it is about Subjects itself

        self.static = static
        while isinstance(function, functools.partial):
            function, args, static = function.func, (*function.args, *args), {**function.keywords, **static}
        self.function, self.args, self.all_static = function, args, static
        self.reference, self.order, self.seed, self.budget, self.kinks = reference, order, seed, budget, kinks
        self.dtype, self.accuracy = jnp.dtype(dtype), accuracy
        options = {"order": (order, 1), "seed": (seed, 0), "budget": (budget, None), "kinks": (kinks, ())}
        options |= {"dtype": (self.dtype.name, "float64"), "accuracy": (accuracy, 0.0)}
        self.options = {name: value for name, (value, default) in options.items() if value != default}
        self.name: str = getattr(function, "name", None) or getattr(function, "__name__", type(function).__name__)
        self.draw_for("")
        values, self.tree = jax.tree.flatten(args)
        self.values = [usual_integer(value) for value in values]
        refuse_tracers(self)
        self.leaves, self.floats = self._real_leaves()
        self._compiled: dict[str, Callable[..., Any]] = {}
        preflight(self)

    def _real_leaves(self) -> tuple[list[Leaf], list[np.ndarray]]:
        fixed = getattr(self.function, "nondiff_argnums", ())
        leaves, floats = [], []
        for place, (name, argument) in enumerate(zip(*leaf_names(self.function, self.args), strict=True)):
            value = self.values[place]
            if argument in fixed or not is_inexact(value):
                # A rule's positional arguments are arrays; another function's integer may be an axis.
                if isinstance(self.function, Rule) and isinstance(value, (bool, int)):
                    self.values[place] = np.asarray(value)
                continue
            for part, array in parts_of(np.asarray(value)).items():
                dtype = jax.dtypes.canonicalize_dtype(array.dtype)
                leaves.append(Leaf(f"{name}.{part}" if part else name, place, part, dtype))
                floats.append(np.array(array, self.dtype))
        return leaves, floats

    # The function of real arrays, and its oracle

    def real(self, function: Callable[..., Any]) -> Callable[..., tuple[tuple, tuple]]:
        """Return (real arrays) -> (real outputs, other outputs) of a function of the arguments."""

        def call(*floats: Any) -> tuple[tuple, tuple]:
            y = function(*self.arguments(floats), **self.keywords(function))
            real: list[Any] = []
            other: list[Any] = []
            for leaf in jax.tree.leaves(y):
                if jnp.iscomplexobj(leaf):
                    real += [jnp.real(leaf), jnp.imag(leaf)]
                else:
                    (real if jnp.issubdtype(jnp.result_type(leaf), jnp.floating) else other).append(leaf)
            return tuple(real), tuple(other)

        return call

    def arguments(self, floats: Any) -> tuple:
        """Put real arrays back into the arguments."""
        values = list(self.values)
        for leaf, array in zip(self.leaves, floats, strict=True):
            values[leaf.place] = lax.complex(values[leaf.place], array) if leaf.part == "imag" else array
        return jax.tree.unflatten(self.tree, values)

    def keywords(self, function: Callable[..., Any]) -> dict[str, Any]:
        """Return the static configuration; a reference gets what it names of it."""
        parameters = signature_of(function)
        if function is not self.reference or parameters is None:
            return self.all_static
        if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            return self.all_static
        return {key: value for key, value in self.all_static.items() if key in parameters}

    @functools.cached_property
    def oracle(self) -> Callable[..., tuple[tuple, tuple]] | None:
        """What JAX differentiates to give the gradient that is wanted, as a function of real arrays."""
        if self.reference is not None:
            real = self.real(self.reference)
        elif isinstance(self.function, Rule):
            real = self.real(self.function.plain)
        elif self.compiles:
            with self.precision():
                real = programs.opened(self.real(self.function), *self.floats)
        else:
            real = None
        if real is None:
            return None
        try:
            with self.precision():
                jax.eval_shape(functools.partial(pull, real), tuple(self.floats), self.cotangents_like())
        except Exception as error:
            self._oracle_error = error
            return None
        return real

    @functools.cached_property
    def is_hand_written(self) -> bool:
        """Whether the function holds a `custom_vjp`: a backward that somebody wrote."""
        if isinstance(self.function, Rule) or not self.compiles:
            return True
        with self.precision():
            closed, _ = programs.trace(self.real(self.function), *self.floats)
        return any(equation.primitive.name in programs.CUSTOM_VJP for equation in programs.equations(closed))

    _oracle_error: Exception | None = None

    @property
    def oracle_name(self) -> str:
        """What the gradient is compared with, in words."""
        if self.reference is not None:
            return "the reference"
        return "the forward itself" if self.oracle is None else "autodiff of the plain forward"

    @property
    def why_no_oracle(self) -> str:
        """Why there is no oracle, in words."""
        if self._oracle_error is not None:
            what = "plain forward" if self.reference is None else "reference"
            return f"JAX cannot differentiate the {what} ({sentence_of(self._oracle_error)})"
        return "JAX differentiates this function itself: it holds no custom rule, and no reference is given"

    # Evidence

    def precision(self) -> Any:
        """Return the context in which the subject's dtype exists."""
        return jax.enable_x64(self.dtype == jnp.float64)

    def forward(self, floats: Any) -> tuple[tuple, tuple]:
        """Return (outputs, other outputs) of the function, not differentiated."""
        return self.run("forward", self.real(self.function), *floats)

    def pull(self, floats: Any, dy: Any) -> Pulled:
        """Return what the function's own reverse pass gives."""
        return Pulled(*self.run("pull", functools.partial(pull, self.real(self.function)), tuple(floats), tuple(dy)))

    def wanted(self, floats: Any, dy: Any) -> Pulled:
        """Return what the oracle's reverse pass gives."""
        assert self.oracle is not None
        return Pulled(*self.run("wanted", functools.partial(pull, self.oracle), tuple(floats), tuple(dy)))

    def best(self, floats: Any, dy: Any) -> Pulled:
        """Return what the oracle gives, or the function itself where there is none."""
        return (self.pull if self.oracle is None else self.wanted)(floats, dy)

    def run(self, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a function of arrays, compiled the first time under its name, and return NumPy arrays."""
        with self.precision(), np.errstate(all="ignore"):
            if name not in self._compiled:
                self._compiled[name] = jax.jit(function) if self.compiles else function
            return host(self._compiled[name](*arguments))

    @functools.cached_property
    def compiles(self) -> bool:
        """Whether the function can be traced; one that cannot, as it branches on values, is run eagerly."""
        try:
            with self.precision():
                jax.eval_shape(self.real(self.function), *self.floats)
        except Exception as error:
            self.tracing_error = error
            return False
        return True

    tracing_error: Exception | None = None

    @functools.cached_property
    def backward_error(self) -> Exception | None:
        """What the reverse pass raises, if it does."""
        try:
            self.pull(*self.base)
        except Exception as error:
            return error
        return None

    def shapes_in(self, dtypes: list[Any]) -> tuple:
        """Return the outputs' shapes and dtypes for arguments in other dtypes; raises what the function raises."""
        floats = [jax.ShapeDtypeStruct(x.shape, d) for x, d in zip(self.floats, dtypes, strict=True)]
        return jax.eval_shape(lambda *floats: self.real(self.function)(*floats)[0], *floats)

    # Tolerances

    @functools.cached_property
    def eps(self) -> float:
        """The rounding unit: of float64, or of what the plain forward computes in even when it is given float64."""
        dtypes = [self.dtype, *(y.dtype for y in self.outputs)]
        for function in (self.oracle, self.real(self.function)):
            if function is not None and self.compiles:
                with self.precision():
                    found = tolerance.narrowest(programs.trace(function, *self.floats)[0])
                # A reference may compute in what it likes; the function, in float32 or wider.
                if found is not None and (function is self.oracle or found == jnp.float32):
                    dtypes.append(found)
        return max(self.accuracy, *map(tolerance.epsilon, dtypes))

    @functools.cached_property
    def length(self) -> int:
        """The longest sum in the forward and backward passes."""
        if not self.compiles:
            return max(leaf.size for leaf in self.floats)
        with self.precision():
            reverse = functools.partial(pull, self.oracle or self.real(self.function))
            return tolerance.longest_sum(programs.trace(reverse, tuple(self.floats), self.cotangents_like())[0])

    def condition(self, floats: Any, dy: Any, want: Pulled) -> Pulled:
        """Return how far each number of `want`, the best oracle's there, moves when every input moves by its size."""
        return Pulled(*self.sensitivity(lambda floats, dy: tuple(self.best(floats, dy)), (floats, dy), tuple(want)))

    def sensitivity(self, run: Callable[..., Any], inputs: tuple, base: Any) -> Any:
        """Return how far each number of ``run(*inputs)``, which is `base`, moves when every input moves by its size."""
        return tolerance.sensitivity(run, inputs, base, self.eps, self.random)

    @functools.cached_property
    def bounds(self) -> Pulled:
        """How far values and cotangents at `base` may be off."""
        return self.bounds_at(*self.base)

    def bounds_at(self, floats: Any, dy: Any) -> Pulled:
        """Return how far values and cotangents there may be off."""
        want = self.best(floats, dy)
        condition = self.condition(floats, dy, want)
        floors = tolerance.floors(floats, dy, want.y)
        bound = functools.partial(tolerance.allowed, self.eps, self.length)
        return Pulled(
            tuple(map(bound, want.y, condition.y)),
            (),
            tuple(map(bound, want.dx, condition.dx, floors)),
        )

    # Other arguments and random cotangents

    def having(self, place: int, value: Any) -> "Subject":
        """Return the subject with another value of one leaf that has no gradient; nothing is compiled for it yet."""
        other = copy.copy(self)
        other.values = [*self.values[:place], value, *self.values[place + 1 :]]
        return other

    @property
    def others(self) -> dict[str, int]:
        """The name and the place of each array among the arguments that has no gradient: labels, masks, keys."""
        fixed = getattr(self.function, "nondiff_argnums", ())
        names = zip(*leaf_names(self.function, self.args), strict=True)
        return {
            name: place
            for place, (name, argument) in enumerate(names)
            if isinstance(self.values[place], (np.ndarray, jax.Array))
            and argument not in fixed
            and place not in {leaf.place for leaf in self.leaves}
        }

    def draw_for(self, property: str) -> None:
        """Begin the random numbers of a property: its own, so that it alone repeats what it did among others."""
        self.random = np.random.default_rng([self.seed, *map(ord, self.name + property)])

    def cotangents(self) -> tuple[np.ndarray, ...]:
        """Return random cotangents, one for each output."""
        return tuple(np.asarray(self.random.normal(size=y.shape)).astype(y.dtype) for y in self.outputs)

    def cotangents_like(self) -> tuple[jax.ShapeDtypeStruct, ...]:
        """Return the shapes and dtypes of the cotangents."""
        return tuple(jax.ShapeDtypeStruct(y.shape, y.dtype) for y in self.outputs)

    def nearby(self) -> list[np.ndarray]:
        """Return other arguments: each entry up to a twentieth smaller, so that it stays in its domain."""
        return [np.asarray(x * (1 - 0.05 * self.random.uniform(size=x.shape))).astype(x.dtype) for x in self.floats]

    @functools.cached_property
    def base(self) -> tuple[list[np.ndarray], tuple[np.ndarray, ...]]:
        """The given arguments and one random cotangent, which several properties start from."""
        drawn = copy.copy(self)
        drawn.draw_for("base")
        return self.floats, drawn.cotangents()

    def known(self, floats: Any, dy: Any) -> dict[str, Any]:
        """Return the arrays that a wrong cotangent may turn out to hold."""
        arguments = {leaf.name: x for leaf, x in zip(self.leaves, floats, strict=True)}
        return {"arguments": arguments, "known": {f"d{n}": d for n, d in zip(self.output_names, dy, strict=True)}}


def pull(function: Callable[..., Any], floats: tuple, dy: tuple) -> tuple[tuple, tuple, tuple]:
    """Return (outputs, other outputs, cotangents) of a function of real arrays."""
    y, backward, other = jax.vjp(function, *floats, has_aux=True)
    return y, other, backward(dy)
