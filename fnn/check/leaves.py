"""The arrays among the arguments: their names, which are real, and how a sentence is made of an exception."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Leaf(NamedTuple):
    """One real array among the arguments."""

    name: str
    """Its argument and its path in it, as ``params['w']``."""
    place: int
    """Its number among all leaves of the arguments."""
    part: str
    """"real" or "imag" of a complex leaf, "" of a real one."""
    dtype: Any
    """The dtype that JAX gives it where it was made: float32 for NumPy's float64, unless 64 bits are enabled."""


def signature_of(function: Callable[..., Any]) -> Any:
    """Return the parameters of a function by name, through `Rule` and `jax.custom_vjp`; None where unknown."""
    if not hasattr(function, "signature"):
        function = getattr(function, "fun", function)
    try:
        return (getattr(function, "signature", None) or inspect.signature(function)).parameters
    except (TypeError, ValueError):
        return None


def leaf_names(function: Callable[..., Any], args: tuple) -> tuple[list[str], list[int]]:
    """Return for each leaf of the arguments its name and the number of its argument."""
    parameters = list((signature_of(function) or {}).values())
    names, numbers = [], []
    for path, _ in jax.tree.leaves_with_path(args):
        number = path[0].idx
        names.append(_argument_name(parameters, number) + jax.tree_util.keystr(path[1:]))
        numbers.append(number)
    return names, numbers


def _argument_name(parameters: list[inspect.Parameter], number: int) -> str:
    for place, parameter in enumerate(parameters[: number + 1]):
        if parameter.kind is parameter.VAR_POSITIONAL:
            return f"{parameter.name}[{number - place}]"
        if place == number and parameter.kind is not parameter.KEYWORD_ONLY:
            return parameter.name
    return f"argument {number}"


def parts_of(array: np.ndarray) -> dict[str, np.ndarray]:
    """Return an array as real ones: itself, or its real and imaginary part."""
    return {"real": np.real(array), "imag": np.imag(array)} if np.iscomplexobj(array) else {"": array}


def is_inexact(value: Any) -> bool:
    """Say whether a leaf is differentiated: a float or complex number or array."""
    dtype = getattr(value, "dtype", None)
    return isinstance(value, (float, complex)) if dtype is None else jnp.issubdtype(dtype, jnp.inexact)


def usual_integer(value: Any) -> Any:
    """Return a 64-bit integer array of NumPy as JAX takes it by default, in 32 bits."""
    wide = isinstance(value, (np.ndarray, np.generic)) and value.dtype in (np.int64, np.uint64)
    return value.astype(np.int32 if value.dtype == np.int64 else np.uint32) if wide else value


def host(tree: Any) -> Any:
    """Return the tree with NumPy arrays, keys as their data."""

    def fetch(leaf: Any) -> np.ndarray:
        is_key = isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return np.asarray(jax.random.key_data(leaf) if is_key else leaf)

    return jax.tree.map(fetch, tree)


def sentence_of(error: BaseException) -> str:
    """Return an exception as one line: its type, and its message up to the first empty line or 300 characters."""
    text = " ".join(str(error).strip().split("\n\n")[0].split())
    text = text.rstrip(".") if len(text) <= 300 else text[:297] + "..."
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
