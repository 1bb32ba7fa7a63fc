"""Single layers: their configuration, where their parameters start, and what they refuse."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fnn
from fnn import initializers, layers, rules
from fnn.layers import LayerError
from fnn.rule import Rule

X = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
KEY = jax.random.key(1)
ACTIVATIONS = [
    name
    for name, value in vars(layers).items()
    if isinstance(getattr(rules, name, None), Rule) and value.__module__ in (layers.relu.__module__, "fnn.layers.dense")
]


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "prelu"])
def test_an_activation_has_the_keywords_of_its_rule_and_rejects_others(name):
    make, rule = getattr(layers, name), getattr(rules, name)
    assert make.__name__ == name and make.__doc__.startswith(f"Layer of `fnn.rules.{name}`: ")
    assert tuple(inspect.signature(make).parameters) == rule.static_names
    with pytest.raises(TypeError) as raised:
        make(**{"threshold": 0.0, "value": 0.0} if name == "threshold" else {}, wrong=1)
    assert str(raised.value).startswith(f"layers.{name}: ") and "'wrong'" in str(raised.value)


def test_an_activation_is_its_rule():
    assert len(ACTIVATIONS) > 35
    y, state = layers.general_sigmoid(x=2.0, z=1.0).apply((), (), X)
    np.testing.assert_array_equal(y, rules.general_sigmoid(jnp.asarray(X), x=2.0, z=1.0))
    assert state == ()


def test_an_activation_of_a_users_rule():
    @fnn.rule
    def doubled(x, *, times: float = 2.0):
        """Y = 2 X."""
        return times * x, ()

    @doubled.backward
    def doubled_backward(saved, dy, *, times):
        return times * dy

    make = layers.activation(doubled)
    np.testing.assert_array_equal(make(times=3.0).apply((), (), X)[0], 3 * X)
    with pytest.raises(TypeError, match=r"layers.doubled: .*'time'.*doubled\(\*, times: float = 2.0\)"):
        make(time=3.0)


def test_where_parameters_start():
    dense = layers.dense(3).init(KEY, X)[0]
    np.testing.assert_array_equal(dense.w, initializers.xavier_uniform(KEY, (6, 3), jnp.float32))
    np.testing.assert_array_equal(dense.b, np.zeros(3))
    assert layers.dense(3, bias=False).init(KEY, X)[0].b is None
    ones = layers.dense(3, weight=lambda key, shape, dtype: jnp.ones(shape, dtype)).init(KEY, X)[0]
    np.testing.assert_array_equal(ones.w, np.ones((6, 3)))
    np.testing.assert_array_equal(layers.bias().init(KEY, X)[0].b, np.zeros(6))
    np.testing.assert_array_equal(layers.scale().init(KEY, X)[0].s, np.ones(6))
    assert layers.prelu(initial=0.1).init(KEY, X)[0].slope == np.float32(0.1)
    assert layers.prelu(per_feature=True).init(KEY, X)[0].slope.shape == (6,)


def test_dropout_keeps_the_mean_and_is_off_in_evaluation():
    drop, ones = layers.dropout(0.25), np.ones((100, 100), np.float32)
    y = drop.apply((), (), ones, key=KEY, train=True)[0]
    assert set(np.unique(y)) == {0.0, np.float32(4 / 3)}
    assert abs(float(y.mean()) - 1) < 5 * (0.25 / 0.75 / ones.size) ** 0.5
    np.testing.assert_array_equal(drop.apply((), (), ones, key=KEY)[0], ones)
    np.testing.assert_array_equal(layers.dropout(0.0).apply((), (), ones, train=True)[0], ones)  # needs no key


def test_flatten_and_reshape_move_nothing():
    images = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    np.testing.assert_array_equal(layers.flatten().apply((), (), images)[0], images.reshape(2, 12))
    np.testing.assert_array_equal(layers.flatten().apply((), (), images[:, 0, 0])[0], images[:, :1, 0])
    np.testing.assert_array_equal(layers.reshape(4, -1).apply((), (), images)[0], images.reshape(2, 4, 3))


WRONG = {
    "dense": (lambda: layers.dense(2).init(KEY, np.ones((), np.float32)), "dense: x has shape (), wanted (..., feat"),
    "integers": (lambda: layers.dense(2).init(KEY, np.ones((2, 3), np.uint8)), "dense: x is uint8, wanted floating"),
    "bias": (
        lambda: layers.bias().apply(layers.Bias(jnp.ones(3)), (), X),
        "bias: x has shape (5, 6), wanted (..., 3).",
    ),
    "scale": (
        lambda: layers.scale().apply(layers.Scale(jnp.ones(3)), (), X),
        "scale: x has shape (5, 6), wanted (..., 3).",
    ),
    "prelu": (
        lambda: layers.prelu().apply(layers.PReLU(jnp.ones(3)), (), X),
        "prelu: slope has shape (3,), wanted () or x's last axis (6,).",
    ),
    "glu": (lambda: layers.glu().apply((), (), X[:, :5]), "glu: x has shape (5, 5), wanted an even number"),
    "maxout": (lambda: layers.maxout(pieces=4).apply((), (), X), "maxout: "),
    "flatten": (lambda: layers.flatten().apply((), (), np.float32(1)), "flatten: x has shape (), wanted a batch axis"),
    "reshape": (lambda: layers.reshape(7).apply((), (), X), "reshape: x has shape (5, 6), wanted (batch, ...) with"),
    "reshape of a scalar": (lambda: layers.reshape(7).apply((), (), np.float32(1)), "reshape: x has shape (), wanted"),
    "concatenate": (lambda: layers.concatenate().apply((), (), X), "concatenate: got "),
    "concatenate shapes": (lambda: layers.concatenate().apply((), (), (X, X[:2])), "concatenate: "),
    "add": (lambda: layers.add().apply((), (), ()), "add: got tuple, wanted the tuple of outputs of layers.parallel"),
    "dropout": (lambda: layers.dropout(0.5).apply((), (), X, train=True), "dropout: dropout with train=True needs a"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_wrong_input_is_told_with_the_path(wrong):
    call, message = wrong
    with pytest.raises(LayerError) as raised:
        call()
    assert str(raised.value).startswith(message)


CONFIGURATIONS = {
    "dense": (lambda: layers.dense(0), "dense: out_features = 0, wanted at least 1."),
    "dropout 1": (lambda: layers.dropout(1.0), "dropout: rate = 1.0, wanted the probability of dropping"),
    "dropout -": (lambda: layers.dropout(-0.1), "dropout: rate = -0.1, wanted the probability of dropping"),
    "dropout nan": (lambda: layers.dropout(float("nan")), "dropout: rate = nan, wanted the probability of dropping"),
}


@pytest.mark.parametrize("wrong", CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys())
def test_wrong_configuration_is_refused_where_it_is_given(wrong):
    make, message = wrong
    with pytest.raises(ValueError) as raised:
        make()
    assert str(raised.value).startswith(message)
