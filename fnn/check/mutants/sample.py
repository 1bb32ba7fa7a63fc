"""A rule at given arguments, in float64: what it returns there, what it keeps, and a random cotangent."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fnn.check.mutants.mutant import passes
from fnn.rule import Rule


class Leaf(NamedTuple):
    """One float array among the arguments."""

    path: tuple
    """Where it stands in the tuple of the arguments."""
    name: str
    """Its argument's name and its path in the argument: `params['w']`."""


class Sample(NamedTuple):
    """A rule at given arguments."""

    rule: Rule
    arguments: tuple
    """One for each positional parameter; float arrays in float64."""
    static: dict[str, Any]
    """All options, the defaults among them."""
    leaves: tuple[Leaf, ...]
    """The float arrays among the arguments."""
    y: Any
    """The output."""
    saved: Any
    """What the backward keeps."""
    dy: Any
    """A random cotangent of the output."""


def sample(rule: Rule, arguments: tuple, static: dict[str, Any]) -> Sample:
    """Run the forward of a rule on arguments in float64. Call it, and use the sample, under `jax.enable_x64(True)`."""
    forward = passes(rule).forward
    bound = rule.signature.bind(*arguments, **static)
    bound.apply_defaults()
    arguments, static = jax.tree.map(_in_float64, bound.args), bound.kwargs
    y, saved = forward(*jax.tree.map(jnp.asarray, arguments), **static)
    names = rule.argument_names
    leaves = tuple(
        Leaf(path, names[path[0].idx] + jax.tree_util.keystr(path[1:]))
        for path, leaf in jax.tree.leaves_with_path(arguments)
        if is_float(leaf)
    )
    draw = np.random.default_rng(0)
    dy = jax.tree.map(lambda leaf: cotangent_like(leaf, draw.standard_normal(leaf.shape)), y)
    return Sample(rule, arguments, static, leaves, y, saved, dy)


def is_float(leaf: Any) -> bool:
    """Return whether an array holds real floating-point numbers."""
    return jnp.issubdtype(jnp.result_type(leaf), jnp.floating)


def float_paths(tree: Any) -> list[tuple]:
    """Return the paths of the float arrays in a tree."""
    return [path for path, leaf in jax.tree.leaves_with_path(tree) if is_float(leaf)]


def cotangent_like(leaf: Any, value: Any) -> Any:
    """Return a value as the cotangent of an output, which for an output that is no float is JAX's float0."""
    if not is_float(leaf):
        return np.zeros(np.shape(leaf), jax.dtypes.float0)
    return jnp.asarray(np.broadcast_to(value, leaf.shape), leaf.dtype)


def _in_float64(leaf: Any) -> Any:
    return np.asarray(leaf, np.float64) if is_float(leaf) else leaf
