"""The lifter: what every algorithm gets from it, and the errors by which it names what does not fit."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import optim


class Layer(NamedTuple):
    w: Any
    b: Any


PARAMS = (Layer(np.ones((3, 2), np.float32), None), Layer(np.ones((2, 4), np.float32), np.ones(4, np.float32)))


def changed(**leaves):
    return (PARAMS[0], PARAMS[1]._replace(**leaves))


WRONG = {
    "missing": (changed(b=None), TypeError, "lack the leaf 1/b"),
    "extra": ((PARAMS[0]._replace(b=np.ones(2, np.float32)), PARAMS[1]), TypeError, "a leaf 0/b, which"),
    "shape": (changed(w=np.ones((4, 2), np.float32)), ValueError, r"1/w has shape \(4, 2\); .* \(2, 4\)"),
    "dtype": (changed(w=jnp.ones((2, 4), jnp.bfloat16)), TypeError, "1/w has dtype bfloat16; .* float32"),
    "containers": (list(PARAMS), TypeError, "wanted the parameters' tree"),
}

WRAPPED = {
    "alone": lambda optimizer: optimizer,
    "by_leaf": lambda optimizer: optim.by_leaf(lambda path, leaf: optimizer),
    "coupled_weight_decay": lambda optimizer: optim.coupled_weight_decay(optimizer, 0.1),
    "accumulate": lambda optimizer: optim.accumulate(optimizer, 2),
    "average": optim.average,
    "clip_by_global_norm": lambda optimizer: optim.clip_by_global_norm(optimizer, 1.0),
    "clip_by_norm": lambda optimizer: optim.clip_by_norm(optimizer, 1.0),
    "clip_by_value": lambda optimizer: optim.clip_by_value(optimizer, 1.0),
    "mixed_precision": lambda optimizer: optim.mixed_precision(optimizer, jnp.float32),
    "freeze": lambda optimizer: optim.freeze(optimizer, lambda path, leaf: False),
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED.keys())
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_a_gradient_tree_that_does_not_match_is_named(wrong, wrap):
    grads, error, message = wrong
    optimizer = wrap(optim.sgd(0.1))
    state = optimizer.init(PARAMS)
    with pytest.raises(error, match=message):
        jax.eval_shape(optimizer.update, state, grads)
    jax.eval_shape(optimizer.update, state, PARAMS)


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


@pytest.mark.parametrize("dtype", [np.int32, np.bool_, np.complex64])
def test_parameters_that_are_no_real_numbers_are_named(dtype):
    with pytest.raises(TypeError, match=f"parameter count has dtype {np.dtype(dtype)}"):
        optim.sgd().init({"count": np.ones(2, dtype)})


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


def test_python_numbers_become_arrays_that_do_not_retrace():
    optimizer = optim.sgd(0.1)
    state = optimizer.init({"w": 1.0})
    assert not state.params["w"].weak_type
    assert jax.eval_shape(lambda s: optimizer.update(s, s.params)[0], state) == jax.eval_shape(lambda s: s, state)


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
