"""A network with all the combinators, written out by hand: what taps must say of it; shared."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from fnn import layers

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
# Activations agree with the network written out to a few roundings; a sum of n entries adds sqrt(n) more.
EPS = float(np.finfo(np.float32).eps)


def agrees(statistics, array, index=(), calls=1, eps=EPS):
    """Compare with what NumPy says of the array in float64, where several calls know no largest magnitude."""
    array = np.asarray(array, np.float64)
    finite, tolerance = array[np.isfinite(array)], 16 * eps * math.sqrt(array.size)
    rms = math.sqrt(np.square(finite).mean()) if finite.size else math.nan
    at = jax.tree.map(lambda leaf: leaf[index], statistics)
    np.testing.assert_allclose(at.mean, finite.mean() if finite.size else math.nan, atol=tolerance * rms)
    np.testing.assert_allclose(at.rms, rms, rtol=tolerance)
    largest = abs(finite).max() if finite.size and calls == 1 else math.nan
    np.testing.assert_allclose(at.largest, largest, rtol=tolerance)
    np.testing.assert_allclose(at.zero, (array == 0).mean(), rtol=tolerance)
    assert at.not_finite == (~np.isfinite(array)).sum()
    by_unit = (array == 0).reshape(-1, array.shape[-1] if array.ndim else 1).mean(0)
    np.testing.assert_allclose(at.zero_by_unit, by_unit, rtol=tolerance)


NET = layers.serial(
    layers.dense(4),
    layers.parallel(layers.relu(), layers.tanh()),
    layers.concatenate(),
    layers.residual(layers.dense(8)),
    layers.repeat(
        layers.serial(layers.residual(layers.dense(8)), layers.repeat(layers.residual(layers.sigmoid()), 2)), 3
    ),
    layers.dense(2),
)
PARAMS, STATE = NET.init(KEY, X)


def loss(params, x):
    y, _ = NET.apply(params, STATE, x)
    return jnp.mean(jnp.sin(y) * jnp.arange(1, 3, dtype=y.dtype).reshape(1, 2)), {"outputs": y}


def written_out(params, zeros, x):
    """Return the same loss, and every activation by its path; zeros are added to the activations named."""
    seen = {}

    def at(path, y):
        seen[path] = y + zeros.get(path, 0)
        return seen[path]

    def dense(path, p, x):
        return at(path, x @ p.w + p.b[None])

    x = dense("serial[0].dense", params[0], x)
    branches = at("serial[1].parallel[0].relu", jnp.maximum(x, 0)), at("serial[1].parallel[1].tanh", jnp.tanh(x))
    x = at("serial[2].concatenate", jnp.concatenate(branches, 1))
    x = at("serial[3].residual", x + dense("serial[3].residual.dense", params[3], x))
    for i in range(3):
        path, p = f"serial[4].repeat[{i}]", jax.tree.map(lambda leaf, i=i: leaf[i], params[4])
        x = at(f"{path}.serial[0].residual", x + dense(f"{path}.serial[0].residual.dense", p[0], x))
        for j in range(2):
            inner = f"{path}.serial[1].repeat[{j}].residual"
            x = at(inner, x + at(f"{inner}.sigmoid", 1 / (1 + jnp.exp(-x))))
        x = at(f"{path}.serial[1].repeat", x)
    y = dense("serial[5].dense", params[5], at("serial[4].repeat", x))
    return jnp.mean(jnp.sin(y) * jnp.arange(1, 3, dtype=y.dtype).reshape(1, 2)), seen


def oracle(x):
    """Return every activation and every cotangent by path, in the order of the forward."""
    _, activations = written_out(PARAMS, {}, x)
    zeros = {path: jnp.zeros_like(y) for path, y in activations.items()}
    return activations, jax.grad(lambda zeros: written_out(PARAMS, zeros, x)[0])(zeros)
