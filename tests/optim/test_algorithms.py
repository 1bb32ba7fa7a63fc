"""What is peculiar to one algorithm; what all have in common is proved in tests/conformance/test_optimizers_*.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import optim


def test_the_worked_update_of_the_lectures():
    """w5+ = 0.4 - 0.5 * 0.082167041 = 0.35891648."""
    optimizer = optim.sgd(0.5)
    _, w5 = optimizer.update(optimizer.init({"w5": jnp.float32(0.4)}), {"w5": jnp.float32(0.082167041)})
    np.testing.assert_allclose(w5["w5"], 0.35891648, rtol=2 * float(np.finfo(np.float32).eps))


def test_nesterov_follows_a_momentum_schedule_exactly():
    """The stored point is W + mu V with the momentum of the step to come, also while mu changes."""
    mu, eta = optim.momentum_switch(3), 0.1
    optimizer = optim.nesterov(eta, mu)
    state, W, V = optimizer.init(2.0), 2.0, 0.0
    for step in range(6):
        looking_from = W + float(mu(step)) * V
        np.testing.assert_allclose(optimizer.params(state), looking_from, rtol=1e-6)
        V = float(mu(step)) * V - eta * looking_from  # the gradient of w^2 / 2
        W = W + V
        state, _ = optimizer.update(state, optimizer.params(state))


def test_schedule_free_weighs_by_the_squared_rate():
    """With a rate that starts at zero the average still begins at the first iterate that moves."""
    optimizer = optim.schedule_free_adamw(optim.piecewise((1, 2), (0.0, 0.1, 0.2)), beta2=0.0, eps=0.0)
    state = optimizer.init(1.0)
    for _ in range(3):
        state, _ = optimizer.update(state, 1.0)
    z1, z2 = 1 - 0.1, 1 - 0.3
    np.testing.assert_allclose(optim.solution(optimizer, state), (0.01 * z1 + 0.04 * z2) / 0.05, rtol=1e-6)


@pytest.mark.parametrize("name", ["lars", "lamb"])
def test_a_weight_at_zero_can_leave_it(name):
    optimizer = getattr(optim, name)(0.1)
    _, at = optimizer.update(optimizer.init(jnp.zeros(3)), jnp.ones(3))
    assert np.all(at < 0)
    _, at = optimizer.update(optimizer.init(jnp.ones(3)), jnp.zeros(3))
    assert np.all(np.isfinite(at))


def test_adafactor_keeps_a_row_and_a_column_of_a_matrix():
    state = optim.adafactor().init({"w": jnp.ones((7, 5, 3)), "b": jnp.ones(3)})
    shapes = jax.tree.map(jnp.shape, {"R": state.R, "C": state.C, "V": state.V})
    assert shapes == {"R": {"w": (7, 5, 1), "b": None}, "C": {"w": (7, 1, 3), "b": None}, "V": {"w": None, "b": (3,)}}


def test_adafactor_has_a_least_rate_for_small_weights():
    """The rate is relative to the weights' size, and to 1e-3 when that is smaller."""
    for size in (1e-3, 1e-5, 0.0):
        w = jnp.full(4, size)
        _, at = optim.adafactor(0.5).update(optim.adafactor(0.5).init(w), jnp.ones(4))
        np.testing.assert_allclose(w - at, np.full(4, 1e-3 * 0.5), rtol=1e-4)
    _, at = optim.adafactor(0.5).update(optim.adafactor(0.5).init(jnp.full(4, 2.0)), jnp.ones(4))
    np.testing.assert_allclose(2 - at, np.full(4, 2 * 0.5), rtol=1e-5)


def test_muon_takes_matrices_and_leaves_the_rest_to_another():
    optimizer = optim.muon(0.02, otherwise=optim.sgd(0.5))
    kernel = {"conv": jnp.ones((3, 3, 4, 8)), "b": jnp.ones(8)}
    state, at = optimizer.update(optimizer.init(kernel), kernel)
    assert [type(part).__name__ for part in state.states] == ["Sgd", "Muon"]
    np.testing.assert_array_equal(at["b"], np.full(8, 0.5, np.float32))


def test_orthogonalise_brings_singular_values_near_one(getkey):
    for shape in ((6, 9), (9, 6), (5, 5)):
        s = np.linalg.svd(np.asarray(optim.orthogonalise(jax.random.normal(getkey(), shape))), compute_uv=False)
        assert np.all((s > 0.6) & (s < 1.3))
