"""The one idea: a forward pass and a hand-written backward pass, joined into a differentiable function.

A rule is written as two named functions that stand next to each other:

    >>> import jax, jax.numpy as jnp
    >>> from fnn import rule

    >>> @rule
    ... def scaled_product(x, y, *, scale=1.0):
    ...     return scale * x * y, (x, y)                       # output, residuals

    >>> @scaled_product.backward
    ... def scaled_product_backward(saved, dz, *, scale):
    ...     x, y = saved
    ...     return scale * dz * y, scale * dz * x              # one cotangent per positional parameter

    >>> float(scaled_product(2.0, 3.0, scale=10.0))
    60.0
    >>> float(jax.grad(scaled_product)(2.0, 3.0, scale=10.0))
    30.0
    >>> [kept.shape for kept in scaled_product.residuals(jnp.ones(4), 3.0)]
    [(4,), ()]

Positional parameters are arrays or pytrees of arrays, or None. Keyword-only parameters are static configuration
and must be hashable; the backward receives those that it names. What the backward returns is checked here, in one
place: the number of cotangents, their tree, their shape; each is cast to its primal's dtype, and integer, boolean,
key and None arguments get their zero whatever the backward says of them, so None says it best.

Inside ``with fnn.autodiff():`` every rule is its plain forward, differentiated by JAX: forward mode, `jax.hessian`
and `jax.jet` then work through any program of rules.

This file alone knows that a rule lowers to `jax.custom_vjp`.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np

P = ParamSpec("P")
Y = TypeVar("Y")

_autodiff = jax.make_user_context(False)


def autodiff():
    """Return a context in which every rule is its plain forward, differentiated by JAX.

    The context is part of jit's key, so a function compiled outside is traced anew inside, and the other way round.

    >>> import fnn, jax
    >>> with fnn.autodiff():
    ...     print(jax.jvp(fnn.rules.tanh, (0.0,), (1.0,))[1])
    1.0
    """
    return _autodiff(True)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Static:
    """A hashable value that a forward hands to its backward beside the arrays: a shape, an axis. It costs no memory."""

    value: Any


@dataclasses.dataclass(frozen=True)
class _Primal:
    """What the backward must know of one array of the arguments without keeping it."""

    shape: tuple[int, ...]
    dtype: Any


class Rule(Generic[P, Y]):
    """A differentiable function made of a forward and a hand-written backward; see the module's docstring."""

    def __init__(self, forward: Callable[P, tuple[Y, Any]]):
        functools.update_wrapper(self, forward)
        self.name: str = getattr(forward, "__name__", "rule")
        self.signature = inspect.signature(forward)
        kinds = {parameter.kind for parameter in self.signature.parameters.values()}
        if kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}:
            raise TypeError(
                f"rule {self.name}: the forward takes *args or **kwargs; name every parameter, arrays first and "
                "static configuration after a bare '*', and pass many arrays as one tuple."
            )
        self._forward = forward
        self._backward: Callable[..., Any] | None = None
        self._backward_static: frozenset[str] = frozenset()
        self._lower = functools.lru_cache(maxsize=256)(self._lower_uncached)

    def backward(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Register ``function(saved, dy, *, static...)``, which returns one cotangent per positional parameter.

        Used as a decorator; gives the function back unchanged, so it can be read, called and tested alone.
        """
        parameters = inspect.signature(function).parameters.values()
        named = {p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}
        positional = [p.name for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]
        if len(positional) != 2:
            raise TypeError(
                f"rule {self.name}: the backward takes the two positional parameters (saved, dy), got {positional}."
            )
        if unknown := named - set(self.static_names):
            raise TypeError(
                f"rule {self.name}: the backward asks for {sorted(unknown)}, which the forward does not have; "
                f"the forward's keyword-only parameters are {list(self.static_names)}."
            )
        self._backward, self._backward_static = function, frozenset(named)
        self._lower.cache_clear()
        return function

    @property
    def argument_names(self) -> tuple[str, ...]:
        """The names of the positional parameters: the arrays, in order."""
        parameters = self.signature.parameters.values()
        return tuple(p.name for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY)

    @property
    def static_names(self) -> tuple[str, ...]:
        """The names of the keyword-only parameters: the static configuration."""
        parameters = self.signature.parameters.values()
        return tuple(p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Y:
        """Return the output alone; differentiated, it is the backward that runs."""
        arrays, static = self._bind(args, kwargs)
        if _autodiff.value:
            return self._forward(*arrays, **static)[0]
        try:
            # With its type, for 1, 1.0 and True are equal and would share what was lowered first.
            lowered = self._lower(tuple((name, value, type(value)) for name, value in static.items()))
        except TypeError:
            self._reject_unhashable(static)
            raise
        try:
            return lowered(*arrays)
        except TypeError as error:
            if "forward-mode" not in str(error):
                raise
            raise TypeError(
                f"rule {self.name} has a hand-written reverse mode only; for forward mode, jax.jvp, jax.jacfwd or "
                "jax.hessian, call inside `with fnn.autodiff():`, which differentiates the plain forward."
            ) from error

    def plain(self, *args: P.args, **kwargs: P.kwargs) -> Y:
        """Call the same forward, differentiated by JAX: the oracle of every check, the baseline of every benchmark."""
        arrays, static = self._bind(args, kwargs)
        with autodiff():
            return self._forward(*arrays, **static)[0]

    def residuals(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Return what the backward keeps, as a pytree of `jax.ShapeDtypeStruct`, without running anything.

        Arguments may be arrays or `jax.ShapeDtypeStruct`s.
        """
        arrays, static = self._bind(args, kwargs)
        return jax.eval_shape(lambda *arrays: self._forward(*arrays, **static)[1], *arrays)

    def __repr__(self) -> str:
        return f"<rule {self.name}{self.signature}>"

    def _bind(self, args, kwargs) -> tuple[tuple, dict[str, Any]]:
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"rule {self.name}: {error}; it is called as {self.name}{self.signature}.") from None
        bound.apply_defaults()
        return tuple(jax.tree.map(_as_array, argument) for argument in bound.args), bound.kwargs

    def _lower_uncached(self, static_items: tuple[tuple[str, Any, type], ...]) -> Callable[..., Y]:
        if self._backward is None:
            raise TypeError(f"rule {self.name} has no backward yet; write one under @{self.name}.backward.")
        static = {name: value for name, value, _ in static_items}
        forward, backward = self._forward, self._backward
        backward_static = {name: static[name] for name in self._backward_static}

        def primal(*args):
            return forward(*jax.tree.map(_as_array, args), **static)[0]

        def keep(*args):
            args = jax.tree.map(_as_array, args)
            y, saved = forward(*args, **static)
            leaves, tree = jax.tree.flatten(args)
            return y, (saved, Static((tuple(_Primal(leaf.shape, leaf.dtype) for leaf in leaves), tree)))

        def pull(kept, dy):
            saved, primals = kept
            leaves, tree = primals.value
            saved, dy = jax.tree.map(_as_array, (saved, dy))
            return self._admit(backward(saved, dy, **backward_static), jax.tree.unflatten(tree, leaves))

        # What profiles and error messages of JAX show; JAX looks behind a type checker's wrapper.
        inspect.unwrap(primal).__name__ = self.name
        lowered = jax.custom_vjp(primal)
        lowered.defvjp(keep, pull)
        return cast(Callable[..., Y], lowered)

    def _admit(self, cotangents: Any, arguments: tuple) -> tuple:
        """Check what the backward returned against its arguments and cast it to their dtypes."""
        names = self.argument_names
        if len(names) == 1:
            cotangents = (cotangents,)
        if not isinstance(cotangents, tuple) or len(cotangents) != len(names):
            got = f"a tuple of {len(cotangents)}" if isinstance(cotangents, tuple) else "one value that is no tuple"
            raise TypeError(
                f"rule {self.name}: the backward must return a tuple of {len(names)} cotangents, one for each of "
                f"({', '.join(names)}), got {got}."
            )
        return tuple(map(self._admit_argument, names, cotangents, arguments))

    def _admit_argument(self, name: str, cotangent: Any, argument: Any) -> Any:
        try:
            spread = jax.tree.map(_spread, cotangent, argument, is_leaf=_is_none)
        except ValueError:
            spread = None
        if jax.tree.structure(spread) != jax.tree.structure(argument):
            raise TypeError(
                f"rule {self.name}: the cotangent of argument {name} has the tree {jax.tree.structure(cotangent)}, "
                f"wanted the argument's own tree {jax.tree.structure(argument)}, or None for a zero."
            )
        return jax.tree_util.tree_map_with_path(
            lambda path, want, got: self._admit_leaf(name + jax.tree_util.keystr(path), want, got.value),
            argument,
            spread,
        )

    def _admit_leaf(self, where: str, want: _Primal, got: Any) -> Any:
        if got is None or not jnp.issubdtype(want.dtype, jnp.inexact):
            return None
        if not isinstance(got, (jax.Array, np.ndarray, np.generic, int, float, complex)):
            raise TypeError(
                f"rule {self.name}: the cotangent of argument {where} is a {type(got).__name__}, "
                f"wanted an array of shape {want.shape}."
            )
        got = jnp.asarray(got)
        if got.shape != want.shape:
            raise ValueError(
                f"rule {self.name}: the cotangent of argument {where} has shape {got.shape}, "
                f"wanted the argument's shape {want.shape}."
            )
        if jnp.iscomplexobj(got) and not jnp.issubdtype(want.dtype, jnp.complexfloating):
            raise TypeError(
                f"rule {self.name}: the cotangent of argument {where} is complex ({got.dtype}), "
                f"but the argument is real ({want.dtype})."
            )
        return got.astype(want.dtype)

    def _reject_unhashable(self, static: dict[str, Any]) -> None:
        for name, value in static.items():
            try:
                hash(value)
            except TypeError:
                raise TypeError(
                    f"rule {self.name}: the keyword {name} is static configuration and must be hashable, got a "
                    f"{type(value).__name__}. Pass a Python number, string or tuple; arrays are positional arguments."
                ) from None


def rule(forward: Callable[P, tuple[Y, Any]]) -> Rule[P, Y]:
    """Make a rule of ``forward(arrays..., *, static...) -> (output, residuals)``; give it its ``.backward`` next."""
    return Rule(forward)


def _as_array(leaf: Any) -> Any:
    # JAX hands over Python scalars and literals of its own as they are, and float0 for what has no cotangent.
    if isinstance(leaf, (jax.Array, jax.ShapeDtypeStruct)) or getattr(leaf, "dtype", None) == jax.dtypes.float0:
        return leaf
    return jnp.asarray(leaf)


def _is_none(node: Any) -> bool:
    return node is None


@dataclasses.dataclass(frozen=True)
class _Cotangent:
    """One leaf of what a backward returned; None is a zero."""

    value: Any


def _spread(got: Any, argument: Any) -> Any:
    """Give a cotangent the tree of its argument: None is a zero for a whole subtree."""
    if got is None or not jax.tree.leaves(argument):
        return jax.tree.map(lambda _: _Cotangent(None), argument)
    return _Cotangent(got)
