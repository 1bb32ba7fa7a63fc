"""The first five steps of every algorithm are those of its paper, in float64 and float32, up and down."""

import functools
import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from optimizers_table import ALGORITHMS, random_tree

from fnn import optim

STEPS, RATE = 5, 0.05
OPERATIONS = 20  # of a step, each of which rounds once
algorithms = pytest.mark.parametrize("name", ALGORITHMS)


@functools.partial(jax.jit, static_argnums=0)
def walk(make, params, grads, decay):
    """Return the parameters and the solution after each of the steps."""
    optimizer = make(weight_decay=decay)

    def step(state, g):
        state, at = optimizer.update(state, g)
        return state, (at, optim.solution(optimizer, state))

    return jax.lax.scan(step, optimizer.init(params), grads)[1]


def gradients(dtype):
    return jax.tree.map(lambda *gs: jnp.stack(gs), *(random_tree(100 + step, dtype) for step in range(STEPS)))


def assert_first_steps(name, dtype, walked, decay):
    row = ALGORITHMS[name]
    tolerance = OPERATIONS * STEPS * row.amplification * float(np.finfo(dtype).eps)
    leaves = zip(*map(jax.tree.leaves, (random_tree(0, dtype), gradients(dtype), *walked)), strict=True)
    for w, gs, at, solution in leaves:
        w, gs = np.asarray(w, np.float64), list(np.asarray(gs, np.float64))
        for step in range(STEPS):
            want = row.oracle(w, gs[: step + 1], RATE, decay)
            y, x = want if isinstance(want, tuple) else (want, want)
            np.testing.assert_allclose(at[step], y, rtol=tolerance, atol=tolerance, err_msg=f"step {step + 1}")
            np.testing.assert_allclose(solution[step], x, rtol=tolerance, atol=tolerance, err_msg=f"step {step + 1}")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@algorithms
def test_they_are_those_of_the_paper(name, dtype):
    make = functools.partial(ALGORITHMS[name].make, learning_rate=RATE)
    with jax.enable_x64(dtype == np.float64):
        for decay in (0.0, 0.1):
            walked = walk(make, random_tree(0, dtype), gradients(dtype), jnp.asarray(decay, dtype))
            assert_first_steps(name, dtype, walked, decay)


@algorithms
def test_they_are_the_same_up_the_negative_and_when_every_number_is_a_schedule(name):
    """Every parameter annotated Hyper takes a schedule, and a constant one is the number."""
    make = ALGORITHMS[name].make
    parameters = inspect.signature(make).parameters
    hypers = {key: p.default for key, p in parameters.items() if p.annotation == optim.Hyper} | {"learning_rate": RATE}
    schedules: dict[str, Any] = {key: optim.constant(value) for key, value in hypers.items()}

    def climber(weight_decay):
        return make(**schedules | {"weight_decay": lambda step: weight_decay, "maximize": True})

    with jax.enable_x64(True):
        negative = jax.tree.map(jnp.negative, gradients(np.float64))
        walked = walk(climber, random_tree(0, np.float64), negative, jnp.asarray(0.1))
        assert_first_steps(name, np.float64, walked, 0.1)
