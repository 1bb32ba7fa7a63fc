"""jit, vmap, scan, remat and sharding change nothing."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fnn.check.findings import Findings
from fnn.check.leaves import host, sentence_of
from fnn.check.report import Outcome
from fnn.check.subject import Pulled, Subject, pull


def transformations(subject: Subject) -> Outcome:
    """Compare eager with compiled; vmap over each argument, over the cotangents and over all with a loop; scan; remat.

    The loop's two rows are the given arguments and others nearby; of labels, masks and keys the given ones twice.
    """
    found = Findings(subject, "transformations")
    if not subject.compiles:
        error = subject.tracing_error
        assert error is not None
        branches = isinstance(error, jax.errors.ConcretizationTypeError)
        why = "it branches on the value of an argument" if branches else sentence_of(error)
        found.say("", f"it cannot be traced, so jit, vmap and scan refuse it: {why}.")
        return found.outcome("jit")
    floats, dy = subject.base
    near, dy2 = subject.nearby(), subject.cotangents()
    first = subject.pull(floats, dy)
    with subject.precision(), np.errstate(all="ignore"):
        asarray = functools.partial(jax.tree.map, jnp.asarray)
        eager = Pulled(*host(pull(subject.real(subject.function), asarray(tuple(floats)), asarray(tuple(dy)))))
    found.pulled(eager, first, "eager, wanted what jit gives")
    rows = {
        f"vmap over {leaf.name}": [(floats, dy), ([*floats[:k], near[k], *floats[k + 1 :]], dy)]
        for k, leaf in enumerate(subject.leaves)
    }
    rows |= {f"vmap over {name}": [(floats, dy), (floats, dy)] for name in subject.others}
    rows["vmap over the cotangents"] = [(floats, dy), (floats, dy2)]
    rows["vmap over everything"] = rows["scan"] = [(floats, dy), (near, dy2)]
    rows["remat"] = [(floats, dy)]
    programs = _programs(subject)
    inputs = (tuple(floats), tuple(near), tuple(dy), tuple(dy2))
    for name, result in _run(subject, found, programs, inputs).items():
        for number, point in enumerate(rows[name]):
            got = jax.tree.map(lambda leaf, number=number: leaf[number], result) if len(rows[name]) > 1 else result
            setting = f"under {name}, row {number}, wanted the same alone"
            found.pulled(Pulled(*got), subject.pull(*point), setting, bounds=subject.bounds_at(*point))
    return found.outcome(f"jit, {len(programs) - 2} vmaps, scan, remat")


def _programs(subject: Subject) -> dict[str, Callable[..., Any]]:
    real = subject.real(subject.function)
    own = functools.partial(pull, real)

    def stack(*trees: Any) -> Any:
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)

    def over_one(k: int) -> Callable[..., Any]:
        def program(floats: tuple, near: tuple, dy: tuple, dy2: tuple) -> Any:
            axes = tuple(0 if number == k else None for number in range(len(floats)))
            mapped = (*floats[:k], stack(floats[k], near[k]), *floats[k + 1 :])
            return jax.vmap(own, (axes, None))(mapped, dy)

        return program

    def over_other(place: int) -> Callable[..., Any]:
        def program(floats: tuple, near: tuple, dy: tuple, dy2: tuple) -> Any:
            def one(value: Any) -> Any:
                return pull(subject.having(place, value).real(subject.function), floats, dy)

            return jax.vmap(one)(stack(subject.values[place], subject.values[place]))

        return program

    return {
        **{f"vmap over {leaf.name}": over_one(k) for k, leaf in enumerate(subject.leaves)},
        **{f"vmap over {name}": over_other(place) for name, place in subject.others.items()},
        "vmap over the cotangents": lambda floats, near, dy, dy2: jax.vmap(own, (None, 0))(floats, stack(dy, dy2)),
        "vmap over everything": lambda floats, near, dy, dy2: jax.vmap(own)(stack(floats, near), stack(dy, dy2)),
        "scan": lambda floats, near, dy, dy2: jax.lax.scan(
            lambda carry, row: (carry, own(*row)), 0, (stack(floats, near), stack(dy, dy2))
        )[1],
        "remat": lambda floats, near, dy, dy2: pull(jax.checkpoint(real), floats, dy),
    }


def _run(subject: Subject, found: Findings, programs: dict[str, Callable[..., Any]], inputs: tuple) -> dict[str, Any]:
    """Compile all of them as one; if that fails, each alone, to name the one that failed."""
    try:
        return subject.run("transformed", lambda *inputs: {n: p(*inputs) for n, p in programs.items()}, *inputs)
    except Exception:
        results = {}
        for name, program in programs.items():
            try:
                results[name] = subject.run(name, program, *inputs)
            except Exception as error:
                found.say("", f"under {name} it raises {sentence_of(error)}")
        return results
