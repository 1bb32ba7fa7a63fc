"""What fnn is measured against: the same jobs in plain jax.numpy, as a careful user would write them.

`adam_epoch` scans a whole epoch and lets JAX differentiate; `sgd_epoch` also has its backward written by hand.
"""

import itertools
import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax


def init(key, sizes):
    """Return [(w, b), ...] with Glorot-uniform weights and zero biases."""
    return [
        (
            jax.random.uniform(jax.random.fold_in(key, i), shape, minval=-1, maxval=1) * math.sqrt(6 / sum(shape)),
            jnp.zeros(shape[1]),
        )
        for i, shape in enumerate(itertools.pairwise(sizes))
    ]


def dropout_loss(params, x, y, key):
    """Softmax cross-entropy of 784-128-ReLU-dropout 0.2-10; key None leaves the dropout out."""
    (w1, b1), (w2, b2) = params
    h = jax.nn.relu(x @ w1 + b1)
    if key is not None:
        h = jnp.where(jax.random.bernoulli(key, 0.8, h.shape), h / 0.8, 0.0)
    logits = h @ w2 + b2
    picked = jnp.take_along_axis(logits, y[:, None], 1)[:, 0]
    return (jax.nn.logsumexp(logits, -1) - picked).mean()


@partial(jax.jit, static_argnames="batch_size")
def adam_epoch(carry, key, x, y, *, batch_size):
    """One epoch of Adam (Keras defaults) by autodiff; carry is (params, m, v, t). Returns it and the mean loss."""
    order = jax.random.permutation(key, len(x))[: len(x) // batch_size * batch_size].reshape(-1, batch_size)

    def body(carry, rows):
        params, m, v, t, total = carry
        value, grads = jax.value_and_grad(dropout_loss)(params, x[rows], y[rows], jax.random.fold_in(key, t))
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
        rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        params = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-7), params, m, v)
        return (params, m, v, t, total + value), None

    (*carry, total), _ = lax.scan(body, (*carry, 0.0), order)
    return tuple(carry), total / len(order)


def relu_loss_and_grads(params, x, y):
    """Softmax cross-entropy of 784-16-16-10 with ReLU, and its gradients by hand."""
    (w1, b1), (w2, b2), (w3, b3) = params
    h1 = jnp.maximum(x @ w1 + b1, 0.0)
    h2 = jnp.maximum(h1 @ w2 + b2, 0.0)
    logits = h2 @ w3 + b3
    log_p = jax.nn.log_softmax(logits)
    one_hot = jax.nn.one_hot(y, logits.shape[-1])
    d3 = (jnp.exp(log_p) - one_hot) / len(x)
    d2 = jnp.where(h2 > 0, d3 @ w3.T, 0.0)
    d1 = jnp.where(h1 > 0, d2 @ w2.T, 0.0)
    grads = [(x.T @ d1, d1.sum(0)), (h1.T @ d2, d2.sum(0)), (h2.T @ d3, d3.sum(0))]
    return -(one_hot * log_p).sum(-1).mean(), grads


@partial(jax.jit, static_argnames="batch_size")
def sgd_epoch(params, key, x, y, *, batch_size):
    """One epoch of SGD at rate 0.01 with the backward by hand; returns the parameters and the mean loss."""
    order = jax.random.permutation(key, len(x))[: len(x) // batch_size * batch_size].reshape(-1, batch_size)

    def body(carry, rows):
        params, total = carry
        value, grads = relu_loss_and_grads(params, x[rows], y[rows])
        return (jax.tree.map(lambda p, g: p - 0.01 * g, params, grads), total + value), None

    (params, total), _ = lax.scan(body, (params, 0.0), order)
    return params, total / len(order)
