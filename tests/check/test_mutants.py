"""Mutants are wrong, each in the way that its name says, and wrong in the same way under every transformation."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import fnn
from fnn import rules
from fnn.check.mutants import Mutant, mutants
from fnn.check.mutants.measure import ROUNDING, largest_change, numbers
from fnn.check.mutants.sample import sample

NORMAL = np.random.default_rng(5).normal
X, W, B = NORMAL(size=(4, 3)), NORMAL(size=(3, 3)), NORMAL(size=3)


# What each of these rules must have; together, every kind that there is.
WHOLE = {"negated", "doubled", "scaled by 1 + 1e-3", "zeroed", "rounded to float32", "shifted by one", "NaN at zero"}
WHOLE |= {"second half of the batch zeroed", "cotangent ignored", "batch reversed", "second order cut", "forward off"}
WHOLE |= {"overflows needlessly", "underflows needlessly"}
KEPT = {"residual kept in bfloat16", "residual kept in float32"}
SUMS = {"sum left out", "mean for a sum", "largest for a sum"}
KINDS = {
    "linear": {"transposed", "product transposed", *SUMS, *KEPT},
    "multiply": {"swapped with another", "residual swapped", "term dropped", *KEPT},
    "gelu_tanh": {"function dropped", "constant off", "transposed", *KEPT},
    "softsign": {"exponent off", "function dropped"},
    "prelu": {"comparison off", "comparison turned", "branches swapped", *SUMS, *KEPT},
    "softmax_cross_entropy": {"off by one", "statistic kept in half precision", *KEPT},
    "swiglu": {"parts swapped", "term dropped", "constant off"},
    "copy": {"one output forgotten"},
    "dropout": {"option ignored"},
}
LABELS, WEIGHTS = np.array([1, 0, 2, 2]), np.array([0.5, 1.2, 0.9, 0.3])
CASES = {
    "linear": (rules.linear, (X, W, B), {}),
    "multiply": (rules.multiply, (X, X[::-1] + 0.3), {}),
    "gelu_tanh": (rules.gelu_tanh, (X,), {}),
    "softsign": (rules.softsign, (X,), {}),
    "prelu": (rules.prelu, (X, B), {}),
    "softmax_cross_entropy": (rules.softmax_cross_entropy, (X, LABELS, WEIGHTS), {"reduction": "none"}),
    "swiglu": (rules.swiglu, (X,), {"axis": 0}),
    "copy": (rules.copy, (X,), {"count": 3}),
    "dropout": (rules.dropout, (X, np.array([1, 2], np.uint32)), {"rate": 0.5}),
}


@functools.cache
def made(name: str) -> list[Mutant]:
    rule, arguments, static = CASES[name]
    return mutants(rule, *arguments, **static)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_there(name):
    assert WHOLE | KINDS[name] <= {mutant.kind for mutant in made(name)}


@pytest.mark.parametrize("name", KINDS)
def test_a_mutant_is_wrong_and_the_original_is_right(name):
    rule, arguments, static = CASES[name]
    with jax.enable_x64(True):
        at = sample(rule, arguments, static)
        plain, right = at.rule.plain, numbers(at, at.rule, at.arguments, at.dy, 1)
        want = numbers(at, plain, at.arguments, at.dy, 1)  # autodiff's: nothing of the mutants' machinery
        assert largest_change(right, want) < ROUNDING
        for mutant in made(name):
            got = numbers(at, mutant.rule, at.arguments, at.dy, 1)
            if mutant.order == 1 and mutant.where == "at the arguments":
                assert largest_change(got, want) > ROUNDING / 2, mutant.name
            else:  # wrong at ties, at other cotangents, in the second derivative, or nowhere
                assert largest_change(got, want) < ROUNDING, mutant.name
            assert (mutant.changes > 0) == (mutant.where != "nowhere")


def test_what_cancelled_sums_leave_is_no_change():
    one, nothing, left = np.array([1.0, 2.0]), np.zeros(2), np.array([0.0, 3e-17])
    assert largest_change([one, left], [one, nothing]) == 0
    assert largest_change([left], [nothing]) == largest_change([one, left], [one, nothing], values=1) == np.inf
    assert largest_change([2.0**-768 * one * [1, 1.5]], [2.0**-768 * one]) == 0.5
    assert largest_change([one, one], [one, one * [1, np.nan]]) == np.inf


def named(found: list[Mutant], name: str) -> Mutant:
    [mutant] = [mutant for mutant in found if mutant.name.startswith(name)]
    return mutant


def pulled(rule, arguments, dy, **static):
    with jax.enable_x64(True):
        y, backward = jax.vjp(lambda *given: rule(*given, **static), *map(jnp.asarray, arguments))
        return jax.device_get((y, *backward(jnp.asarray(dy))))


LINEAR = {
    "dx: negated": lambda dx, dw, db: (-dx, dw, db),
    "dw: doubled": lambda dx, dw, db: (dx, 2 * dw, db),
    "db: scaled": lambda dx, dw, db: (dx, dw, db * 1.001),
    "dw: zeroed": lambda dx, dw, db: (dx, 0 * dw, db),
    "dw: transposed": lambda dx, dw, db: (dx, dw.T, db),
    "dx: shifted by one": lambda dx, dw, db: (dx[[3, 0, 1, 2]], dw, db),
    "dx: second half": lambda dx, dw, db: (np.concatenate([dx[:2], 0 * dx[2:]]), dw, db),
}


def test_whole_cotangents():
    found, dy = mutants(rules.linear, X, W, B), NORMAL(size=(4, 3))
    right = dy @ W.T, X.T @ dy, dy.sum(0)
    for name, change in LINEAR.items():
        _, *got = pulled(named(found, name).rule, (X, W, B), dy)
        for g, w in zip(got, change(*right), strict=True):
            np.testing.assert_allclose(g, w, rtol=1e-12, atol=1e-12, err_msg=name)


def test_products_and_sums():
    found, dy = mutants(rules.linear, X, W, B), NORMAL(size=(4, 3))
    sums = {"first term": dy[0], "mean": dy.mean(0), "largest": dy.max(0)}
    for what, want in sums.items():
        [mutant] = [m for m in found if "reduce_sum#1" in m.name and what in m.name]
        np.testing.assert_allclose(pulled(mutant.rule, (X, W, B), dy)[3], want, rtol=1e-12)
    products = [m for m in found if "dot_general" in m.name]
    wrong_dx = [np.asarray(pulled(m.rule, (X, W, B), dy)[1]) for m in products]
    assert any(np.allclose(dx, dy @ W, rtol=1e-12) for dx in wrong_dx)  # W for its transpose
    wrong_dw = [np.asarray(pulled(m.rule, (X, W, B), dy)[2]) for m in products]
    assert any(np.allclose(dw, X[:1].T @ dy[:1], rtol=1e-12) for dw in wrong_dw)
    assert any(np.allclose(dw, X.T @ dy / 4, rtol=1e-12) for dw in wrong_dw)


def test_terms_residuals_and_zeros():
    x, y, dz = NORMAL(size=(3, 2, 4))
    found = mutants(rules.multiply, x, y)
    dropped = {m.name.split(": ")[1]: pulled(m.rule, (x, y), dz)[1:] for m in found if "mul#1" in m.name}
    assert any(np.array_equal(dx, dz) or np.array_equal(dy, dz) for dx, dy in dropped.values())
    _, dx, dy = pulled(named(found, "dx: swapped with dy").rule, (x, y), dz)
    np.testing.assert_allclose((dx, dy), (dz * x, dz * y), rtol=1e-12)
    _, dx, dy = pulled(named(found, "saved[0]: kept in bfloat16").rule, (x, y), dz)
    np.testing.assert_allclose((dx, dy), (dz * y, dz * np.asarray(x, jnp.bfloat16).astype(float)), rtol=1e-12)
    x[1, 2] = dz[0, 1] = 0.0
    assert np.argwhere(np.isnan(pulled(named(found, "dx: NaN").rule, (x, y), dz)[1])).tolist() == [[1, 2]]
    at_zero = named(found, "the output's cotangent: NaN").rule
    assert np.argwhere(np.isnan(pulled(at_zero, (x, y), dz)[2])).tolist() == [[0, 1]]
    for name, scale in (("overflows", 1e200), ("underflows", 1e-200)):
        detour = named(found, f"the output's cotangent: {name}").rule
        np.testing.assert_array_equal(pulled(detour, (x, y), dz)[1], dz * y)
        assert not np.allclose(pulled(detour, (x, y), dz * scale)[1] / scale, dz * y)


def test_options_and_the_forward():
    ignored = [m.name for m in mutants(rules.sum, X, axis=()) if m.kind == "option ignored"]
    assert ignored == ["option keepdims: taken for True"]  # axis's own default does not fit the shapes: it raises
    x, dy = NORMAL(size=(4, 3)), NORMAL(size=(4, 3))
    ignored = named(mutants(rules.leaky_relu, x, negative_slope=0.5), "option negative_slope")
    _, dx = pulled(ignored.rule, (x,), dy, negative_slope=0.5)
    np.testing.assert_allclose(dx, dy * np.where(x > 0, 1, 0.01), rtol=1e-12)
    off = named(mutants(rules.tanh, x), "the output: scaled").rule
    y, dx = pulled(off, (x,), dy)
    np.testing.assert_allclose(y, np.tanh(x) * 1.001, rtol=1e-12)
    np.testing.assert_allclose(dx, dy * (1 - np.tanh(x) ** 2), rtol=1e-9)
    with jax.enable_x64(True):
        np.testing.assert_allclose(off.plain(x), y)  # which is why mutants are checked against the original's


def test_a_second_order_mutant_is_right_at_first_order():
    found = [m for m in mutants(rules.tanh, X) if m.kind == "second order cut"]
    assert {m.order for m in found} == {2} and all(m.where.startswith("the second derivative") for m in found)
    cut = named(found, "saved").rule
    np.testing.assert_array_equal(pulled(cut, (X,), X)[1], pulled(rules.tanh, (X,), X)[1])
    assert jax.grad(jax.grad(cut))(0.5) == 0 != jax.grad(jax.grad(rules.tanh))(0.5)


def test_a_comparison_that_matters_at_ties_alone():
    found = mutants(rules.hard_tanh, X, low=-0.4, high=1.9)
    assert [m.where for m in found if m.kind == "comparison off"] == ["at ties of -0.4", "at ties of 1.9"]
    idle = named(mutants(rules.relu, X), "saved: kept in float32")
    assert (idle.changes, idle.where) == (0.0, "nowhere")  # rounding moves no sign


@pytest.mark.parametrize("name", ["linear", "gelu_tanh"])
def test_the_same_mistake_under_every_transformation(name):
    x, *rest = (jnp.asarray(leaf, jnp.float32) for leaf in CASES[name][1])
    chosen = {m.kind: m for m in made(name) if m.order == 1 and "NaN" not in m.kind}.values()

    def pull(rule, x):
        y, backward = jax.vjp(rule, x, *rest)
        return y, backward(jnp.ones_like(y) + y)

    xs = jnp.stack([x, 2 * x])

    def transformed(xs):
        for mutant in chosen:
            each = functools.partial(pull, mutant.rule)
            yield lax.map(each, xs), jax.vmap(each)(xs), jax.tree.map(lambda *r: jnp.stack(r), each(xs[0]), each(xs[1]))

    for mutant, (scanned, mapped, alone) in zip(chosen, jax.jit(lambda xs: list(transformed(xs)))(xs), strict=True):
        for got in (scanned, mapped):
            for g, w in zip(jax.tree.leaves(got), jax.tree.leaves(alone), strict=True):
                scale = 1 + float(jnp.abs(w).max())
                np.testing.assert_allclose(g, w, rtol=1e-5, atol=1e-5 * scale, err_msg=mutant.name)
    narrow = [jnp.asarray(leaf, jnp.bfloat16) for leaf in (x, *rest)]
    for mutant in chosen:
        y, backward = jax.vjp(mutant.rule, *narrow)
        assert {leaf.dtype for leaf in backward(y)} == {jnp.dtype(jnp.bfloat16)}, mutant.name


def running_sum():
    """Return a rule whose backward holds a scan, and calls one jitted function twice."""
    half = jax.jit(lambda x: x * 0.5)

    @fnn.rule
    def running(x, *, scale: float = 2.0):
        return scale * jnp.cumsum(x), ()

    @running.backward
    def running_backward(saved, dy, *, scale):
        after = lax.scan(lambda total, d: (total + d,) * 2, jnp.zeros_like(dy[0]), dy, reverse=True)[1]
        return scale * (half(after) + half(after))

    return running


def test_programs_within_programs():
    x, dy = NORMAL(size=5), NORMAL(size=5)
    found = mutants(running_sum(), x)
    right = 2 * np.cumsum(dy[::-1])[::-1]
    np.testing.assert_allclose(pulled(running_sum(), (x,), dy)[1], right, rtol=1e-12)
    in_scan = [m for m in found if m.name.startswith("backward add#1")]
    kept = {m.name.split(": ")[1]: pulled(m.rule, (x,), dy)[1] for m in in_scan}
    np.testing.assert_allclose(kept["second operand dropped"], 0 * dy)  # the total alone
    np.testing.assert_allclose(kept["first operand dropped"], 2 * dy, rtol=1e-12)  # the new term alone
    halves = [m for m in found if m.kind == "constant off" and "0.5" in m.name]
    assert len(halves) == 2  # one program, two calls: each is wrong alone
    for mutant in halves:
        np.testing.assert_allclose(pulled(mutant.rule, (x,), dy)[1], right * 1.005, rtol=1e-12)
    assert all("test_mutants.py" in m.name for m in (*in_scan, *halves))


def test_what_cannot_be_mutated():
    with pytest.raises(TypeError, match="is no fnn rule"):
        mutants(jnp.tanh, X)  # pyright: ignore[reportArgumentType]

    @fnn.rule
    def unfinished(x):
        return x, ()

    with pytest.raises(TypeError, match="unfinished has no backward yet"):
        mutants(unfinished, X)


def test_arguments_are_drawn():
    found = mutants(rules.tanh)
    assert {m.name for m in found} >= {"dx: negated", "dx: zeroed"} and all(m.rule.name == "tanh" for m in found)
