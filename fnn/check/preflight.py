"""What must hold before a gradient can be checked at all; what does not is said in a sentence.

The function is called eagerly, twice, as its user would call it; shapes of its reference are compared with its own.
"""

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from fnn.check.leaves import host, parts_of, sentence_of, signature_of
from fnn.check.subject import Subject


def preflight(subject: Subject) -> None:
    """Set the subject's `outputs`, `output_names`, `deterministic` and `dtype`; raise ValueError, in a sentence."""
    _refuse_missing_arguments(subject)
    name = subject.name
    if not subject.leaves:
        kinds = [str(getattr(v, "dtype", type(v).__name__)) for v in subject.values]
        raise ValueError(
            f"{name}: it is not differentiable in any of its arguments: got {', '.join(kinds) or 'none'}, wanted at "
            "least one floating-point array or number, given by position."
        )
    y = _first_call(subject)
    leaves = jax.tree.leaves_with_path(y)
    if not leaves:
        raise ValueError(f"{name}: it outputs nothing: wanted an array or a tree of arrays, got {y!r}.")
    outputs, names = [], []
    for path, leaf in leaves:
        if jnp.issubdtype(leaf.dtype, jnp.inexact):
            for part, array in parts_of(leaf).items():
                outputs.append(array)
                names.append("output" + jax.tree_util.keystr(path) + (f".{part}" if part else ""))
    if not outputs:
        dtypes = sorted({str(leaf.dtype) for _, leaf in leaves})
        raise ValueError(f"{name}: it outputs {', '.join(dtypes)} only, which has no gradient; wanted floating point.")
    subject.outputs, subject.output_names = outputs, names
    subject.deterministic = _second_call(subject, y)
    _refuse_other_structure(subject, y)


def refuse_tracers(subject: Subject) -> None:
    """Raise ValueError if a tracer is among the arguments or in the function's closure."""
    inner = inspect.unwrap(getattr(subject.function, "fun", subject.function))
    held = [cell.cell_contents for cell in getattr(inner, "__closure__", None) or () if _is_filled(cell)]
    if any(isinstance(value, Tracer) for value in jax.tree.leaves((subject.values, held))):
        raise ValueError(
            f"{subject.name}: it closes over a tracer, or a tracer is among its arguments: a check compares numbers, "
            "so call it outside jit, grad and vmap, and pass what the function depends on as an argument."
        )


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:  # a name that is bound later
        return False


def _refuse_missing_arguments(subject: Subject) -> None:
    parameters = signature_of(subject.function)
    if parameters is None:
        return
    positional = [p for p in parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    missing = [
        p.name for p in positional[len(subject.args) :] if p.default is p.empty and p.name not in subject.all_static
    ]
    if not missing:
        return
    what = "arguments " + ", ".join(missing) if len(missing) > 1 else f"argument {missing[0]}"
    keyed = [m for m in missing if m in ("key", "rng", "prng", "seed")]
    hint = f" It needs a key: give jax.random.key(0) as {keyed[0]}." if keyed else ""
    raise ValueError(
        f"{subject.name}: the {what} was not given: it takes ({', '.join(parameters)}), and a check calls it as "
        f"{subject.name}(*args) with arrays by position.{hint}"
    )


def _call(subject: Subject) -> Any:
    with subject.precision(), np.errstate(all="ignore"):
        return host(subject.function(*subject.arguments(map(jnp.asarray, subject.floats)), **subject.all_static))


def _first_call(subject: Subject) -> Any:
    """Call once, in float64 or, where the function refuses float64, in float32."""
    try:
        return _call(subject)
    except jax.errors.UnexpectedTracerError as error:
        raise ValueError(
            f"{subject.name}: it closes over a tracer that is gone: a check compares numbers, so pass what the "
            "function depends on as an argument."
        ) from error
    except Exception as error:
        if subject.dtype != jnp.float64:
            raise ValueError(_refused(subject, error)) from error
        refusal = error
    subject.dtype = jnp.dtype(jnp.float32)
    subject.floats = [np.asarray(leaf, np.float32) for leaf in subject.floats]
    try:
        return _call(subject)
    except Exception as error:
        raise ValueError(_refused(subject, refusal)) from error


def _refused(subject: Subject, error: Exception) -> str:
    return f"{subject.name}: called on the given arguments it raises {sentence_of(error)}."


def _second_call(subject: Subject, y: Any) -> bool:
    again = _call(subject)
    shapes, others = ([np.shape(leaf) for leaf in jax.tree.leaves(tree)] for tree in (y, again))
    if jax.tree.structure(y) != jax.tree.structure(again) or shapes != others:
        raise ValueError(
            f"{subject.name}: it changes shape: two calls on the same arguments gave {shapes} and {others}; a gradient "
            "needs one shape."
        )
    pairs = zip(jax.tree.leaves(y), jax.tree.leaves(again), strict=True)
    return all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in pairs)


def _refuse_other_structure(subject: Subject, y: Any) -> None:
    reference = subject.reference
    if reference is None:
        return
    try:
        with subject.precision():
            floats = tuple(map(jnp.asarray, subject.floats))
            theirs = host(reference(*subject.arguments(floats), **subject.keywords(reference)))
    except Exception as error:
        raise ValueError(
            f"{subject.name}: its reference, called on the same arguments, raises {sentence_of(error)}."
        ) from error
    own, other = ([np.shape(leaf) for leaf in jax.tree.leaves(tree)] for tree in (y, theirs))
    if own != other:
        raise ValueError(
            f"{subject.name}: its reference disagrees in structure: the function gives arrays of shape {own}, the "
            f"reference {other}; wanted the same."
        )
    if subject.oracle is None:
        raise ValueError(
            f"{subject.name}: {subject.why_no_oracle}: give a reference made of operations that JAX differentiates, or "
            "none."
        )
