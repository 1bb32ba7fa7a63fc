"""Entries read from the input are those of the padded input."""

import jax.numpy as jnp
import numpy as np
import pytest

from fnn.kernels import windows as geometry
from fnn.kernels.pooling import entries, sums

GEOMETRIES = [
    ((7,), 3, 2, "SAME", 1),
    ((5, 6), (3, 2), (1, 3), ((1, 0), 2), (2, 1)),
    ((1, 4), 2, 1, 1, 2),  # the second entry of the first axis is padding in every window
    ((3, 4, 5), 2, 2, 1, 1),
]


@pytest.mark.parametrize("sizes, window, stride, padding, dilation", GEOMETRIES)
def test_a_padded_view_is_the_view_of_the_padded_input(sizes, window, stride, padding, dilation):
    where = geometry.windows("pool", sizes, window, stride, padding, dilation)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, *sizes, 3)), jnp.float32)
    padded = geometry.pad(x, where, -jnp.inf)
    count = np.zeros((2, *where.outputs, 3), int)
    for entry in where.entries:
        want = geometry.view(padded, where, entry)
        np.testing.assert_array_equal(entries.padded_view(x, where, entry, -jnp.inf), want)
        count += np.isfinite(want)
    np.testing.assert_array_equal(np.broadcast_to(sums.counts(where)[..., None], count.shape), np.maximum(count, 1))
