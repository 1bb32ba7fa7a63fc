"""Linear + cross-entropy in one is the two in turn, over chunks, and holds neither logits nor what nobody asks for."""

from typing import Any

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
    """Chunks of four rows, and three blocks of classes, of which the last begins within the one before it."""
    monkeypatch.setattr(kernel, "chunk_rows", lambda rows, classes: 4)
    monkeypatch.setattr(kernel, "class_blocks", lambda classes: 3)


@pytest.mark.parametrize(
    ("extras", "options"),
    [
        ((WEIGHTS, B, CLASS_WEIGHTS), {"reduction": "mean", "label_smoothing": 0.2, "soft_cap": 2.0}),
        ((WEIGHTS, B, CLASS_WEIGHTS), {"reduction": "sum", "label_smoothing": 0.0, "soft_cap": None}),
        ((WEIGHTS, B, CLASS_WEIGHTS), {"reduction": "none", "label_smoothing": 0.2, "soft_cap": 2.0}),
        ((None, None, None), {"reduction": "mean", "label_smoothing": 0.0, "soft_cap": None}),
    ],
)
def test_in_chunks_it_is_the_two_in_turn(three_chunks, extras, options):
    given = tuple(number for number, extra in enumerate((X, W, *extras)) if extra is not None)

    def of(function):
        def scalar(x, w, weights, b, class_weights):
            y = function(x, w, TARGETS, weights, b, class_weights, ignore_label=-100, **options)
            return (y * jnp.arange(1.0, 1 + y.size).reshape(y.shape)).sum(), y

        return jax.grad(scalar, given, has_aux=True)(X, W, *extras)

    got, want = jax.jit(lambda: (of(rules.linear_cross_entropy), of(composed)))()
    jax.tree.map(lambda g, w: np.testing.assert_allclose(g, w, rtol=2e-5, atol=2e-6), got, want)


def test_a_label_that_is_no_class_is_nan_and_its_neighbours_are_not():
    values = rules.linear_cross_entropy(X[0], W, jnp.array([0, 7, -1, 6, 2]), reduction="none")
    assert jnp.isnan(values).tolist() == [False, True, True, False, False]


@pytest.mark.parametrize("reduction", ("mean", "none"))
def test_logits_that_would_overflow_do_not(reduction):
    def total(function, x, w):
        return function(x, w, jnp.array([0, 3, 6, 1, 2]), reduction=reduction).sum()

    got, want = (
        jax.value_and_grad(lambda x, w, f=f: total(f, x, w), (0, 1))(1e3 * X[0], W)
        for f in (rules.linear_cross_entropy, lambda x, w, t, **o: rules.softmax_cross_entropy(x @ w, t, **o))
    )
    assert want[0] > 100 and all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(got))
    jax.tree.map(lambda g, w: np.testing.assert_allclose(g, w, rtol=1e-5, atol=1e-4), got, want)


def test_padding_alone_costs_nothing():
    nothing = jnp.full((2, 5), -100)
    value, (dx, dw) = jax.value_and_grad(rules.linear_cross_entropy, (0, 1))(X, W, nothing, ignore_label=-100)
    assert float(value) == 0 and not dx.any() and not dw.any()


def test_float16_does_not_lose_the_gradient_of_a_mean_over_many_rows():
    x, w = jnp.full((4096, 1), 0.01, jnp.float16), jnp.zeros((1, 2), jnp.float16)
    targets = jnp.zeros(4096, jnp.int32)
    dw = jax.grad(lambda w: 1024 * rules.linear_cross_entropy(x, w, targets))(w)
    np.testing.assert_allclose(np.asarray(dw, np.float32), [[-5.12, 5.12]], rtol=2e-3)


def program(function, *arguments):
    compiled: Any = jax.jit(function).lower(*arguments).compile()
    return compiled.cost_analysis()["flops"], compiled.memory_analysis().temp_size_in_bytes


def test_the_value_alone_makes_no_gradients_and_nothing_holds_the_logits(monkeypatch):
    monkeypatch.setattr(kernel, "chunk_rows", lambda rows, classes: 16)
    x, w, targets = jnp.ones((256, 32)), jnp.ones((32, 1024)), jnp.zeros(256, jnp.int32)
    product = 2 * 16 * 32 * 1024  # of one chunk: the cost analysis counts the body of the loop once
    value, _ = program(rules.linear_cross_entropy, x, w, targets)
    by_x, _ = program(jax.grad(rules.linear_cross_entropy), x, w, targets)
    by_both, temporary = program(jax.grad(rules.linear_cross_entropy, (0, 1)), x, w, targets)
    assert value < 1.5 * product and by_x < 2.6 * product and by_both < 3.8 * product
    assert temporary < 0.5 * 4 * 256 * 1024


def test_a_pass_over_many_classes_takes_less_memory_than_the_c_library_keeps():
    shapes = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in (((1024, 256), "f4"), ((256, 32000), "f4"))]
    both = jax.value_and_grad(rules.linear_cross_entropy, (0, 1))
    _, temporary = program(both, *shapes, jax.ShapeDtypeStruct((1024,), "i4"))
    assert temporary < 2**25


@pytest.mark.parametrize(("rows", "classes"), [(0, 5), (1, 5), (4096, 65), (1024, 32000), (1000, 32000), (300, 10**6)])
def test_chunks_are_even_and_not_too_small(rows, classes):
    size = kernel.chunk_rows(rows, classes)
    chunks = -(-rows // size)
    assert size >= 1 and chunks * size - rows < max(chunks, 1)
    assert size <= rows or rows == 0
    assert size * classes <= 6 * 2**20 or size <= 128
