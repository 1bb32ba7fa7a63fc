"""Every optimizer's update, compiled: it is the eager one, is compiled once, and may be given its state for good."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from optimizers_table import ALGORITHMS, OPTIMIZERS, random_tree

from fnn import optim

STEPS = 2


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_jit_is_eager_and_compiles_once_and_donates(name):
    optimizer, params = OPTIMIZERS[name](), random_tree(0)
    kept = jax.tree.map(np.array, params)
    state, eager, at = optimizer.init(params), optimizer.init(params), params
    dtypes = jax.tree.map(jnp.result_type, optimizer.params(state))
    # Compiled arithmetic is fused and rounds elsewhere: in some twenty operations a step.
    coarsest = max(float(jnp.finfo(dtype).eps) for dtype in jax.tree.leaves(dtypes))
    tolerance = 20 * STEPS * coarsest * (ALGORITHMS[name].amplification if name in ALGORITHMS else 1)
    chex.clear_trace_counter()
    once = chex.assert_max_traces(optimizer.update, n=1)
    update = jax.jit(once, donate_argnums=0)
    returned = []
    for step in range(STEPS):
        given, g = state, jax.tree.map(lambda g, dtype: g.astype(dtype), random_tree(1 + step), dtypes)
        state, at = update(given, g)
        assert all(leaf.is_deleted() for leaf in jax.tree.leaves(given))
        eager, eager_at = optimizer.update(eager, g)
        chex.assert_trees_all_close((state, at), (eager, eager_at), rtol=tolerance, atol=tolerance)
        returned.append((at, jax.tree.map(np.array, at)))
    for at, copied in returned:  # the steps that came after, which were given the state's buffers, did not write to it
        chex.assert_trees_all_equal(at, copied)
    chex.assert_trees_all_equal(params, kept)
    moved = zip(*map(jax.tree.leaves, (optim.solution(optimizer, state), kept)), strict=True)
    assert any(np.any(np.asarray(a, np.float32) != b) for a, b in moved)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_rate_may_be_traced(name):
    """So that one compiled program serves every rate, and vmap sweeps them."""
    params, g = random_tree(0), random_tree(1)

    def first(rate):
        optimizer = ALGORITHMS[name].make(learning_rate=rate)
        return optimizer.update(optimizer.init(params), g)[1]

    swept = jax.eval_shape(jax.vmap(first), jax.ShapeDtypeStruct((7,), jnp.float32))
    chex.assert_trees_all_equal_shapes_and_dtypes(
        jax.tree.map(lambda leaf: leaf.update(shape=leaf.shape[1:]), swept), params
    )
