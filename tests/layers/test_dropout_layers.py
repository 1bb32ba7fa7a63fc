"""The layers of dropout: what is dropped together, the mean, off in evaluation, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import layers
from fnn.layers import LayerError

KEY = jax.random.key(4)
ONES = np.ones((64, 5, 6, 8), np.float32)

# The axes along which the mask is one.
SHARED = {
    "spatial_dropout": (layers.spatial_dropout, (3,)),
    "channel_dropout": (layers.channel_dropout, (1, 2)),
    "stochastic_depth": (layers.stochastic_depth, (1, 2, 3)),
}
every_kind = pytest.mark.parametrize("name", SHARED)


@every_kind
def test_what_is_dropped_together(name):
    make, shared = SHARED[name]
    y = np.asarray(make(0.25).apply((), (), ONES, key=KEY, train=True)[0])
    assert set(np.unique(y)) == {0.0, np.float32(4 / 3)}
    np.testing.assert_array_equal(y, np.broadcast_to(y.max(shared, keepdims=True), y.shape))
    draws = y.max(shared)
    assert all((draws.max(axis) > draws.min(axis)).any() for axis in range(draws.ndim)), "more is shared than should be"
    assert abs((draws == 0).mean() - 0.25) < 5 * (0.25 * 0.75 / draws.size) ** 0.5


@every_kind
def test_the_gradient_has_the_mask_of_the_value(name):
    net = SHARED[name][0](0.25)
    y, pull = jax.vjp(lambda x: net.apply((), (), x, key=KEY, train=True)[0], jnp.asarray(ONES))
    np.testing.assert_array_equal(pull(jnp.ones_like(y))[0], y)


@every_kind
def test_off_in_evaluation_and_at_rate_zero(name):
    make = SHARED[name][0]
    np.testing.assert_array_equal(make(0.25).apply((), (), ONES)[0], ONES)
    np.testing.assert_array_equal(make(0.0).apply((), (), ONES, train=True)[0], ONES)  # needs no key


@every_kind
def test_refusals(name):
    make = SHARED[name][0]
    with pytest.raises(ValueError, match=f"{name}: rate = 1.0, wanted the probability of dropping"):
        make(1.0)
    with pytest.raises(LayerError, match=f"{name}: {name} with train=True needs a key"):
        make(0.5).apply((), (), ONES, train=True)
    with pytest.raises(LayerError, match=rf"{name}: x has shape \(8,\), wanted \(batch, \*spatial, channels\)"):
        make(0.5).apply((), (), ONES[0, 0, 0], key=KEY, train=True)


def test_stochastic_depth_skips_the_block_of_some_examples():
    block = layers.residual(layers.serial(layers.bias(), layers.stochastic_depth(0.5)))
    x = np.ones((32, 3), np.float32)
    y = block.apply((layers.Bias(jnp.ones(3)), ()), ((), ()), x, key=KEY, train=True)[0]
    assert set(np.unique(y)) == {1.0, 5.0} and (np.ptp(y, axis=1) == 0).all()
