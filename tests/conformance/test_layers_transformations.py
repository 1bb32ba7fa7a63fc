"""jit, vmap, scan and remat change no layer, and no tracer leaks."""

import chex
import jax
import numpy as np
from layers_study import close, every_layer, start, study


@every_layer
def test_eager_and_jit_agree_and_repeat_bitwise(name):
    found = study(name)
    close(found["eager"], found["layer"][0], "eager output")
    chex.assert_trees_all_equal(found["again"], found["layer"])


@every_layer
def test_vmap_is_a_loop_and_checkpoint_in_scan_changes_nothing(name):
    found = study(name)
    first = jax.tree.map(lambda leaf: leaf[0], found["scan"])
    close(first, found["layer"], "checkpointed in a scan")
    close(found["vmap"], found["scan"], "vmap")


@every_layer
def test_no_tracer_leaks_and_numpy_is_welcome(name):
    net, params, state, x = start(name)
    assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves((params, x)))

    def total(params, x, key):
        y, new_state = net.apply(params, state, x, key=key, train=True)
        return sum(leaf.sum() for leaf in jax.tree.leaves(y)), new_state

    with jax.enable_x64(True), jax.checking_leaks():
        jax.make_jaxpr(jax.grad(total, (0, 1), has_aux=True))(params, x, jax.random.key(3))
