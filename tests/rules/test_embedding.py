"""Embedding: the three forms of its gradient agree, ids that name no row, the padding, and the layer's errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import layers, rules
from fnn.kernels import embedding as kernel
from fnn.layers import LayerError

W = jnp.arange(12.0).reshape(4, 3)
IDS = jnp.array([[1, 3, 1], [0, 1, 3]])


@pytest.mark.parametrize("form", [kernel.by_scatter, kernel.by_product, kernel.by_sorting])
@pytest.mark.parametrize("count", [0, 1, 97])
@pytest.mark.parametrize(("vocabulary", "features"), [(11, 2), (1, 3), (0, 2), (3, 0)])
def test_the_forms_of_the_gradient_agree(form, count, vocabulary, features):
    draw = np.random.default_rng(count)
    ids = draw.integers(0, vocabulary + 1, size=count)
    dy = draw.normal(size=(count, features)).astype(np.float32)
    want = np.zeros((vocabulary, features))
    for i, row in zip(ids, dy, strict=True):
        if i < vocabulary:
            want[i] += row
    got = jax.jit(form, static_argnums=2)(jnp.asarray(ids, jnp.int32), jnp.asarray(dy), vocabulary)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_a_gpu_takes_the_product_or_the_sorted_form(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    dy = jnp.ones((2, 3, 2))
    for vocabulary in (4, 1000):
        program = str(jax.make_jaxpr(lambda dy, n=vocabulary: kernel.backward(IDS, dy, n))(dy))
        assert "scatter" not in program and ("sort" in program) == (vocabulary == 1000)


def test_half_precision_sums_in_float32():
    ids, dy = jnp.zeros(4096, jnp.int32), jnp.ones((4096, 1), jnp.bfloat16)
    dw = kernel.backward(ids, dy, 2)
    assert dw.dtype == jnp.float32 and dw.tolist() == [[4096.0], [0.0]]


@pytest.mark.parametrize("dtype", [jnp.int8, jnp.uint32])
def test_an_id_that_names_no_row_is_nan_and_gives_its_gradient_to_none(dtype):
    outside = jnp.array([1, 4, 100, *((-1,) if jnp.issubdtype(dtype, jnp.signedinteger) else (99,))], dtype)
    y = rules.embedding(outside, W)
    assert y[0].tolist() == [3.0, 4.0, 5.0] and bool(jnp.isnan(y[1:]).all())
    grad = jax.grad(lambda w: jnp.nansum(rules.embedding(outside, w)))(W)
    assert grad.tolist() == [[0.0] * 3, [1.0] * 3, [0.0] * 3, [0.0] * 3]


def test_bytes_reach_past_127():
    w = jnp.arange(256.0)[:, None]
    assert rules.embedding(jnp.array([200, 255], jnp.uint8), w)[:, 0].tolist() == [200.0, 255.0]


def test_the_padding_has_no_gradient():
    assert kernel.backward(IDS, jnp.ones((2, 3, 1)), 4, padding_id=1)[:, 0].tolist() == [1.0, 0.0, 0.0, 2.0]


def test_the_layer_names_an_id_that_it_sees():
    net = layers.embedding(4, 3)
    params, state = net.init(jax.random.key(0), IDS)
    for wrong in (7, -1):
        with pytest.raises(LayerError, match=rf"^embedding: the id at \(1, 2\) is {wrong}, wanted one of 0\.\.3"):
            net.apply(params, state, IDS.at[1, 2].set(wrong))
    assert bool(jnp.isnan(jax.jit(net.apply)(params, state, IDS.at[1, 2].set(7))[0][1, 2]).all())


def test_the_layer_takes_padded_sequences():
    net = layers.embedding(4, 3)
    x = layers.Padded(IDS, jnp.array([3, 1]))
    params, state = net.init(jax.random.key(0), x)
    y, _ = net.apply(params, state, x)
    assert isinstance(y, layers.Padded) and y.x.shape == (2, 3, 3) and y.lengths is x.lengths


def test_errors_of_the_layer():
    with pytest.raises(ValueError, match="vocabulary = 0, features = 3, wanted at least 1"):
        layers.embedding(0, 3)
    with pytest.raises(ValueError, match=r"padding_id = 9, wanted one of 0\.\.3"):
        layers.embedding(4, 3, padding_id=9)
    net = layers.embedding(4, 3)
    with pytest.raises(LayerError, match="x is float32, wanted one array of integer ids"):
        net.init(jax.random.key(0), jnp.ones(3))
    with pytest.raises(LayerError, match="x is a tuple of arrays"):
        net.init(jax.random.key(0), (IDS, IDS))
