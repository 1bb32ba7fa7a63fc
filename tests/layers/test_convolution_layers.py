"""Convolutional layers: they are their rules, where their weights start, and what they refuse with their path."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import initializers, layers, rules
from fnn.layers import LayerError

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(2, 5, 6, 4)).astype(np.float32)
MAKERS = {
    "conv": lambda window=3, **more: layers.conv(6, window, **more),
    "depthwise_conv": layers.depthwise_conv,
    "conv_transpose": lambda window=3, **more: layers.conv_transpose(6, window, **more),
}


@pytest.mark.parametrize(
    ("net", "rule", "static"),
    [
        (layers.conv(6, (2, 3), stride=2, padding="SAME", groups=2), rules.conv, {"stride": 2, "groups": 2}),
        (layers.depthwise_conv((2, 3), multiplier=2, dilation=2, padding="SAME"), rules.conv, {"dilation": 2}),
        (
            layers.conv_transpose(6, 3, stride=2, padding="SAME", output_padding=1),
            rules.conv_transpose,
            {"stride": 2, "output_padding": 1},
        ),
    ],
    ids=MAKERS,
)
def test_a_layer_is_its_rule(net, rule, static):
    params, state = net.init(KEY, X)
    params = params._replace(b=jnp.arange(1.0, 1 + params.w.shape[-1]))
    y, after = net.apply(params, state, X)
    groups = X.shape[-1] // params.w.shape[-2]
    np.testing.assert_array_equal(y, rule(X, *params, padding="SAME", **{**static, "groups": groups}))
    assert state == after == ()


@pytest.mark.parametrize("mode", ["reflect", "circular", "replicate"])
def test_a_padding_mode_fills_the_border(mode):
    named = {"reflect": "reflect", "circular": "wrap", "replicate": "edge"}[mode]
    border = ((0, 0), (1, 2), (0, 1), (0, 0))
    for make in (layers.conv, lambda _, *given, **more: layers.depthwise_conv(*given, **more)):
        filled = make(6, 3, stride=2, padding=border[1:3], padding_mode=mode)
        params, _ = filled.init(KEY, X)
        want, _ = make(6, 3, stride=2).apply(params, (), jnp.pad(X, border, named))
        np.testing.assert_array_equal(filled.apply(params, (), X)[0], want)
    same = layers.conv(6, 3, padding="SAME", padding_mode=mode)
    assert same.apply(*same.init(KEY, X), X)[0].shape == (2, 5, 6, 6)


def test_where_parameters_start():
    params, state = layers.conv(6, (2, 3)).init(KEY, X)
    np.testing.assert_array_equal(params.w, initializers.xavier_uniform(KEY, (2, 3, 4, 6), jnp.float32))
    np.testing.assert_array_equal(params.b, np.zeros(6))
    assert state == () and layers.conv(6, 3, bias=False).init(KEY, X)[0].b is None
    shapes = {
        "conv": ((3, 3, 2, 6), layers.conv(6, 3, groups=2)),
        "depthwise": ((3, 3, 1, 8), layers.depthwise_conv(3, multiplier=2)),
        "transposed": ((1, 2, 2, 6), layers.conv_transpose(6, (1, 2), groups=2)),
        "line": ((3, 4, 6), layers.conv(6, 3)),
    }
    for name, (shape, net) in shapes.items():
        x = jax.ShapeDtypeStruct(X.shape if name != "line" else X.shape[1:], jnp.bfloat16)
        w, b = jax.eval_shape(net.init, KEY, x)[0]
        assert (w.shape, b.shape, w.dtype, b.dtype) == (shape, shape[-1:], jnp.bfloat16, jnp.bfloat16)


def test_each_group_starts_as_a_convolution_of_its_own():
    """Fans are those of one group: of 9·1 and 9·2 terms for two windows a feature, however many features there are."""
    image = jax.ShapeDtypeStruct((1, 3, 3, 512), jnp.float32)
    for net, fans in (
        (layers.depthwise_conv(3, multiplier=2), 9 + 18),
        (layers.conv(256, 3, groups=8), 9 * 64 + 9 * 32),
    ):
        w = net.init(KEY, image)[0].w
        bound = (6 / fans) ** 0.5
        assert 0.95 * bound < abs(w).max() <= bound
        assert len(np.unique(w)) > 0.99 * w.size  # groups differ


INPUTS = {
    "a vector": (X[0, 0], "x has shape (6, 4), wanted (batch, *spatial, features) with one to three spatial axes."),
    "four axes": (X[None, None], "x has shape (1, 1, 2, 5, 6, 4), wanted (batch, *spatial, features) with one to"),
    "a line": (X[0], "x has shape (5, 6, 4), 1 spatial axes, wanted 2 as the window (3, 3) has."),
    "features": (X[..., :3], "x has shape (2, 5, 6, 3), wanted (..., 4)."),
    "integers": (X.astype(np.uint8), "x is uint8, wanted floating point; scale images to float32 first"),
}


@pytest.mark.parametrize("name", MAKERS)
def test_wrong_input_is_told_with_the_path(name):
    net = layers.serial(MAKERS[name](window=3))
    params, state = net.init(KEY, X)
    for x, words in INPUTS.values():
        with pytest.raises(LayerError) as raised:
            net.apply(params, state, x)
        assert str(raised.value).startswith(f"serial[0].{name}: {words}"), raised.value
    for wrong in "a vector", "four axes", "integers":
        with pytest.raises(LayerError) as raised:
            net.init(KEY, INPUTS[wrong][0])
        assert str(raised.value).startswith(f"serial[0].{name}: {INPUTS[wrong][1]}"), raised.value
    for window in (3, 3, 3), 0:
        with pytest.raises(LayerError) as raised:
            layers.serial(MAKERS[name](window=window)).init(KEY, X)
        assert str(raised.value).startswith(f"serial[0].{name}: window = {window}, wanted a positive number, or a tupl")
    with pytest.raises(LayerError) as raised:
        net.apply((layers.dense(3).init(KEY, X)[0],), state, X)
    assert str(raised.value) == f"serial[0].{name}: params are a Dense, wanted Conv, as init makes them."


CALLS = {
    "too large": (layers.conv(6, 9), "conv: the window (9, 9) is larger than the padded input (5, 6)"),
    "padding": (layers.conv(6, 3, padding="same"), "conv: padding = 'same', wanted 'SAME', 'VALID'"),
    "reflect": (layers.conv(6, 3, padding=5, padding_mode="reflect"), "conv: pad: padding (5, 5) reflects more"),
    "groups": (layers.conv(6, 3, groups=3), "conv: x has 4 features, wanted a multiple of groups = 3."),
    "transposed": (layers.conv_transpose(6, 3, groups=3), "conv_transpose: x has 4 features, wanted a multiple of gr"),
}


@pytest.mark.parametrize("wrong", CALLS.values(), ids=CALLS.keys())
def test_a_configuration_that_does_not_fit_the_input_is_told(wrong):
    net, words = wrong
    with pytest.raises(LayerError) as raised:
        net.apply(*net.init(KEY, X), X)
    assert str(raised.value).startswith(words), raised.value


@pytest.mark.parametrize("name", ["conv", "conv_transpose"])
def test_wrong_configuration_is_refused_where_it_is_given(name):
    make = getattr(layers, name)
    for outputs, groups, words in (
        (6, 4, "out_features = 6, wanted a multiple of groups = 4."),
        (6, 0, "groups = 0, wanted at least 1."),
        (0, 1, "out_features = 0, wanted at least 1."),
    ):
        with pytest.raises(ValueError) as raised:
            make(outputs, 3, groups=groups)
        assert str(raised.value) == f"{name}: {words}"
    with pytest.raises(ValueError, match=r"^depthwise_conv: multiplier = 0, wanted at least 1\.$"):
        layers.depthwise_conv(3, multiplier=0)
