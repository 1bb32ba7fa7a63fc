"""The cotangents are the central differences of the function's own value: the oracle that knows no autodiff."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fnn.check import programs, tolerance
from fnn.check.findings import Findings
from fnn.check.report import Outcome
from fnn.check.subject import Subject

ENTRIES = 128
"""Arguments with at most so many entries have the whole gradient differenced; larger ones are probed."""
PROBES = 16

# Linear or analytic, so that Im f(x + ih) / h is f'(x) to order h² without cancellation (Squire and Trapp, 1998).
ANALYTIC = frozenset(
    "add sub mul div neg exp exp2 expm1 log log1p sin cos tan tanh sinh cosh logistic sqrt rsqrt integer_pow square "
    "dot_general reduce_sum cumsum reshape transpose broadcast_in_dim squeeze expand_dims slice concatenate rev pad "
    "convert_element_type copy copy_p gather iota jit pjit asin acos atan asinh acosh atanh add_any split".split()
)


def differences(subject: Subject) -> Outcome:
    """Compare <dX, v> with the derivative of <dY, f> along v: along each entry of small arguments, else along probes.

    Central differences with steps h, h/2 and h/4 are extrapolated (Richardson) for six h, each an eighth of the one
    before, and the one is taken whose error estimate, of the terms left out and of rounding, is least, up to that
    error. Where the whole program is analytic, the complex step replaces them. With a reference there is no need for
    either.
    """
    found = Findings(subject, "differences")
    if subject.reference is not None:
        return found.not_run("the reference is the oracle")
    floats, dy = subject.base
    got = subject.pull(floats, dy).dx
    along, detail = _complex_step(subject, dy), "complex step"
    if along is None:
        along, detail = _central(subject, dy), "central differences, steps swept"
    probed, unsettled = False, 0
    for number, leaf in enumerate(subject.leaves):
        x = floats[number]
        if x.size <= ENTRIES:
            directions = np.eye(x.size).reshape(x.size, *x.shape)
            mine = got[number].astype(np.float64)
        else:
            probed = True
            directions = subject.random.normal(size=(PROBES, *x.shape))
            mine = np.asarray([(v * got[number]).sum() for v in directions])
        measured = np.asarray([along(number, np.asarray(v, x.dtype)) for v in directions], np.float64).reshape(-1, 2)
        want, error = measured[:, 0].reshape(mine.shape), measured[:, 1].reshape(mine.shape)
        finite = np.isfinite(want) & np.isfinite(error)
        # An entry whose differences do not settle, at a kink or a pole, shows nothing.
        unsettled += int((~finite).sum())
        along_what = f"{PROBES} random directions" if x.size > ENTRIES else "each entry"
        setting = f"wanted the derivative along {along_what}"
        found.compare(leaf.name, np.where(finite, mine, 0), np.where(finite, want, 0), error, setting)
    detail += f"; too large for a full Jacobian: probed along {PROBES} directions" if probed else ""
    outcome = found.outcome(detail + (f"; {unsettled} that do not settle left out" if unsettled else ""))
    if outcome.status == "failed" and _says_so(subject, got):
        detail = "the gradient is not the value's, and the plain forward says so by stop_gradient"
        return Outcome("differences", "noted", detail)
    return outcome


def _says_so(subject: Subject, dx: tuple) -> bool:
    """Whether the plain forward holds something constant on purpose, and autodiff of it gives the rule's gradient."""
    if subject.oracle is None:
        return False
    with subject.precision():
        closed, _ = programs.trace(subject.oracle, *subject.floats)
    holds = any(equation.primitive.name == "stop_gradient" for equation in programs.equations(closed))
    rows = zip(dx, subject.wanted(*subject.base).dx, subject.bounds.dx, strict=True)
    return holds and not any(tolerance.difference(*row).wrong.any() for row in rows)


