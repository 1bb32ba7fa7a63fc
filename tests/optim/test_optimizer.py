"""The lifter: what every algorithm gets from it, and the errors by which it names what does not fit."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import optim


def test_a_single_array_is_a_tree():
    optimizer = optim.sgd(0.5)
    state, w = optimizer.update(optimizer.init(np.ones(2, np.float32)), np.ones(2, np.float32))
    np.testing.assert_array_equal(w, [0.5, 0.5])
    with pytest.raises(ValueError, match=r"leaf \(root\) has shape"):
        optimizer.update(state, np.ones(3, np.float32))


def test_a_tree_without_leaves_is_none_to_learn():
    optimizer = optim.adam()
    state, params = optimizer.update(optimizer.init(((), None)), ((), None))
    assert params == ((), None) and state.step == 1


class Broken(NamedTuple):
    step: Any
    params: Any
    m: Any


@pytest.mark.parametrize(
    ("leaf", "message"),
    [
        (lambda c, g, w, m: (w, m[0]), r"Broken: the update of leaf w changes m from float32\[3\] to float32\[\]"),
        (lambda c, g, w, m: (w, (m, m)), "Broken: the update of leaf w changes m"),
        (lambda c, g, w, m: (w, m.astype(jnp.bfloat16)), "changes m from .* to bfloat16"),
        (lambda c, g, w, m: (w.sum(), m), r"changes params from float32\[3\] to float32\[\]"),
    ],
)
def test_an_update_that_changes_its_own_state_is_named(leaf, message):
    optimizer = optim.leafwise(Broken, leaf, lambda step: (), learning_rate=0.1)
    with pytest.raises(TypeError, match=message):
        optimizer.update(optimizer.init({"w": jnp.ones(3)}), {"w": jnp.ones(3)})


def test_narrow_leaves_are_computed_and_remembered_in_float32():
    """A second moment in bfloat16 cannot decay by 0.999: 0.999 v rounds to v."""
    w, g = jnp.ones(3, jnp.bfloat16), jnp.full(3, 0.1, jnp.bfloat16)
    narrow, wide = optim.adam(1e-2), optim.adam(1e-2)
    state, at = narrow.update(narrow.init(w), g)
    _, exact = wide.update(wide.init(w.astype(jnp.float32)), g.astype(jnp.float32))
    assert state.v.dtype == jnp.float32
    np.testing.assert_array_equal(at, exact.astype(jnp.bfloat16))


def test_a_users_own_optimizer_of_three_functions_has_a_solution():
    def update(state, grads):
        return state - grads, state - grads

    own = optim.Optimizer(lambda params: params, update, lambda state: state)
    clipped = optim.clip_by_value(own, 1.0)
    state, params = clipped.update(clipped.init(jnp.float32(3.0)), jnp.float32(7.0))
    assert optim.solution(clipped, state) == params == 2.0


def test_init_under_jit_shares_no_buffer_either():
    w = jnp.ones(1000)
    state = jax.jit(optim.adam().init)(w)
    assert state.params.unsafe_buffer_pointer() != w.unsafe_buffer_pointer()


def test_learning_rates_can_be_swept_by_vmap():
    def last(rate):
        optimizer = optim.momentum(rate)
        state = optimizer.init(jnp.ones(2))
        return optimizer.update(state, optimizer.params(state))[1]

    np.testing.assert_allclose(jax.vmap(last)(jnp.array([0.0, 0.5])), [[1.0, 1.0], [0.5, 0.5]])
