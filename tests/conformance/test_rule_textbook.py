"""Every rule's value is the textbook formula in NumPy, and its cotangents are the formula's central differences.

These two oracles know no JAX; the other files of this folder ask the checker.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from cases import generator
from differences import contracted, gradient
from rules_table import CASES, assert_close, every_case, float_leaves, leaf_names, of_floats, richest_case

from fnn import rules
from fnn.rule import Rule


def test_the_table_holds_every_public_rule_and_every_option():
    public = {name: rule for name, rule in vars(rules).items() if isinstance(rule, Rule)}
    assert {case.rule.name for case in CASES.values()} == set(public)
    for name, rule in public.items():
        mine = [case for case in CASES.values() if case.rule is rule]
        assert {key for case in mine for key in case.static} == set(rule.static_names), name
        rows = [dict(zip(rule.argument_names, case.arguments, strict=False)) for case in mine]
        assert {key for row in rows for key, value in row.items() if value is not None} == set(rule.argument_names)


@functools.lru_cache(4)
def run(name: str) -> tuple[Any, list[np.ndarray], list[np.ndarray]]:
    """Return the outputs in float64, random cotangents of those that are floats, and the arguments' cotangents."""
    case = CASES[name]
    function, floats = of_floats(case, case.rule), float_leaves(case)

    def differentiated(*floats):
        y = function(*floats)
        return [leaf for leaf in jax.tree.leaves(y) if jnp.issubdtype(leaf.dtype, jnp.floating)], y

    def program(floats, dy):
        _, backward, y = jax.vjp(differentiated, *floats, has_aux=True)
        return y, backward(dy)

    with jax.enable_x64(True):
        draw = generator("cotangent " + name)
        dy = [draw.normal(size=leaf.shape) for leaf in jax.eval_shape(differentiated, *floats)[0]]
        compiled = jax.jit(program)
        y, dx = jax.device_get(compiled(floats, dy))
    return y, dy, dx


@every_case
def test_forward_is_the_reference(name):
    case = CASES[name]
    assert_close(run(name)[0], case.reference(*case.arguments, **case.static), np.float64, case.length, name)


@every_case
def test_backward_is_the_central_difference_of_the_reference(name):
    case, (_, dy, dx) = CASES[name], run(name)
    function = contracted(of_floats(case, case.surrogate or case.reference), dy)
    rows = zip(leaf_names(case), dx, gradient(function, float_leaves(case)), strict=True)
    for leaf, got, (want, error) in rows:
        wrong = np.abs(got - want) > error
        assert not wrong.any(), f"{name}: cotangent of {leaf}\n{got}\nwanted\n{want}\nwithin\n{error}"


@richest_case
def test_narrow_dtypes_are_the_reference(name):
    case = CASES[name]
    for dtype in (jnp.float32, jnp.bfloat16, jnp.float16):
        floats = [np.asarray(leaf, dtype) for leaf in float_leaves(case)]
        y = jax.jit(of_floats(case, case.rule))(*floats)
        eps_dtype = jax.tree.leaves(y)[0].dtype
        assert eps_dtype == dtype or (eps_dtype == jnp.float32 and jnp.finfo(dtype).bits == 16), eps_dtype
        wide = [np.asarray(leaf, np.float64) for leaf in floats]
        want = of_floats(case, case.reference)(*wide)
        assert_close(y, want, eps_dtype, case.length, f"{name}: {jnp.dtype(dtype).name}")