def _central(subject: Subject, dy: tuple) -> Callable[[int, Any], tuple[float, float]]:
    function = subject.real(subject.function)

    def terms(floats: tuple) -> list[Any]:
        y, _ = function(*floats)
        half = [a.dtype.itemsize < 4 for a in y]
        wide = [a.astype(jnp.float32) if narrow else a for a, narrow in zip(y, half, strict=True)]
        return [a * jnp.asarray(b, a.dtype) for a, b in zip(wide, dy, strict=True)]

    def quotients(floats: tuple, direction: tuple, steps: Any) -> tuple[Any, Any]:
        """Return the sum of all |terms| at the floats, and the difference quotient of the terms' sum for each step."""

        def moved(step: Any) -> list[Any]:
            pairs = zip(floats, direction, strict=True)
            return terms(tuple(x + jnp.asarray(step, x.dtype) * jnp.asarray(v, x.dtype) for x, v in pairs))

        def quotient(step: Any) -> Any:
            pairs = zip(moved(step), moved(-step), strict=True)
            return sum((ahead - behind).sum().astype(float) / (2 * step) for ahead, behind in pairs)

        each = jax.lax.map(quotient, steps) if subject.compiles else jnp.stack([quotient(step) for step in steps])
        return sum(jnp.abs(term).sum().astype(float) for term in terms(floats)), each

    def along(number: int, v: np.ndarray) -> tuple[float, float]:
        x = subject.floats[number]
        unit = max(1.0, float(np.abs(x[v != 0]).max(initial=0))) / max(1.0, float(np.abs(v).max(initial=0)))
        start = -3 if subject.eps < 1e-10 else -1
        largest = [unit * 2.0**power for power in range(start, start - 18, -3)]
        steps = np.asarray([h / part for h in largest for part in (1, 2, 4)])
        direction = tuple(v if k == number else np.zeros_like(leaf) for k, leaf in enumerate(subject.floats))
        size, each = subject.run("difference quotients", quotients, tuple(subject.floats), direction, steps)
        noise = 8 * subject.eps * subject.length**0.5 * (float(size) + 1)
        best = (np.nan, np.inf)
        for h, d in zip(largest, np.asarray(each, np.float64).reshape(-1, 3), strict=True):
            coarse, fine = d[1] + (d[1] - d[0]) / 3, d[2] + (d[2] - d[1]) / 3
            error = 4 * abs(fine - coarse) + 4 * noise / h
            if np.isfinite(error) and error < best[1]:
                best = (float(fine), float(error))
        return best

    return along


def _complex_step(subject: Subject, dy: tuple) -> Callable[[int, Any], tuple[float, float]] | None:
    if not subject.compiles or subject.eps > 1e-10:
        return None
    with subject.precision():
        function = subject.oracle or subject.real(subject.function)
        closed, _ = programs.trace(lambda *floats: function(*floats)[0], *subject.floats)
        if not all(equation.primitive.name in ANALYTIC for equation in programs.equations(closed)):
            return None

    def keep_imaginary(equation: Any, values: list[Any]) -> list[Any] | None:
        """Leave out what would drop the imaginary part: a conversion to a real dtype, before or after a product."""
        name, params = equation.primitive.name, equation.params
        if name == "convert_element_type" and jnp.iscomplexobj(values[0]):
            return values
        if name == "dot_general":
            left, right = values
            return [jax.lax.dot_general(left, right, params["dimension_numbers"], params["precision"])]
        return None

    def value(floats: tuple, direction: tuple) -> Any:
        h = 2.0**-60
        moved = [jax.lax.complex(x, h * v) for x, v in zip(floats, direction, strict=True)]
        y = programs.evaluate(closed, moved, keep_imaginary)
        return [jnp.imag(a) / h * b for a, b in zip(y, dy, strict=True)]

    def along(number: int, v: np.ndarray) -> tuple[float, float]:
        direction = tuple(v if k == number else np.zeros_like(x) for k, x in enumerate(subject.floats))
        terms = subject.run("complex step", value, tuple(subject.floats), direction)
        size = sum(float(np.abs(t).sum()) for t in terms)
        return float(sum(t.sum() for t in terms)), 64 * subject.eps * subject.length**0.5 * (size + 1)

    v = np.asarray(subject.random.normal(size=subject.floats[0].shape), subject.dtype)
    try:
        derivative, error = along(0, v)
    except Exception:  # an equation that takes no complex numbers after all
        return None
    # A program may be analytic by its equations and not by what it does with them: central differences decide.
    central, uncertain = _central(subject, dy)(0, v)
    return along if abs(derivative - central) <= error + uncertain else None
