"""Every named network: shapes, the number of its parameters, its gradient, and that rules alone make it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import check, layers, models, rules

KEY = jax.random.key(0)


def parameters(net, *shape):
    """Return how many parameters and how many outputs the network has for x of this shape; nothing runs."""
    x = jax.ShapeDtypeStruct(shape, "float32")
    params, state = jax.eval_shape(net.init, KEY, x)
    y, _ = jax.eval_shape(net.apply, params, state, x)
    return sum(leaf.size for leaf in jax.tree.leaves(params)), y.shape


COUNTS = {
    "mlp": (models.mlp((4, 2)), (1, 3), 26, (1, 2)),
    "mlp without biases": (models.mlp((4, 2), bias=False), (1, 3), 20, (1, 2)),
    "mlp of images": (models.mlp((128, 10), layers.tanh, dropout=0.2), (2, 28, 28, 1), 101_770, (2, 10)),
    "lenet": (models.lenet(), (2, 28, 28, 1), 61_706, (2, 10)),
    "lenet, classical": (
        models.lenet(activation=layers.tanh, pool=layers.average_pool),
        (2, 28, 28, 1),
        61_706,
        (2, 10),
    ),
    "lenet, Caffe's sizes": (models.lenet(features=(20, 50), hidden=(500,)), (2, 28, 28, 1), 656_080, (2, 10)),
    "all_conv": (models.all_conv(), (2, 32, 32, 3), 1_369_738, (2, 10)),
    "all_conv, small": (models.all_conv(width=24), (2, 28, 28, 1), 86_266, (2, 10)),
    "vgg11": (models.vgg11(), (1, 224, 224, 3), 132_863_336, (1, 1000)),
    "vgg11 with norms": (models.vgg11(batch_norm=True), (1, 224, 224, 3), 132_868_840, (1, 1000)),
    "vgg16": (models.vgg16(), (1, 224, 224, 3), 138_357_544, (1, 1000)),
    "vgg16 with norms": (models.vgg16(batch_norm=True), (1, 224, 224, 3), 138_365_992, (1, 1000)),
    "resnet18, small images": (models.resnet18(10, small_images=True), (1, 32, 32, 3), 11_173_962, (1, 10)),
    "unet": (models.unet(), (2, 32, 32, 1), 450_210, (2, 32, 32, 2)),
    "unet, the paper's": (
        models.unet(width=64, depth=4, batch_norm=False, transposed=True),
        (1, 16, 16, 1),
        31_030_658,
        (1, 16, 16, 2),
    ),
}


@pytest.mark.parametrize("name", COUNTS)
def test_parameters_and_outputs(name):
    net, shape, count, outputs = COUNTS[name]
    assert parameters(net, *shape) == (count, outputs)


SMALL = {
    "mlp": (models.mlp((5, 3), layers.sigmoid, dropout=0.1), (4, 6)),
    "lenet": (models.lenet(3, features=(2, 3), hidden=(5,)), (2, 28, 28, 1)),
    "lenet, classical": (
        models.lenet(3, features=(2, 3), hidden=(5,), activation=layers.tanh, pool=layers.average_pool),
        (2, 28, 28, 1),
    ),
    "all_conv": (models.all_conv(3, width=4), (2, 8, 8, 2)),
    "vgg": (models.vgg(((2,), (3,)), 3, hidden=(4,), pooled=1, batch_norm=True), (2, 8, 8, 1)),
    "resnet": (models.resnet((1, 1), 3, bottleneck=False, width=2), (2, 16, 16, 3)),
    "resnet, bottleneck": (models.resnet((1, 1), 3, bottleneck=True, width=2, small_images=True), (2, 8, 8, 3)),
    "unet": (models.unet(3, width=2, depth=1), (2, 4, 6, 1)),
    "unet, transposed": (models.unet(3, width=2, depth=1, transposed=True, batch_norm=False), (2, 4, 6, 1)),
}


def training(name):
    """Return the sum of squared outputs in training as a function of the parameters, and parameters to start from."""
    net, shape = SMALL[name]
    x = jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)
    params, state = net.init(KEY, x)

    def total(params):
        y, _ = net.apply(params, state, x, key=KEY, train=True)
        return rules.sum(rules.square(y))

    return total, params


@pytest.mark.parametrize("name", SMALL)
def test_every_gradient_is_a_rule(name):
    found = check.autodiffed(*training(name))
    assert not found, found


@pytest.mark.parametrize("name", SMALL)
def test_gradients_are_finite_and_reach_every_parameter(name):
    total, params = training(name)
    for gradient in jax.tree.leaves(jax.jit(jax.grad(total))(params)):
        assert jnp.isfinite(gradient).all() and (gradient != 0).any()


def test_a_network_without_sizes_is_refused():
    with pytest.raises(ValueError, match="mlp: sizes is empty"):
        models.mlp(())
