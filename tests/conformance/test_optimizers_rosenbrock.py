"""Every algorithm reaches the optimum of Rosenbrock's function, along its banana valley."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from optimizers_table import ALGORITHMS

from fnn import optim

STEPS = 20_000
START = np.array([[0.1, 0.5, -0.2], [0.1, -0.3, 0.4]], np.float32)  # three pairs of x and y


def valley(w):
    """(1 - x)^2 + 100 (y - x^2)^2, summed over pairs; the only stationary point is x = y = 1."""
    x, y = w
    return jnp.sum((1 - x) ** 2 + 100 * (y - x * x) ** 2)


@functools.partial(jax.jit, static_argnums=0)
def descend(optimizer):
    def step(state, _):
        return optimizer.update(state, jax.grad(valley)(optimizer.params(state)))[0], None

    return optim.solution(optimizer, jax.lax.scan(step, optimizer.init(START), None, STEPS)[0])


@pytest.mark.parametrize("row", ALGORITHMS.values(), ids=ALGORITHMS.keys())
def test_it_reaches_it(row):
    reached = descend(row.make(learning_rate=optim.cosine(row.valley, STEPS), weight_decay=0.0))
    np.testing.assert_allclose(reached, np.ones_like(START), atol=2e-3)
