"""Every algorithm, and every wrapper round one, reaches the known optimum of a quadratic."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from optimizers_table import ALGORITHMS, WRAPPERS

from fnn import optim

STEPS = 1500
TARGET = {
    "w": np.array([[0.7, -0.3, 0.2], [-0.5, 1.1, 0.4]], np.float32),
    "b": np.array([[0.5, -1.0, 2.0]], np.float32),
}
START = {name: np.full_like(target, 0.1) for name, target in TARGET.items()}
# Curvatures from 0.5 to 2. All leaves have two axes: muon leaves the others to another algorithm.
CURVATURE = {name: np.linspace(0.5, 2, t.size, dtype=np.float32).reshape(t.shape) for name, t in TARGET.items()}


def bowl(params):
    """The sum of c/2 (w - target)^2."""
    terms = jax.tree.map(lambda c, w, t: jnp.sum(0.5 * c * (w.astype(t.dtype) - t) ** 2), CURVATURE, params, TARGET)
    return sum(jax.tree.leaves(terms))


@functools.partial(jax.jit, static_argnums=0)
def descend(optimizer):
    def step(state, _):
        return optimizer.update(state, jax.grad(bowl)(optimizer.params(state)))[0], None

    return optim.solution(optimizer, jax.lax.scan(step, optimizer.init(START), None, STEPS)[0])


@pytest.mark.parametrize("row", ALGORITHMS.values(), ids=ALGORITHMS.keys())
def test_an_algorithm_reaches_it(row):
    reached = descend(row.make(learning_rate=optim.cosine(row.bowl, STEPS), weight_decay=0.0))
    chex.assert_trees_all_close(reached, TARGET, atol=2e-3)


@pytest.mark.parametrize("row", WRAPPERS.values(), ids=WRAPPERS.keys())
def test_a_wrapper_reaches_its_own(row):
    reached = descend(row.wrap(optim.momentum(optim.cosine(0.1, STEPS))))
    for name, at in reached.items():
        want = row.optimum(name, TARGET[name], CURVATURE[name], START[name])
        np.testing.assert_allclose(np.asarray(at, np.float32), want, atol=2e-3)
