"""The function as a program: what was given is checked here, and every error is a sentence."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Traced(NamedTuple):
    """A function's program and the names of what enters and leaves it."""

    closed: Any
    inputs: list[str]
    outputs: list[str]
    shapes: Any
    """The output's shapes and dtypes, in its tree."""


def trace(f: Any, args: tuple, has_aux: bool) -> Traced:
    """Trace ``f(*args)``; raise where there is no graph of it."""
    from fnn.check.leaves import is_inexact, leaf_names

    if not callable(f):
        raise TypeError(f"graph: {f!r:.80} is no function; give a function and the arguments to call it with.")
    names, _ = leaf_names(f, args)
    leaves = jax.tree.leaves(args)
    for name, leaf in zip(names, leaves, strict=True):
        try:
            if isinstance(leaf, jax.ShapeDtypeStruct):
                raise TypeError
            jax.eval_shape(lambda x: x, leaf)
        except TypeError:
            raise TypeError(
                f"graph: {name} is a {type(leaf).__name__}, wanted an array or a number; hand what is neither to the "
                "function beforehand, by functools.partial or a lambda."
            ) from None
    shapes = jax.eval_shape(lambda *leaves: leaves, *leaves)
    if not any(map(is_inexact, shapes)):
        given = (
            ", ".join(f"{name} is {leaf.dtype}" for name, leaf in zip(names, shapes, strict=True)) or "none is given"
        )
        raise ValueError(
            f"graph: no argument is floating point ({given}), so there is no gradient; give one as floats."
        )

    def output(*args: Any) -> Any:
        y: Any = f(*args)
        if has_aux and (not isinstance(y, tuple) or len(y) != 2):
            got = f"a tuple of {len(y)}" if isinstance(y, tuple) else "one value that is no tuple"
            raise TypeError(f"graph: with has_aux=True the function returns (output, auxiliary), it returned {got}.")
        y = y[0] if has_aux else y
        for leaf in jax.tree.leaves(y):
            if not isinstance(leaf, (jax.Array, np.ndarray, np.generic, bool, int, float, complex)):
                raise TypeError(f"graph: the function returned a {type(leaf).__name__}, wanted arrays or numbers.")
        return y

    closed, shapes = jax.make_jaxpr(output, return_shape=True)(*args)
    if not any(map(is_inexact, closed.out_avals)):
        got = ", ".join(str(aval.dtype) for aval in closed.out_avals) or "nothing"
        raise ValueError(f"graph: no output is floating point (it is {got}), so there is no gradient to show.")
    _reject_while(closed)
    outputs = [f"output{jax.tree_util.keystr(path)}" for path, _ in jax.tree.leaves_with_path(shapes)]
    return Traced(closed, names, outputs, shapes)


def cotangents(shapes: Any, given: Any) -> list[Any]:
    """Return the cotangent of each floating leaf of the output: ones, or what is given."""
    from fnn.check.leaves import is_inexact

    floating = [leaf for leaf in jax.tree.leaves(shapes) if is_inexact(leaf)]
    if given is None:
        return [jnp.ones(leaf.shape, leaf.dtype) for leaf in floating]
    if jax.tree.structure(given) != jax.tree.structure(shapes):
        raise TypeError(
            f"graph: the cotangent has the tree {jax.tree.structure(given)}, wanted the output's "
            f"{jax.tree.structure(shapes)}."
        )
    pairs = zip(jax.tree.leaves_with_path(given), jax.tree.leaves(shapes), strict=True)
    found = []
    for (path, dy), leaf in pairs:
        if jnp.shape(dy) != leaf.shape:
            raise ValueError(
                f"graph: the cotangent{jax.tree_util.keystr(path)} has shape {jnp.shape(dy)}, wanted the output's "
                f"{leaf.shape}."
            )
        if is_inexact(leaf):
            found.append(jnp.asarray(dy).astype(leaf.dtype))
    return found


def _reject_while(closed: Any) -> None:
    from fnn.check.activity import active

    for equation, source in active(closed, "a line of JAX"):
        if equation.primitive.name == "while":
            raise ValueError(
                f"graph: the gradient passes through the while loop at {source}, which JAX cannot differentiate in "
                "reverse; use jax.lax.scan, or fori_loop with a fixed number of rounds."
            )
