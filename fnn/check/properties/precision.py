"""In float32, bfloat16 and float16 the rule agrees with the oracle in float64, and keeps its statistics in float32."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fnn.check import tolerance
from fnn.check.findings import Findings
from fnn.check.leaves import sentence_of
from fnn.check.programs import equations
from fnn.check.report import Outcome
from fnn.check.residuals import narrow_statistics
from fnn.check.subject import Subject, pull

DTYPES = {name: jnp.dtype(name) for name in ("float32", "bfloat16", "float16")}


def precision(subject: Subject) -> Outcome:
    """Round the arguments to each dtype, compare value and cotangents with the float64 oracle at the rounded ones.

    The allowed error is C eps(dtype) sqrt(length) times the scale, the condition included, so a program is not blamed
    for the problem. A result beyond the dtype's range is left out. A residual that a sum made must be float32 at
    least in a hand-written rule; what JAX keeps of its own is noted.
    """
    found = Findings(subject, "precision")
    if subject.dtype != jnp.float64:
        return found.not_run(f"the function takes {subject.dtype} only")
    refused: dict[str, str] = {}
    inputs: dict[str, tuple[tuple, tuple]] = {}
    narrow: list[str] = []
    with subject.precision():
        wide_bits = _random_bits(_traced(subject, tuple(subject.floats)))
    for name, dtype in DTYPES.items():
        floats = tuple(np.asarray(leaf, dtype) for leaf in subject.floats)
        try:
            with jax.enable_x64(False), np.errstate(all="ignore"):
                shapes = subject.shapes_in([dtype] * len(floats))
                closed = _traced(subject, floats)
            statistics = narrow_statistics(closed, len(shapes))
            narrow += [f"{shape} by {how} in {name}" for shape, how in statistics]
            if _random_bits(closed) != wide_bits:
                refused[name] = "it draws other random bits in another dtype"
                continue
        except Exception as error:
            refused[name] = sentence_of(error)
            continue
        dy = tuple(np.asarray(d, y.dtype) for d, y in zip(subject.base[1], shapes, strict=True))
        inputs[name] = floats, dy
    for name, results in _run(subject, inputs, refused).items():
        _compare(subject, found, name, *inputs[name], *results)
    kept = f"a statistic is kept in half precision: {narrow[0]}" if narrow else ""
    if narrow and subject.is_hand_written:
        found.say("", f"a residual of shape {narrow[0]} is a statistic: keep it in float32 or wider.")
    taken = ", ".join(name for name in inputs if name not in refused)
    outcome = found.outcome(taken + "".join(f"; {name} not taken ({why})" for name, why in refused.items()))
    noted = narrow and outcome.status == "passed"
    return outcome._replace(status="noted", detail=f"{outcome.detail}; {kept}, by JAX") if noted else outcome


def _traced(subject: Subject, floats: tuple) -> Any:
    """Return the program of the value and the residuals."""
    real = subject.real(subject.function)
    return jax.make_jaxpr(lambda *floats: jax.vjp(real, *floats, has_aux=True)[:2])(*floats)


def _random_bits(closed: Any) -> list[int]:
    """Return how wide the random numbers are that a program draws with JAX: jax.random.normal's depend on the dtype."""
    drawn = (equation for equation in equations(closed) if equation.primitive.name == "random_bits")
    return [equation.params["bit_width"] for equation in drawn]


def _run(subject: Subject, inputs: dict[str, tuple], refused: dict[str, str]) -> dict[str, tuple[tuple, tuple]]:
    """Run all dtypes in one program; if the backend refuses one, each alone."""
    own = functools.partial(pull, subject.real(subject.function))

    def run(some: dict[str, tuple]) -> dict[str, tuple[tuple, tuple]]:
        program = jax.jit(lambda some: {name: own(*pair) for name, pair in some.items()})
        return {name: (y, dx) for name, (y, _, dx) in jax.device_get(program(some)).items()}

    with jax.enable_x64(False), jax.default_matmul_precision("highest"), np.errstate(all="ignore"):
        try:
            return run(inputs)
        except Exception:
            results: dict[str, tuple[tuple, tuple]] = {}
            for name, pair in inputs.items():
                try:
                    results |= run({name: pair})
                except Exception as error:
                    refused[name] = sentence_of(error)
            return results


def _compare(subject: Subject, found: Findings, name: str, floats: tuple, dy: tuple, y: tuple, dx: tuple) -> None:
    exact = [np.asarray(leaf, np.float64) for leaf in floats], [np.asarray(d, np.float64) for d in dy]
    want = subject.best(*exact)
    condition = subject.condition(*exact, want)
    eps = max(tolerance.epsilon(DTYPES[name]), subject.eps)
    largest = float(jnp.finfo(DTYPES[name]).max)
    floors = tolerance.floors(*exact, want.y)
    setting = f"{name} arguments, wanted float64's result at the same numbers"
    values = zip(subject.output_names, y, want.y, condition.y, [1.0] * len(y), strict=True)
    cotangents = zip([leaf.name for leaf in subject.leaves], dx, want.dx, condition.dx, floors, strict=True)
    for label, got, w, c, floor in (*values, *cotangents):
        inside = np.isfinite(w) & (np.abs(w) + c < largest)
        got, w = np.where(inside, np.asarray(got, np.float64), 0), np.where(inside, w, 0)
        found.compare(label, got, w, tolerance.allowed(eps, subject.length, w, c, floor), setting, eps=eps)
