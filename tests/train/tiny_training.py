"""A network, a loss and examples small enough to train in milliseconds; shared, so that they compile once."""

import jax
import jax.numpy as jnp
import numpy as np

import fnn
from fnn import layers, optim, rules, train
from fnn.data import Examples

COUNT, FEATURES, CLASSES = 22, 4, 3
KEY = jax.random.key(5)
NET = layers.serial(layers.dense(5), layers.tanh(), layers.dropout(0.2), layers.dense(CLASSES))
ADAM = optim.adam(0.03)


def examples(seed: int = 0, count: int = COUNT) -> Examples:
    """Return examples whose classes can be learned."""
    draw = np.random.default_rng(seed)
    y = np.arange(count, dtype=np.int32) % CLASSES
    x = 0.5 * draw.normal(size=(count, FEATURES)) + np.eye(CLASSES, FEATURES)[y]
    return Examples(x.astype(np.float32), y)


TRAIN, TEST = examples(0), examples(1, 31)


def loss(params, state, batch, key):
    logits, state = NET.apply(params, state, batch.x, key=key, train=True)
    value = rules.softmax_cross_entropy(logits, batch.y)
    return value, (state, {"accuracy": fnn.accuracy(logits, batch.y)})


def fit(**changed):
    """Run `train.fit` on all of it for two epochs of batches of 5, with what is changed."""
    given = {"net": NET, "loss": loss, "optimizer": ADAM, "examples": TRAIN, "epochs": 2, "batch_size": 5}
    given |= {"key": KEY, "progress": False}
    return train.fit(**(given | changed))


def line():
    """Return y = x w without a bias, its loss the mean of (y - t)² / 2, for sums that can be done by hand."""
    net = layers.dense(1, bias=False, weight=lambda key, shape, dtype: jnp.zeros(shape, dtype))

    def squares(params, state, batch, key):
        y, state = net.apply(params, state, batch.x, train=True)
        return rules.squared_error(y[..., 0], batch.y) / 2, (state, {})

    return net, squares
