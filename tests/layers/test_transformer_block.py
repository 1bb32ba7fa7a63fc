"""The block of a transformer: what it is made of, in both orders of the norm; padding and memory; what is refused."""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import layers
from fnn.layers import Padded

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(2, 5, 8)).astype(np.float32)
MEMORY = np.random.default_rng(1).normal(size=(2, 4, 6)).astype(np.float32)


def block(norm: Literal["pre", "post"] = "pre", **options):
    return layers.transformer_block(2, hidden=10, norm=norm, **options)


def moved(net, x):
    """Return params of which none is 0 or 1 alone."""
    leaves, tree = jax.tree.flatten(net.init(KEY, x)[0])
    draw = np.random.default_rng(2)
    return tree.unflatten([np.asarray(leaf + 0.2 * draw.normal(size=leaf.shape), leaf.dtype) for leaf in leaves])


def run(layer, params, x):
    return jax.tree.map(np.asarray, layer.apply(params, (), x)[0])


@pytest.mark.parametrize("norm", ("pre", "post"))
def test_is_made_of_attention_and_two_dense_layers(norm):
    net = block(norm, causal=True, cross=True)
    params = moved(net, (X, MEMORY))
    normalise, x = layers.layer_norm(), X
    terms = (
        (params.attention_norm, lambda x: run(layers.attention(2, causal=True), params.attention, x)),
        (params.cross_norm, lambda x: run(layers.attention(2), params.cross, (x, MEMORY))),
        (
            params.feed_norm,
            lambda x: np.asarray(jax.nn.gelu(x @ params.up.w + params.up.b)) @ params.down.w + params.down.b,
        ),
    )
    for scale, term in terms:
        if norm == "pre":
            x = x + term(run(normalise, scale, x))
        else:
            x = run(normalise, scale, x + term(x))
    y, memory = run(net, params, (X, MEMORY))
    np.testing.assert_allclose(y, x, rtol=0, atol=5e-6)
    np.testing.assert_array_equal(memory, MEMORY)


def test_a_gated_activation_has_twice_the_columns():
    net = block(activation=layers.swiglu, normalisation=layers.rms_norm, bias=False)
    params = moved(net, X)
    assert params.up.w.shape == (8, 20) and params.down.w.shape == (10, 8)
    x = X + run(layers.attention(2), params.attention, run(layers.rms_norm(), params.attention_norm, X))
    a, b = np.split(run(layers.rms_norm(), params.feed_norm, x) @ params.up.w, 2, axis=-1)
    np.testing.assert_allclose(
        run(net, params, X), x + np.asarray(jax.nn.silu(a) * b) @ params.down.w, rtol=0, atol=5e-6
    )


def test_what_is_padding_changes_nothing_before_it():
    net = block(cross=True)
    params = moved(net, (X, MEMORY))
    x, memory = Padded(jnp.asarray(X), jnp.array([2, 5])), Padded(jnp.asarray(MEMORY), jnp.array([3, 4]))
    y, out = run(net, params, (x, memory))
    assert isinstance(y, Padded) and isinstance(out, Padded)
    short, _ = run(net, params, (X[:1, :2], MEMORY[:1, :3]))
    np.testing.assert_allclose(y.x[:1, :2], short, rtol=0, atol=2e-6)


def test_dropout_is_in_three_places_each_with_its_own_draw():
    net, still = block(dropout=0.5), block()
    params = moved(net, X)
    np.testing.assert_array_equal(run(net, params, X), run(still, params, X))
    silent = params._replace(down=jax.tree.map(jnp.zeros_like, params.down))  # then the attention's alone
    y = net.apply(silent, (), X, key=KEY, train=True)[0]
    dropped = y == X
    assert 0.3 < dropped.mean() < 0.7
    muted = jax.tree.map(jnp.zeros_like, params.attention)
    fed = net.apply(params._replace(attention=muted), (), X, key=KEY, train=True)[0] == X
    assert 0.3 < fed.mean() < 0.7 and (fed != dropped).any()


def test_a_cache_is_the_state_of_the_attention():
    net = block(causal=True, cache=5)
    params = moved(net, X)
    _, state = net.init(KEY, X)
    first, state = net.apply(params, state, X[:, :3])
    rest, state = net.apply(params, state, X[:, 3:])
    assert isinstance(state, layers.KeyValueCache)
    np.testing.assert_allclose(np.concatenate([first, rest], 1), run(block(causal=True), params, X), rtol=0, atol=2e-6)


@pytest.mark.usefixtures("without_run_time_checks")
def test_refused():
    with pytest.raises(ValueError, match="transformer_block: norm = 'before', wanted"):
        block("before")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="transformer_block: hidden = 0"):
        layers.transformer_block(2, hidden=0)
    with pytest.raises(layers.LayerError, match="transformer_block: got one sequence, wanted the pair"):
        block(cross=True).init(KEY, X)
    with pytest.raises(layers.LayerError, match="got a tuple of 2, wanted one sequence; for a memory"):
        block().init(KEY, (X, MEMORY))
    with pytest.raises(layers.LayerError, match=r"transformer_block.attention: x has 8 features, which 3 heads"):
        layers.transformer_block(3).init(KEY, X)
