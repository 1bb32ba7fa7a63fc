"""Broadcasting and its adjoint."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fnn.rules.broadcasting import broadcast, unbroadcast

SHAPES = [
    ((), (2, 3)),
    ((3,), (2, 3)),
    ((2, 1), (2, 3)),
    ((1, 1), (2, 3)),
    ((1, 3), (2, 3)),
    ((2, 3), (2, 3)),
    ((0,), (2, 0)),
]


@settings(max_examples=30, deadline=None)
@given(shapes=st.sampled_from(SHAPES), seed=st.integers(0, 2**32 - 1))
def test_unbroadcast_is_the_adjoint_of_broadcast_to(shapes, seed):
    small, large = shapes
    draw = np.random.default_rng(seed)
    x, dz = draw.normal(size=small).astype(np.float32), draw.normal(size=large).astype(np.float32)
    dx = unbroadcast(jnp.asarray(dz), small)
    assert dx.shape == small and dx.dtype == jnp.float32
    left, right = np.vdot(np.broadcast_to(x, large), dz.astype(float)), np.vdot(x, np.asarray(dx, float))
    assert abs(left - right) <= 8 * np.finfo(np.float32).eps * np.abs(np.broadcast_to(x, large) * dz).sum() + 1e-12


def test_broadcast_stretches_both_or_says_why_not():
    x, y = broadcast("probe", jnp.ones((2, 1, 4)), jnp.ones((3, 1)))
    assert x.shape == y.shape == (2, 3, 4)
    with pytest.raises(ValueError, match=r"probe: the shapes \(2,\) and \(3,\) do not broadcast"):
        broadcast("probe", jnp.ones(2), jnp.ones(3))


def test_half_precision_sums_in_float32():
    dz = jnp.full((4096, 2), 1.0, jnp.bfloat16)  # a bfloat16 sum would stop at 256
    assert unbroadcast(dz, (2,)).tolist() == [4096.0, 4096.0]
