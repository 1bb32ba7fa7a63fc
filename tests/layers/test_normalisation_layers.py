"""Layers that normalise: running statistics by hand, training and evaluation, folding, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import layers, rules
from fnn.layers import LayerError

KEY = jax.random.key(1)
# torch.nn.BatchNorm1d(2).double() on the batches of test_numbers_of_another_framework.
TORCH = {
    "y": [
        [-0.2595243714087847, 1.4444991540211252],
        [2.288097485635139, 1.2539995165835],
        [-1.2785731142263541, 0.3015013293953748],
    ],
    "mean": [0.31, 0.26166666666666666],
    "variance": [2.32, 1.6308333333333334],
}
RANDOM = np.random.default_rng(7)
X = RANDOM.normal(2.0, 3.0, size=(5, 6)).astype(np.float32)


def test_running_statistics_by_hand():
    """Batches (1, 3) and (2, 6): means 2 and 4, unbiased variances 2 and 8; a quarter of each enters."""
    net = layers.batch_norm(momentum=0.25)
    params, state = net.init(KEY, jnp.ones((2, 1)))
    assert (state.mean.tolist(), state.variance.tolist()) == ([0.0], [1.0])
    for batch, mean, variance in (([1.0, 3.0], 0.5, 1.25), ([2.0, 6.0], 1.375, 2.9375)):
        y, state = net.apply(params, state, jnp.array(batch)[:, None], train=True)
        np.testing.assert_allclose(y[:, 0], [-1.0, 1.0], rtol=1e-4)
        np.testing.assert_allclose(state, [[mean], [variance]], rtol=1e-6)
    y, kept = net.apply(params, state, jnp.array([[1.375], [3.0]]))
    np.testing.assert_allclose(y[:, 0], [0.0, 1.625 / np.sqrt(2.9375 + 1e-5)], rtol=1e-6)
    np.testing.assert_array_equal(kept, state)


def test_numbers_of_another_framework():
    batches = np.array([[[1.0, -2.0], [2.0, 0.5], [4.0, 3.0]], [[0.0, 1.0], [5.0, 1.5], [-2.0, 4.0]]])
    with jax.enable_x64(True):
        net = layers.batch_norm()
        _, state = net.init(KEY, batches[0])
        params = layers.BatchNorm(jnp.array([1.5, -0.5]), jnp.array([0.25, 1.0]))
        _, state = net.apply(params, state, batches[0], train=True)
        y, state = net.apply(params, state, batches[1], train=True)
    np.testing.assert_allclose(y, TORCH["y"], rtol=1e-12)
    np.testing.assert_allclose(state.mean, TORCH["mean"], rtol=1e-12)
    np.testing.assert_allclose(state.variance, TORCH["variance"], rtol=1e-12)


def test_no_gradient_flows_into_the_state():
    net = layers.batch_norm()
    params, state = net.init(KEY, X)

    def of_state(state):
        return net.apply(params, state, X)[0].sum()

    def of_new_state(x):
        return sum(leaf.sum() for leaf in net.apply(params, state, x, train=True)[1])

    assert not any(np.any(leaf) for leaf in jax.tree.leaves(jax.grad(of_state)(state)))
    assert not np.any(jax.grad(of_new_state)(jnp.asarray(X)))


def test_the_state_of_half_precision_is_float32():
    net, x = layers.batch_norm(), jnp.asarray(X, jnp.float16)
    params, state = net.init(KEY, x)
    y, state = net.apply(params, state, x, train=True)
    assert {leaf.dtype for leaf in state} == {jnp.dtype("float32")}
    assert {leaf.dtype for leaf in (y, *params)} == {jnp.dtype("float16")}


@pytest.mark.parametrize("bias", [True, False])
def test_a_folded_batch_norm_computes_the_same(bias):
    before = layers.dense(4, bias=bias)
    net = layers.serial(before, layers.batch_norm(eps=0.1))
    params, state = net.init(KEY, X)
    params = jax.tree.map(lambda leaf: leaf + jnp.asarray(RANDOM.normal(size=leaf.shape), leaf.dtype), params)
    for _ in range(3):
        _, state = net.apply(params, state, X, train=True)
    folded = layers.fold_batch_norm(params[0], params[1], state[1], eps=0.1)
    assert type(folded) is layers.Dense
    np.testing.assert_allclose(before.apply(folded, (), X)[0], net.apply(params, state, X)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [layers.conv, layers.conv_transpose])
def test_a_folded_batch_norm_of_images_computes_the_same(make):
    before = make(4, 3, stride=2, padding="SAME", groups=2, bias=False)
    net = layers.serial(before, layers.batch_norm())
    x = jax.random.normal(jax.random.key(5), (3, 5, 4, 2))
    params, state = net.init(jax.random.key(6), x)
    norm = jax.tree.map(lambda leaf: leaf + 0.5 * jax.random.normal(jax.random.key(7), leaf.shape), params[1])
    statistics = state[1]._replace(mean=jnp.arange(4.0), variance=jnp.arange(1.0, 5.0))
    want, _ = net.apply((params[0], norm), ((), statistics), x)
    folded = layers.fold_batch_norm(params[0], norm, statistics)
    np.testing.assert_allclose(before.apply(folded, (), x)[0], want, rtol=1e-4, atol=1e-5)


def test_weight_norm_starts_as_its_inner_layer_and_ignores_the_length_of_v():
    inner = layers.dense(3)
    net = layers.weight_norm(inner)
    params, state = net.init(KEY, X)
    np.testing.assert_allclose(
        net.apply(params, state, X)[0], inner.apply(inner.init(KEY, X)[0], (), X)[0], rtol=1e-5, atol=1e-5
    )
    doubled = params._replace(v=params.v._replace(w=2 * params.v.w))
    np.testing.assert_allclose(net.apply(doubled, state, X)[0], net.apply(params, state, X)[0], rtol=1e-5, atol=1e-5)


def test_layers_are_their_rules():
    images = jnp.asarray(RANDOM.normal(size=(2, 3, 4)), jnp.float32)
    for net, rule in (
        (layers.layer_norm(eps=0.2), lambda x: rules.layer_norm(x, eps=0.2)),
        (layers.rms_norm(eps=0.2), lambda x: rules.rms_norm(x, eps=0.2)),
        (layers.group_norm(2, eps=0.2), lambda x: rules.group_norm(x, groups=2, eps=0.2)),
        (layers.instance_norm(eps=0.2), lambda x: rules.instance_norm(x, eps=0.2)),
        (
            layers.local_response_norm(size=2, alpha=0.3, beta=0.6, k=1.5),
            lambda x: rules.local_response_norm(x, size=2, alpha=0.3, beta=0.6, k=1.5),
        ),
    ):
        np.testing.assert_allclose(net.apply(*net.init(KEY, images), images)[0], rule(images), rtol=1e-6)


def initial(net: layers.Layer, x: np.ndarray = X):
    return net.init(KEY, x)


WRONG = {
    "one example": (
        lambda: layers.serial(layers.dense(2), layers.batch_norm()).apply(
            *initial(layers.serial(layers.dense(2), layers.batch_norm())), X[:1], train=True
        ),
        "serial[1].batch_norm: a channel of the batch of shape (1, 2) holds one entry",
    ),
    "channels": (
        lambda: layers.batch_norm().apply(*initial(layers.batch_norm()), X[:, :3]),
        "batch_norm: x has shape (5, 3), wanted (..., 6).",
    ),
    "state": (
        lambda: layers.batch_norm().apply(initial(layers.batch_norm())[0], (), X),
        "batch_norm: state is a tuple, wanted BatchNormState",
    ),
    "groups": (
        lambda: layers.group_norm(4).apply(layers.GroupNorm(jnp.ones(6), jnp.ones(6)), (), X),
        "group_norm: groups = 4 for 6 channels, wanted a divisor",
    ),
    "weight": (
        lambda: initial(layers.weight_norm(layers.relu())),
        "weight_norm: the inner layer's params are a tuple, wanted a weight w",
    ),
    "integers": (lambda: initial(layers.layer_norm(), np.ones((2, 3), np.uint8)), "layer_norm: x is uint8, wanted"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_wrong_input_is_told_with_the_path(wrong):
    call, message = wrong
    with pytest.raises(LayerError) as raised:
        call()
    assert str(raised.value).startswith(message), str(raised.value)


CONFIGURATIONS = {
    "momentum": (lambda: layers.batch_norm(momentum=1.5), "batch_norm: momentum = 1.5, wanted the share"),
    "eps": (lambda: layers.batch_norm(eps=0.0), "batch_norm: eps = 0.0, wanted a positive number"),
    "layer eps": (lambda: layers.layer_norm(eps=-1.0), "layer_norm: eps = -1.0, wanted a positive number"),
    "groups": (lambda: layers.group_norm(0), "group_norm: groups = 0, wanted at least 1."),
    "fold": (
        lambda: layers.fold_batch_norm(layers.Dense(jnp.ones((2, 3)), None), *initial(layers.batch_norm())),
        "fold_batch_norm: w has 3 outputs, the batch norm 6 channels",
    ),
}


@pytest.mark.parametrize("wrong", CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys())
def test_wrong_configuration_is_refused_where_it_is_given(wrong):
    make, message = wrong
    with pytest.raises(ValueError) as raised:
        make()
    assert str(raised.value).startswith(message)


@pytest.mark.usefixtures("without_run_time_checks")
def test_what_is_no_layer_is_refused():
    with pytest.raises(TypeError, match=r"weight_norm: got .*, wanted the Layer whose weight to normalise"):
        layers.weight_norm(layers.dense)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="fold_batch_norm: params are a BatchNorm, wanted the parameters of a dense"):
        params, state = initial(layers.batch_norm())
        layers.fold_batch_norm(params, params, state)
