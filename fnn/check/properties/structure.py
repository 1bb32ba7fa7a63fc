"""The backward returns one cotangent for each argument, of its tree, shape and dtype; a zero where there is none."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fnn.check.findings import Findings
from fnn.check.leaves import leaf_names, sentence_of
from fnn.check.report import Outcome
from fnn.check.subject import Subject

DTYPES = (jnp.float64, jnp.float32, jnp.bfloat16, jnp.float16)


def structure(subject: Subject) -> Outcome:
    """Trace the reverse pass, without running it, with all arguments in one dtype and with each alone in bfloat16.

    JAX checks the tree and the shape of what a `custom_vjp` returns, and lets any dtype pass (jax#27144). Integer,
    boolean and key arguments have a cotangent of dtype float0, None none at all. A reverse pass that raises in other
    dtypes than it is checked in, or goes wrong with a mixture of dtypes alone, is noted and fails nothing.
    """
    found = Findings(subject, "structure")
    if subject.backward_error is not None:
        found.say("", f"its reverse pass raises {sentence_of(subject.backward_error)}.", f"{subject.dtype} arguments")
        return found.outcome("the reverse pass")
    if not subject.compiles:
        return found.outcome("the reverse pass, eagerly")
    own = [dtype for dtype in DTYPES if dtype != jnp.float64 or subject.dtype == jnp.float64]
    mixtures = Findings(subject, "structure")
    rows: list[tuple[str, list[Any], Findings]] = [(jnp.dtype(d).name, [d] * len(subject.leaves), found) for d in own]
    if len(subject.leaves) > 1:
        mixed: list[list[Any]] = [[jnp.float32] * len(subject.leaves) for _ in subject.leaves]
        for number, leaf in enumerate(subject.leaves):
            if not leaf.part:
                mixed[number][number] = jnp.bfloat16
                rows.append((f"{leaf.name} bfloat16, all others float32", mixed[number], mixtures))
    refused = []
    for setting, dtypes, findings in rows:
        with jax.enable_x64(jnp.float64 in dtypes):
            try:
                subject.shapes_in(dtypes)
            except Exception:  # the function does not take these dtypes: that is its right
                refused.append(setting)
                continue
            try:
                _examine(subject, dtypes, findings, setting)
            except Exception as error:
                mixtures.say("", f"its reverse pass raises {sentence_of(error)}.", f"{setting} arguments")
    taken = f"{len(rows) - len(refused)} mixtures of dtypes"
    outcome = found.outcome(taken + (f"; not taken: {', '.join(refused)}" if refused else ""))
    if mixtures.failures and not found.failures:
        worst = next(iter(mixtures.failures.values()))
        argument = f"{worst.argument}: " if worst.argument else ""
        detail = f"{outcome.detail}; {argument}{worst.sentence} ({worst.setting})"
        return outcome._replace(status="noted", detail=detail)
    return outcome


def _examine(subject: Subject, dtypes: list[Any], found: Findings, setting: str) -> None:
    names, _ = leaf_names(subject.function, subject.args)
    traced = [place for place, value in enumerate(subject.values) if isinstance(value, (jax.Array, np.ndarray))]
    traced = sorted({*traced, *(leaf.place for leaf in subject.leaves)})

    def reverse(arrays: list[Any]) -> int:
        def call(*arrays: Any) -> Any:
            values = list(subject.values)
            for place, array in zip(traced, arrays, strict=True):
                values[place] = array
            y = subject.function(*jax.tree.unflatten(subject.tree, values), **subject.all_static)
            return [leaf for leaf in jax.tree.leaves(y) if jnp.issubdtype(jnp.result_type(leaf), jnp.inexact)]

        y, backward = jax.vjp(call, *arrays)
        for place, array, dx in zip(traced, arrays, backward([jnp.ones_like(leaf) for leaf in y]), strict=True):
            inexact = jnp.issubdtype(array.dtype, jnp.inexact)
            want = array.dtype if inexact else jax.dtypes.float0
            if dx.dtype != want:
                found.say(names[place], f"its cotangent is {dx.dtype}, wanted {want}, as the argument is.", setting)
            elif np.shape(dx) != array.shape:
                found.say(names[place], f"its cotangent has shape {np.shape(dx)}, wanted {array.shape}.", setting)
        return 0

    floats = [jnp.asarray(x, dtype) for x, dtype in zip(subject.floats, dtypes, strict=True)]
    arrays = jax.tree.leaves(subject.arguments(floats))
    jax.eval_shape(reverse, [arrays[place] for place in traced])
