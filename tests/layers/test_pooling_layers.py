"""Pools as layers: they are their rules, and refuse with their path what the rules cannot take."""

import jax.numpy as jnp
import numpy as np
import pytest

from fnn import layers, rules
from fnn.layers import LayerError

X = np.random.default_rng(0).normal(size=(2, 6, 5, 3)).astype(np.float32)
POOLS = {
    "max_pool": ((2,), {"stride": 1, "padding": "SAME", "dilation": 2}, {"window": 2}),
    "average_pool": (((2, 3),), {"stride": 2, "padding": 1, "count_padding": True}, {"window": (2, 3)}),
    "l2_pool": ((2,), {"stride": (1, 2)}, {"window": 2}),
    "global_max_pool": ((), {}, {}),
    "global_average_pool": ((), {}, {}),
    "adaptive_max_pool": (((4, 2),), {}, {"size": (4, 2)}),
    "adaptive_average_pool": ((3,), {}, {"size": 3}),
}


@pytest.mark.parametrize("name", POOLS)
def test_a_pool_is_its_rule(name):
    given, more, named = POOLS[name]
    params, state = (net := getattr(layers, name)(*given, **more)).init(None, X)
    assert params == state == ()
    want = getattr(rules, name)(jnp.asarray(X), **named, **more)
    np.testing.assert_array_equal(net.apply((), (), X)[0], want)


@pytest.mark.parametrize("name", POOLS)
def test_wrong_input_is_told_with_the_path(name):
    pool = layers.serial(getattr(layers, name)(*POOLS[name][0]))
    for x, words in ((X[0, 0], "x has shape (5, 3), wanted (batch"), (X.astype(np.int32), "x is int32, wanted floa")):
        with pytest.raises(LayerError) as raised:
            pool.apply(((),), ((),), x)
        assert str(raised.value).startswith(f"serial[0].{name}: {words}"), raised.value


def test_a_window_too_large_is_told_with_the_path():
    with pytest.raises(LayerError, match=r"^serial\[0\].max_pool: the window \(7, 7\) is larger than the padded input"):
        layers.serial(layers.max_pool(7)).apply(((),), ((),), X)
