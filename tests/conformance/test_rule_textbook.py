"""Every property of every rule: the table of `rules_table.py` times the laws of contract 1 and 5 of the design.

A case is compiled once in float64, with everything that is asked of it in one program (`study`), and once in the
narrow dtypes (`narrow`); the tests read the results. The oracles are the NumPy reference, its central differences,
and JAX's differentiation of the plain forward, in this order of trust.
"""

import functools
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import generator
from differences import contracted, gradient
from rules_table import CASES, RICHEST, assert_close, float_leaves, in_dtype, leaf_names, of_floats

import fnn
from fnn import rules
from fnn.rule import Rule

NARROW = (jnp.float32, jnp.bfloat16, jnp.float16)
every_case = pytest.mark.parametrize("name", CASES)
richest_case = pytest.mark.parametrize("name", RICHEST)


def pull(function, floats, dy):
    """Return the output and the cotangents of all float leaves."""
    y, backward = jax.vjp(function, *floats)
    return y, backward(dy)


def dot(left, right):
    """Σ of the products of all leaves."""
    return sum(jnp.vdot(a, b) for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True))


def second(function, floats, dy, direction):
    """Reverse over reverse: the gradient of <direction, cotangents> by the arguments and by dy."""
    return jax.grad(lambda floats, dy: dot(pull(function, floats, dy)[1], direction), (0, 1))(floats, dy)


def random_like(name: str, tree: Any) -> Any:
    draw = generator(name)
    return jax.tree.map(lambda leaf: np.asarray(draw.normal(size=leaf.shape)), tree)


def changed(floats, k):
    """Return the arguments with array k alone changed: by a factor that keeps it in its domain."""
    return [*floats[:k], floats[k] * 1.01, *floats[k + 1 :]]


def stack(rows):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *rows)


@functools.cache
def study(name: str) -> dict[str, Any]:
    """Everything that is asked of one case, in float64 and in one compiled program, run twice.

    The rows of a scan over a checkpointed rule serve as the loop: the arguments with each array changed in turn, and
    the arguments themselves with the cotangents 0, dy2 and dy + 3 dy2.
    """
    case = CASES[name]
    rule, plain = of_floats(case, case.rule), of_floats(case, case.rule.plain)

    def program(floats, dy, dy2, direction):
        zero, both = jax.tree.map(jnp.zeros_like, dy), jax.tree.map(lambda a, b: a + 3 * b, dy, dy2)
        rows = [(floats, dy), (floats, zero), (floats, dy2), (floats, both)]
        rows += [(changed(floats, k), dy) for k in range(len(floats))]
        with fnn.autodiff():
            tangent = jax.jvp(rule, floats, direction)[1]
        return {
            "rule": pull(rule, floats, dy),
            "plain": pull(plain, floats, dy),
            "second": second(rule, floats, dy, direction),
            "second of the plain": second(plain, floats, dy, direction),
            "tangent": dot(dy, tangent),
            "scan": jax.lax.scan(lambda _, row: (None, pull(jax.checkpoint(rule), *row)), None, stack(rows))[1],
            "vmap": [one_axis(rule, floats, dy, k) for k in range(len(floats))],
        }

    with jax.enable_x64(True):
        floats = float_leaves(case)
        y = jax.eval_shape(rule, *floats)
        dy, dy2 = random_like("dy " + name, y), random_like("dy2 " + name, y)
        direction = random_like("direction " + name, floats)
        # Unoptimised code compiles in two thirds of the time; the narrow dtypes run what users run.
        compiled = jax.jit(program, compiler_options={"xla_backend_optimization_level": 0})
        first, again = (compiled(floats, dy, dy2, direction) for _ in range(2))
        return jax.device_get(first | {"again": again, "dy": dy, "direction": direction})


def one_axis(rule, floats, dy, k):
    """Pull dy back through the rule mapped over array k alone: (itself, itself changed)."""
    axes = [0 if number == k else None for number in range(len(floats))]
    arguments = [*floats[:k], stack([floats[k], changed(floats, k)[k]]), *floats[k + 1 :]]
    return jax.vmap(lambda *arguments: pull(rule, arguments, dy), axes)(*arguments)


def row_of(results, number: int):
    return jax.tree.map(lambda leaf: leaf[number], results)


@functools.cache
def narrow(name: str) -> dict[Any, tuple]:
    """The output and the cotangents of one case in each narrow dtype, in one compiled program, with its inputs."""
    case = CASES[name]
    call = of_floats(case, case.rule)
    inputs = {}
    for dtype in NARROW:
        floats = in_dtype(float_leaves(case), dtype)
        y = jax.eval_shape(call, *floats)
        inputs[dtype] = (floats, jax.tree.map(lambda dy, out: np.asarray(dy, out.dtype), random_like(name, y), y))
    got = jax.jit(lambda given: [pull(call, *pair) for pair in given])(list(inputs.values()))
    return {dtype: (*inputs[dtype], *result) for dtype, result in zip(NARROW, got, strict=True)}


