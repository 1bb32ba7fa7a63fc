"""Losses where others overflow: huge and infinite logits, certain probabilities, ignored and impossible labels."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import rules

INF = math.inf
CE = rules.softmax_cross_entropy


def value_and_gradients(loss, *arguments, **static):
    floats = [
        k for k, a in enumerate(arguments) if a is not None and jnp.issubdtype(jnp.asarray(a).dtype, jnp.floating)
    ]
    return jax.value_and_grad(lambda *a: loss(*a, **static), floats)(*arguments)


def assert_finite(tree):
    for leaf in jax.tree.leaves(tree):
        assert np.isfinite(leaf).all(), leaf


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float16, jnp.bfloat16])
def test_huge_logits_are_exact(dtype):
    z = jnp.array([[1e4, -1e4, 0.0], [1e4, 1e4, -1e4], [-1e4, -1e4, -1e4]], dtype)
    big = float(z[0, 0])  # 1e4 as the dtype has it
    labels = jnp.array([1, 0, 2])
    got = CE(z, labels, reduction="none")
    np.testing.assert_allclose(got, [2 * big, math.log(2), math.log(3)], rtol=1e-6)
    dz = jax.grad(lambda z: CE(z, labels, reduction="sum"))(z).astype(jnp.float32)
    np.testing.assert_allclose(
        dz, [[1, -1, 0], [-0.5, 0.5, 0], [1 / 3, 1 / 3, -2 / 3]], rtol=4 * float(jnp.finfo(dtype).eps)
    )
    soft = jnp.full((3, 3), 1 / 3)
    value, gradients = value_and_gradients(CE, z, soft, reduction="sum", label_smoothing=0.1)
    assert_finite((value, gradients))


def test_logits_near_the_largest_float():
    z = jnp.array([[3e38, -3e38]])
    assert float(CE(z, jnp.array([0]))) == 0.0
    assert_finite(jax.grad(CE)(z, jnp.array([0])))


@pytest.mark.parametrize("class_weights", [None, jnp.array([1.0, 2.0, 3.0])])
def test_masked_classes_do_no_harm(class_weights):
    z = jnp.array([[1.0, -INF, 2.0], [0.5, 0.0, -INF]])
    labels = jnp.array([0, 1])
    value, (dz, *rest) = value_and_gradients(CE, z, labels, None, class_weights, reduction="sum")
    a = np.ones(3) if class_weights is None else np.asarray(class_weights, np.float64)
    want = [math.log(1 + math.e), math.log(1 + math.exp(0.5))]
    np.testing.assert_allclose(value, a[0] * want[0] + a[1] * want[1], rtol=1e-6)
    assert_finite((dz, rest))
    assert float(dz[0, 1]) == float(dz[1, 2]) == 0.0
    soft = jnp.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    value, (dz, _, *rest) = value_and_gradients(CE, z, soft, None, class_weights, reduction="sum")
    np.testing.assert_allclose(value, a[0] * want[0] + a[1] * want[1], rtol=1e-6)
    assert_finite((dz, rest))


def test_masked_classes_do_no_harm_to_negative_log_likelihood():
    log_p = jnp.array([[math.log(0.25), -INF, math.log(0.75)]])
    value, (d,) = value_and_gradients(rules.negative_log_likelihood, log_p, jnp.array([2]))
    np.testing.assert_allclose(value, -math.log(0.75), rtol=1e-6)
    assert d.tolist() == [[0.0, 0.0, -1.0]]


def test_binary_cross_entropy_from_huge_logits():
    x, t = jnp.array([1e4, -1e4, 1e4, -1e4, 0.0]), jnp.array([1.0, 0.0, 0.0, 1.0, 0.5])
    np.testing.assert_allclose(
        rules.sigmoid_cross_entropy(x, t, reduction="none"), [0, 0, 1e4, 1e4, math.log(2)], rtol=1e-6
    )
    dx = jax.grad(lambda x: rules.sigmoid_cross_entropy(x, t, reduction="sum"))(x)
    assert dx.tolist() == [0.0, 0.0, 1.0, -1.0, 0.0]


def test_certain_probabilities():
    p, t = jnp.array([0.0, 1.0, 0.0, 1.0]), jnp.array([0.0, 1.0, 1.0, 0.0])
    each = rules.binary_cross_entropy(p, t, reduction="none")
    assert each.tolist() == [0.0, 0.0, INF, INF]
    dp = jax.grad(lambda p: rules.binary_cross_entropy(p, t, reduction="sum"))(p)
    assert dp.tolist() == [1.0, -1.0, -INF, INF]
    rows = jnp.array([[1.0, 0.0], [0.0, 1.0]])
    for targets, value, gradient in (
        (jnp.array([0, 1]), 0.0, [[-1.0, 0.0], [0.0, -1.0]]),
        (jnp.array([[1.0, 0.0], [0.0, 1.0]]), 0.0, [[-1.0, 0.0], [0.0, -1.0]]),
        (jnp.array([1, 1]), INF, [[0.0, -INF], [0.0, -1.0]]),
    ):
        got, dp = jax.value_and_grad(lambda p, targets=targets: rules.cross_entropy(p, targets, reduction="sum"))(rows)
        assert float(got) == value and dp.tolist() == gradient


def test_kl_divergence_where_a_target_is_zero():
    log_p, t = jnp.log(jnp.array([[0.5, 0.5], [1.0, 0.0]])), jnp.array([[1.0, 0.0], [1.0, 0.0]])
    value, (dlog, dt) = value_and_gradients(rules.kl_divergence, log_p, t, reduction="sum")
    np.testing.assert_allclose(value, math.log(2), rtol=1e-6)
    np.testing.assert_array_equal(dlog, -t)
    assert float(dt[0, 1]) == -INF and np.isfinite(dt[:, 0]).all()


LABEL_LOSSES = [CE, rules.negative_log_likelihood, rules.cross_entropy, rules.multiclass_hinge]


@pytest.mark.parametrize("loss", LABEL_LOSSES)
@pytest.mark.parametrize("label", [-1, 3, -100])
def test_a_label_out_of_range_is_nan(loss, label):
    scores = jnp.array([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]])
    each = loss(scores, jnp.array([label, 1]), reduction="none")
    assert math.isnan(float(each[0])) and np.isfinite(each[1])


@pytest.mark.parametrize("loss", [CE, rules.negative_log_likelihood])
@pytest.mark.parametrize("class_weights", [None, jnp.array([0.5, 1.0, 2.0])])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_ignored_labels_have_no_part(loss, class_weights, reduction):
    scores = jax.nn.log_softmax(jnp.array([[0.2, 0.3, 0.5], [7.0, -INF, 0.8], [1.0, 2.0, 3.0]]))
    labels = jnp.array([0, -100, 2])

    def total(scores, labels):
        return loss(scores, labels, None, class_weights, ignore_label=-100, reduction=reduction).sum()

    value, d = jax.value_and_grad(total)(scores, labels)
    want, wanted = jax.value_and_grad(total)(scores[::2], labels[::2])
    np.testing.assert_allclose(value, want, rtol=1e-6)
    np.testing.assert_allclose(d[::2], wanted, rtol=1e-6)
    np.testing.assert_array_equal(d[1], 0)


def test_the_mean_of_nothing_is_zero_with_no_gradient():
    z, weights = jnp.array([[1.0, 2.0], [3.0, -1.0]]), jnp.zeros(2)
    for arguments, static in (
        ((z, jnp.array([5, 5])), {"ignore_label": 5}),
        ((z, jnp.array([0, 1]), weights), {}),
        ((z, jnp.array([0, 1]), None, weights), {}),
        ((z, jnp.array([5, 5]), weights, jnp.ones(2)), {"ignore_label": 5}),
    ):
        value, (dz, *_) = value_and_gradients(CE, *arguments, **static)
        assert float(value) == 0.0
        np.testing.assert_array_equal(dz, 0)
    value, gradients = value_and_gradients(rules.squared_error, z, z + 1, weights)
    assert float(value) == 0.0
    for leaf in gradients:
        np.testing.assert_array_equal(leaf, 0)


def test_kinks():
    def cotangent(loss, *arguments, **static):
        return jax.grad(lambda *a: loss(*a, **static))(*arguments).tolist()

    one, two = jnp.ones(1), jnp.full(1, 2.0)
    assert cotangent(rules.hinge, one, one) == [0.0]
    assert cotangent(rules.squared_hinge, one, one) == [0.0]
    assert cotangent(rules.absolute_error, one, one) == [0.0]
    assert cotangent(rules.huber, two, one) == [1.0] == cotangent(rules.huber, two + 5, one)
    assert cotangent(rules.multiclass_hinge, jnp.array([[0.0, 1.0]]), jnp.array([1])) == [[0.0, 0.0]]
    assert cotangent(rules.gaussian_nll, one, two, jnp.full(1, 0.5), eps=0.5) == [-2.0]


def test_gaussian_nll_below_eps_has_no_gradient_of_the_variance():
    mean, target, variance = jnp.ones(3), jnp.full(3, 2.0), jnp.array([0.5, 0.2, 1.0])
    d = jax.grad(lambda v: rules.gaussian_nll(mean, target, v, eps=0.5, reduction="sum"))(variance)
    assert d.tolist() == [0.0, 0.0, 0.0]  # at v = 1 the derivative (1 - 1)/2 is 0 too
    d = jax.grad(lambda v: rules.gaussian_nll(mean, target, v, eps=0.1, reduction="sum"))(variance)
    np.testing.assert_allclose(d, 0.5 * (1 - 1 / variance) / variance, rtol=1e-5)


def test_zero_vectors_have_no_direction():
    zero, one = jnp.zeros((1, 3)), jnp.array([[1.0, 2.0, 2.0]])
    value, (dx, dy) = value_and_gradients(rules.cosine_distance, zero, one)
    assert float(value) == 1.0
    np.testing.assert_array_equal(dx, 0)
    np.testing.assert_array_equal(dy, 0)
    value, gradients = value_and_gradients(rules.triplet_margin, one, one, one + 0.1)
    assert_finite((value, gradients))
    value, gradients = value_and_gradients(rules.triplet_margin, one, one, one + 10)
    assert float(value) == 0.0 and all((np.asarray(g) == 0).all() for g in gradients)


@pytest.mark.parametrize("loss", [rules.squared_error, CE])
def test_half_precision_losses_are_float32(loss):
    x = jnp.ones((4, 3), jnp.bfloat16)
    value, dx = jax.value_and_grad(loss)(x, x)
    assert value.dtype == jnp.float32 and dx.dtype == jnp.bfloat16


# At a target or probability of 0 the slope by it is infinite; in a row of weight 0 it counts for nothing.
INFINITE_SLOPES = [
    (rules.binary_cross_entropy, [0.0, 0.0], [1.0, 1.0], [-INF, 0.0], [INF, 0.0]),
    (rules.binary_cross_entropy, [1.0, 1.0], [0.0, 0.0], [INF, 0.0], [-INF, 0.0]),
    (rules.cross_entropy, [[0.0], [0.0]], [[1.0], [1.0]], [[-INF], [0.0]], [[INF], [0.0]]),
    (rules.kl_divergence, [[-1.0], [-1.0]], [[0.0], [0.0]], [[0.0], [0.0]], [[-INF], [0.0]]),
]


@pytest.mark.parametrize("row", INFINITE_SLOPES, ids=lambda row: row[0].name)
def test_a_row_of_weight_zero_has_no_gradient_even_where_the_slope_is_infinite(row):
    loss, predictions, targets, dpredictions, dtargets = row
    weights = jnp.array([1.0, 0.0])
    got = jax.grad(lambda p, t: loss(p, t, weights, reduction="none").sum(), (0, 1))(
        jnp.array(predictions), jnp.array(targets)
    )
    np.testing.assert_array_equal(got[0], dpredictions)
    np.testing.assert_array_equal(got[1], dtargets)
