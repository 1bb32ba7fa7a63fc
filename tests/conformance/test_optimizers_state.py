"""Structure, shapes and dtypes of every optimizer's state and parameters stay, through update, scan and cond."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from optimizers_table import OPTIMIZERS, WRAPPERS, random_tree

from fnn import optim

optimizers = pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32, jnp.float64], ids=lambda d: d.__name__)
@optimizers
def test_they_are_stable(make, dtype):
    with jax.enable_x64(dtype == jnp.float64):
        optimizer = make()
        params = jax.tree.map(lambda p: p.astype(dtype), random_tree(0))
        state = jax.eval_shape(optimizer.init, params)
        held = jax.eval_shape(optimizer.params, state)

        def program(state, grads):
            state = jax.lax.cond(True, lambda s: optimizer.update(s, grads)[0], lambda s: s, state)
            state, at = jax.lax.scan(lambda s, _: optimizer.update(s, grads), state, None, length=2)
            return state, jax.tree.map(lambda a: a[-1], at), optimizer.params(state), optim.solution(optimizer, state)

        after, *trees = jax.eval_shape(program, state, held)
        chex.assert_trees_all_equal_shapes_and_dtypes(after, state)
        for tree in trees:
            chex.assert_trees_all_equal_shapes_and_dtypes(tree, held)
        narrowed = make is OPTIMIZERS["mixed_precision"]
        assert {leaf.dtype for leaf in jax.tree.leaves(held)} == {jnp.dtype(jnp.float16 if narrowed else dtype)}


@optimizers
def test_python_numbers_become_arrays_whose_dtype_is_their_own(make):
    optimizer = make()
    state = optimizer.init({"w": 1.0, "b": np.float32(2.0)})
    assert not any(leaf.weak_type for leaf in jax.tree.leaves(state))
    after = jax.eval_shape(lambda s: optimizer.update(s, optimizer.params(s))[0], state)
    assert after == jax.eval_shape(lambda s: s, state)


@optimizers
def test_init_copies_and_shares_no_buffer(make):
    """A state may be donated: no two of its leaves, and none and what the caller holds, are one buffer."""
    optimizer, params = make(), random_tree(0)
    state = optimizer.init(params)
    state, at = optimizer.update(state, jax.tree.map(jnp.copy, optimizer.params(state)))
    buffers = [leaf.unsafe_buffer_pointer() for leaf in jax.tree.leaves((params, state, at))]
    assert len(buffers) == len(set(buffers))


@pytest.mark.parametrize("name", sorted(WRAPPERS.keys() - {"fan_in_scaled"}))  # which makes its own algorithm
def test_a_wrapper_hands_on_the_solution_of_what_it_goes_round(name):
    optimizer = OPTIMIZERS[name]()
    state = optimizer.init(random_tree(0))
    for _ in range(4):
        state, _ = optimizer.update(state, jax.tree.map(jnp.ones_like, optimizer.params(state)))
    assert np.any(optim.solution(optimizer, state)["first"]["w"] != optimizer.params(state)["first"]["w"])
