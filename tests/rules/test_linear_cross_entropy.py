"""Linear + cross-entropy in one is the two in turn, in value and gradients, over chunks and options; and its errors."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import rules
from fnn.kernels import linear_cross_entropy as kernel

DRAW = np.random.default_rng(0)
X, W, B = (jnp.asarray(DRAW.normal(size=shape), jnp.float32) for shape in ((2, 5, 3), (3, 7), (7,)))
TARGETS = jnp.asarray([[0, 3, 6, -100, 2], [5, 5, 1, -100, 4]])
WEIGHTS, CLASS_WEIGHTS = jnp.asarray(DRAW.uniform(0.2, 2, (2,))), jnp.asarray(DRAW.uniform(0.2, 2, (7,)))


def composed(x, w, targets, weights, b, class_weights, *, soft_cap, **options):
    z = rules.linear(x, w, b)
    if soft_cap is not None:
        z = soft_cap * rules.tanh(z / soft_cap)
    return rules.softmax_cross_entropy(z, targets, weights, class_weights, **options)


@pytest.fixture
def three_chunks(monkeypatch):
    monkeypatch.setattr(kernel, "chunk_rows", lambda rows, classes: 4)


OPTIONS = list(itertools.product(("mean", "sum", "none"), (0.0, 0.2), (None, 2.0)))


@pytest.mark.parametrize(("reduction", "label_smoothing", "soft_cap"), OPTIONS)
def test_it_is_the_two_in_turn(three_chunks, reduction, label_smoothing, soft_cap):
    options = {"reduction": reduction, "label_smoothing": label_smoothing, "soft_cap": soft_cap, "ignore_label": -100}

    def both(function, x, w, weights, b, class_weights):
        y = function(x, w, TARGETS, weights, b, class_weights, **options)
        return (y * jnp.arange(1.0, 1 + y.size).reshape(y.shape)).sum(), y

    for extras in ((WEIGHTS, B, CLASS_WEIGHTS), (None, None, None)):
        arguments, named = (X, W, *extras), tuple(range(2 + 3 * (extras[0] is not None)))

        def of(function, arguments=arguments, named=named):
            return jax.grad(lambda *a: both(function, *a), named, has_aux=True)(*arguments)

        got, want = jax.jit(lambda of=of: (of(rules.linear_cross_entropy), of(composed)))()
        jax.tree.map(lambda g, w: np.testing.assert_allclose(g, w, rtol=2e-5, atol=2e-6), got, want)
