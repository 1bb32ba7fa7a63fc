"""A layer's gradients are those of autodiff of the same network."""

import jax
import numpy as np
from layers_study import close, every_layer, study


@every_layer
def test_gradients_are_those_of_autodiff(name):
    found = study(name)
    close(found["layer"], found["plain"], "output and cotangents of params and x")
    if name not in ("step", "embedding"):  # constants, and ids, have none
        assert all(np.any(leaf) for leaf in jax.tree.leaves(found["layer"][1])), "a cotangent is all zero"
