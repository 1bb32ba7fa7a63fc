"""Metrics against scikit-learn."""

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as reference

from fnn import train

DRAW = np.random.default_rng(3)
LOGITS = DRAW.normal(size=(40, 6)).astype(np.float32)
LABELS = DRAW.integers(0, 6, 40).astype(np.int32)
ONE_HOT = np.eye(6, dtype=np.float32)[LABELS]


@pytest.mark.parametrize("labels", (LABELS, ONE_HOT), ids=("integers", "one-hot"))
def test_classification(labels):
    answers = LOGITS.argmax(-1)
    accuracy = reference.accuracy_score(LABELS, answers)
    logits, labels = jnp.asarray(LOGITS), jnp.asarray(labels)
    assert float(train.accuracy(logits, labels)) == pytest.approx(accuracy)
    np.testing.assert_array_equal(train.confusion_matrix(logits, labels), reference.confusion_matrix(LABELS, answers))
    for k in range(1, 7):
        wanted = reference.top_k_accuracy_score(LABELS, LOGITS, k=k, labels=range(6)) if k < 6 else 1.0
        assert float(train.top_k_accuracy(logits, labels, k=k)) == pytest.approx(wanted)


def test_leading_axes_are_all_the_batch():
    logits, labels = jnp.asarray(LOGITS.reshape(5, 8, 6)), jnp.asarray(LABELS.reshape(5, 8))
    flat = jnp.asarray(LOGITS), jnp.asarray(LABELS)
    assert train.accuracy(logits, labels) == train.accuracy(*flat)
    assert train.top_k_accuracy(logits, labels, k=2) == train.top_k_accuracy(*flat, k=2)
    np.testing.assert_array_equal(train.confusion_matrix(logits, labels), train.confusion_matrix(*flat))


def test_a_class_that_nobody_has_is_an_empty_row():
    matrix = train.confusion_matrix(jnp.asarray(LOGITS[:4]), jnp.zeros(4, jnp.int32))
    assert matrix[0].sum() == 4 and not np.asarray(matrix)[1:].any()


def test_intersection_over_union():
    logits, labels = LOGITS.reshape(5, 8, 6), LABELS.reshape(5, 8)
    table = reference.confusion_matrix(LABELS, LOGITS.argmax(-1), labels=range(6))
    wanted = table.diagonal() / (table.sum(0) + table.sum(1) - table.diagonal())
    np.testing.assert_allclose(train.intersection_over_union(logits, labels), wanted, rtol=1e-6)
    nobody = train.intersection_over_union(LOGITS[:3, :2], (LOGITS[:3, 1] > LOGITS[:3, 0]).astype(np.int32))
    np.testing.assert_array_equal(nobody, [1, 1])
    assert train.intersection_over_union(np.eye(3, dtype=np.float32)[:2], np.arange(2, dtype=np.int32)).tolist() == [
        1,
        1,
        1,
    ]


def test_mean_squared_error():
    outputs, targets = LOGITS, np.cos(LOGITS)
    wanted = reference.mean_squared_error(targets, outputs)
    assert float(train.mean_squared_error(jnp.asarray(outputs), jnp.asarray(targets))) == pytest.approx(
        wanted, rel=1e-5
    )


def test_default_metrics_by_the_kind_of_label():
    logits = jnp.asarray(LOGITS)
    assert set(train.default_metrics(logits, jnp.asarray(LABELS))) == {"loss", "accuracy"}
    assert set(train.default_metrics(logits, jnp.asarray(ONE_HOT))) == {"loss"}
    one = train.default_metrics(logits[:, :1], jnp.asarray(LABELS % 2))  # one output a row is a number, not a class
    assert set(one) == {"loss"} and float(one["loss"]) == pytest.approx(((LOGITS[:, 0] - LABELS % 2) ** 2).mean(), 1e-5)


def test_wrong_labels_and_k():
    logits = jnp.asarray(LOGITS)
    with pytest.raises(ValueError, match=r"accuracy: logits have shape \(40, 6\) and labels \(39,\)"):
        train.accuracy(logits, jnp.asarray(LABELS[:39]))
    with pytest.raises(ValueError, match=r"confusion_matrix: logits .* labels \(40, 1\)"):
        train.confusion_matrix(logits, jnp.asarray(LABELS[:, None]))
    for k in (0, 7):
        with pytest.raises(ValueError, match=f"top_k_accuracy: k = {k} of 6 classes"):
            train.top_k_accuracy(logits, jnp.asarray(LABELS), k=k)