def test_the_table_holds_every_public_rule_and_every_option():
    public = {name: rule for name, rule in vars(rules).items() if isinstance(rule, Rule)}
    assert {case.rule.name for case in CASES.values()} == set(public)
    for name, rule in public.items():
        mine = [case for case in CASES.values() if case.rule is rule]
        assert {key for case in mine for key in case.static} == set(rule.static_names), name
        rows = [dict(zip(rule.argument_names, case.arguments, strict=False)) for case in mine]
        assert {key for row in rows for key, value in row.items() if value is not None} == set(rule.argument_names)


@every_case
def test_forward_is_the_reference(name):
    case = CASES[name]
    assert_close(study(name)["rule"][0], case.reference(*case.arguments, **case.static), np.float64, case.length, name)


@every_case
def test_backward_is_the_central_difference_of_the_reference(name):
    case, results = CASES[name], study(name)
    function = contracted(of_floats(case, case.surrogate or case.reference), jax.tree.leaves(results["dy"]))
    wanted = gradient(function, float_leaves(case))
    for leaf, got, (want, error) in zip(leaf_names(case), results["rule"][1], wanted, strict=True):
        wrong = np.abs(got - want) > error
        assert not wrong.any(), f"{name}: cotangent of {leaf}\n{got}\nwanted\n{want}\nwithin\n{error}"


@every_case
def test_backward_is_autodiff_of_the_plain_forward(name):
    case, results = CASES[name], study(name)
    if case.surrogate is None:
        for leaf, got, want in zip(leaf_names(case), results["rule"][1], results["plain"][1], strict=True):
            assert_close(got, want, np.float64, case.length, f"{name}: cotangent of {leaf}")
        got, want = results["second"], results["second of the plain"]
        assert_close(got, want, np.float64, case.length, f"{name}: reverse over reverse", c=128)


@every_case
def test_forward_mode_is_the_adjoint(name):
    case, results = CASES[name], study(name)
    if case.surrogate is None:
        want = sum(np.vdot(a, b) for a, b in zip(results["rule"][1], results["direction"], strict=True))
        assert_close(results["tangent"], want, np.float64, case.length, f"{name}: <dy, jvp> and <vjp, t>", c=64)


@every_case
def test_backward_is_linear_and_repeatable(name):
    case, results = CASES[name], study(name)
    _, zero, other, both = (row_of(results["scan"], number)[1] for number in range(4))
    for leaf in zero:
        np.testing.assert_array_equal(leaf, 0)
    want = jax.tree.map(lambda a, b: a + 3 * b, results["rule"][1], other)
    assert_close(both, want, np.float64, case.length, f"{name}: dy + 3 dy2", c=64)
    for key, again in results["again"].items():
        chex.assert_trees_all_equal(results[key], again)


@every_case
def test_transformations_change_nothing(name):
    case, results = CASES[name], study(name)
    alone = row_of(results["scan"], 0)
    assert_close(alone, results["rule"], np.float64, case.length, f"{name}: in a scan, checkpointed", c=64)
    for number, leaf in enumerate(leaf_names(case)):
        loop = jax.tree.map(lambda *rows: np.stack(rows), *[alone, row_of(results["scan"], 4 + number)])
        assert_close(results["vmap"][number], loop, np.float64, case.length, f"{name}: vmap over {leaf}", c=64)


@richest_case
def test_eager_is_compiled(name):
    case, results = CASES[name], study(name)
    with jax.enable_x64(True):
        got = pull(of_floats(case, case.rule), float_leaves(case), jax.tree.map(jnp.asarray, results["dy"]))
    assert_close(got, results["rule"], np.float64, case.length, f"{name}: eager", c=64)


@richest_case
def test_narrow_dtypes(name):
    case = CASES[name]
    in_float64 = jax.jit(functools.partial(pull, of_floats(case, case.rule)))
    for dtype, (floats, dy, y, cotangents) in narrow(name).items():
        rounded, dy = [np.asarray(leaf, np.float64) for leaf in floats], jax.tree.map(np.float64, dy)
        eps_dtype = jax.tree.leaves(y)[0].dtype
        assert eps_dtype == dtype or (eps_dtype == jnp.float32 and jnp.finfo(dtype).bits == 16), eps_dtype
        assert_close(y, of_floats(case, case.reference)(*rounded), eps_dtype, case.length, f"{name}: {dtype.__name__}")
        assert [leaf.dtype for leaf in cotangents] == [leaf.dtype for leaf in floats]
        with jax.enable_x64(True):
            want = in_float64(rounded, dy)[1]
        for leaf, got, wanted in zip(leaf_names(case), cotangents, want, strict=True):
            assert_close(got, wanted, dtype, case.length, f"{name}: {dtype.__name__} cotangent of {leaf}")
