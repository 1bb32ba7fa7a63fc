"""The rows of the conformance table for losses: every reduction, with and without weights, every option."""

from collections.abc import Callable
from typing import Any

import numpy as np
from cases import Case, clear_of, distribution, generator, normal, uniform

from fnn import rules


def reduced(each: Callable[..., Any], index: int) -> Callable[..., Any]:
    """Give a loss per example weights (argument number `index`) and a reduction.

    `each` returns the values, or the values and what each counts in the mean.
    """

    def reference(*arguments, reduction="mean", **config):
        arrays, weights = arguments[:index] + arguments[index + 1 :], (*arguments, *[None] * 9)[index]
        values = each(*arrays, **config)
        values, mass = values if isinstance(values, tuple) else (values, np.ones_like(values))
        w = np.ones_like(values)
        if weights is not None:
            w = weights.reshape(weights.shape + (1,) * (values.ndim - weights.ndim)) * w
        weighted = w * values
        if reduction == "none":
            return weighted
        return weighted.sum() / ((w * mass).sum() if reduction == "mean" else 1.0)

    return reference


def weights_of(*shape: int) -> np.ndarray:
    return uniform("weights", *shape, low=0.2, high=1.7)


ALL = (("mean", False), ("mean", True), ("sum", False), ("sum", True), ("none", False), ("none", True))
SOME = (("mean", False), ("mean", True), ("none", True))  # the reductions are written once, for all losses


def reductions(rule, each, *arrays, after=(), which=SOME, label="", **static) -> list[Case]:
    """Return the cases of a loss on arrays, one a reduction with or without weights."""
    rows = []
    for reduction, weighted in which:
        name = f"{label + ' ' if label else ''}{reduction}{' weighted' if weighted else ''}"
        keywords = {} if reduction == "mean" else {"reduction": reduction}
        arguments = (*arrays, weights_of(len(arrays[0])) if weighted else None, *after)
        rows.append(Case(rule, name, arguments, static | keywords, reduced(each, len(arrays)), length=12))
    return rows


def one(rule, each, label: str, *arguments, index: int, **static) -> Case:
    return Case(rule, label, arguments, static, reduced(each, index), length=12)


def huber(p, t, delta=1.0):
    r = np.abs(p - t)
    return np.where(r <= delta, r**2 / 2, delta * (r - delta / 2))


def gaussian_nll(mean, target, variance, eps=1e-6):
    v = np.maximum(variance, eps)
    return 0.5 * (np.log(v) + (mean - target) ** 2 / v)


def binary(p, t):
    return -(t * np.log(p) + (1 - t) * np.log(1 - p))


def sigma(x):
    return 1 / (1 + np.exp(-x))


def one_hot(labels, classes):
    return (np.arange(classes) == labels[..., None]) * 1.0


def as_distribution(targets, classes):
    return one_hot(targets, classes) if np.issubdtype(targets.dtype, np.integer) else targets


def from_probabilities(p, targets):
    return -(as_distribution(targets, p.shape[-1]) * np.log(p)).sum(-1)


def softmax_cross_entropy(z, targets, a=None, label_smoothing=0.0, ignore_label=None):
    classes = z.shape[-1]
    a = np.ones(classes) if a is None else a
    hard = np.issubdtype(targets.dtype, np.integer)
    t = (1 - label_smoothing) * as_distribution(targets, classes) + label_smoothing / classes
    log_p = z - np.log(np.exp(z).sum(-1, keepdims=True))
    values = -(a * t * log_p).sum(-1)
    if not hard:
        return values
    counted = np.ones(values.shape) if ignore_label is None else (targets != ignore_label) * 1.0
    return counted * values, counted * (one_hot(targets, classes) * a).sum(-1)


def negative_log_likelihood(log_p, labels, a=None, ignore_label=None):
    return softmax_cross_entropy_from_log(log_p, labels, np.ones(log_p.shape[-1]) if a is None else a, ignore_label)


def softmax_cross_entropy_from_log(log_p, labels, a, ignore_label):
    hot = one_hot(labels, log_p.shape[-1])
    counted = np.ones(labels.shape) if ignore_label is None else (labels != ignore_label) * 1.0
    return -counted * (hot * a * log_p).sum(-1), counted * (hot * a).sum(-1)


def multiclass_hinge(s, labels, margin=1.0):
    own = np.take_along_axis(s, labels[..., None], -1)
    return np.maximum(0, margin + s - own).sum(-1) - max(margin, 0)


def cosine_distance(x, y):
    return 1 - (x * y).sum(-1) / (np.linalg.norm(x, axis=-1) * np.linalg.norm(y, axis=-1))


def triplet_margin(a, p, n, margin=1.0):
    return np.maximum(0, np.linalg.norm(a - p, axis=-1) - np.linalg.norm(a - n, axis=-1) + margin)


P, T = normal("prediction", 4, 3), normal("target", 4, 3)
T = P - clear_of(P - T, 0.0, -1.0, 1.0, -0.4, 0.4)
PROBABILITY, SOFT = uniform("probability", 4, 3, low=0.1, high=0.9), uniform("soft", 4, 3, low=0.1, high=0.9)
SIGNS = np.sign(normal("signs", 4, 3))
SCORES = SIGNS * clear_of(SIGNS * P, 1.0)
LOGITS, ROWS = normal("logits", 4, 3, scale=2.0), distribution("rows", 4, 3)
LABELS, LABELS2 = generator("labels").integers(0, 3, size=4), generator("labels").integers(0, 3, size=(2, 2))
LABELS_IGNORED = np.array([2, -100, 0, 2])
CLASS_WEIGHTS = uniform("class weights", 3, low=0.3, high=2.0)
X, Y, Z = (normal(name, 4, 3) for name in ("anchor", "positive", "negative"))
LOG_P = np.log(distribution("log p", 4, 3))
SCE, NLL, GNLL = rules.softmax_cross_entropy, rules.negative_log_likelihood, rules.gaussian_nll
VARIANCE = uniform("variance", 4, 3, low=0.3, high=2.0)

REGRESSION: list[Case] = [
    *reductions(rules.squared_error, lambda p, t: (p - t) ** 2, P, T, which=ALL),
    one(rules.squared_error, lambda p, t: (p - t) ** 2, "weight an entry", P, T, weights_of(4, 3), index=2),
    one(rules.squared_error, lambda p, t: (p - t) ** 2, "integer targets", P, LABELS[:, None] + LABELS[:3], index=2),
    *reductions(rules.half_squared_error, lambda p, t: (p - t) ** 2 / 2, P, T),
    *reductions(rules.absolute_error, lambda p, t: np.abs(p - t), P, T),
    *reductions(rules.huber, huber, P, T),
    one(rules.huber, huber, "delta=0.4", P, T, index=2, delta=0.4),
    *reductions(rules.poisson_nll, lambda x, t: np.exp(x) - t * x, P, np.abs(T)),
    *reductions(rules.gaussian_nll, gaussian_nll, P, T, VARIANCE),
    one(GNLL, gaussian_nll, "eps=1", P, T, clear_of(VARIANCE, 1.0), index=3, eps=1.0),
]

CLASSIFICATION: list[Case] = [
    *reductions(rules.binary_cross_entropy, binary, PROBABILITY, SOFT),
    one(rules.binary_cross_entropy, binary, "integer targets", PROBABILITY, (SIGNS > 0).astype(int), index=2),
    *reductions(rules.sigmoid_cross_entropy, lambda x, t: binary(sigma(x), t), LOGITS, SOFT),
    *reductions(rules.cross_entropy, from_probabilities, distribution("p", 4, 3), ROWS, label="soft"),
    one(rules.cross_entropy, from_probabilities, "labels", distribution("p", 4, 3), LABELS, weights_of(4), index=2),
    *reductions(SCE, softmax_cross_entropy, LOGITS, LABELS, label="labels"),
    *reductions(SCE, softmax_cross_entropy, LOGITS, LABELS, label="labels, class weights", after=(CLASS_WEIGHTS,)),
    *reductions(SCE, softmax_cross_entropy, LOGITS, ROWS, label="soft, class weights", after=(CLASS_WEIGHTS,)),
    *reductions(
        SCE,
        softmax_cross_entropy,
        LOGITS,
        LABELS_IGNORED,
        label="everything",
        after=(CLASS_WEIGHTS,),
        which=ALL,
        ignore_label=-100,
        label_smoothing=0.2,
    ),
    one(SCE, softmax_cross_entropy, "soft", LOGITS, ROWS, index=2),
    one(SCE, softmax_cross_entropy, "soft not normal", LOGITS, SOFT, index=2),
    one(SCE, softmax_cross_entropy, "soft, smoothing", LOGITS, ROWS, index=2, label_smoothing=0.1),
    one(SCE, softmax_cross_entropy, "labels, smoothing", LOGITS, LABELS, index=2, label_smoothing=0.1),
    one(SCE, softmax_cross_entropy, "ignored label", LOGITS, LABELS_IGNORED, index=2, ignore_label=-100),
    one(SCE, softmax_cross_entropy, "ignored class", LOGITS, LABELS_IGNORED % 3, index=2, ignore_label=2),
    one(SCE, softmax_cross_entropy, "one row", LOGITS[0], LABELS[0], index=2),
    one(SCE, softmax_cross_entropy, "two batch axes", LOGITS.reshape(2, 2, 3), LABELS2, weights_of(2), index=2),
    *reductions(NLL, negative_log_likelihood, LOG_P, LABELS),
    *reductions(
        NLL,
        negative_log_likelihood,
        LOG_P,
        LABELS_IGNORED,
        label="everything",
        after=(CLASS_WEIGHTS,),
        ignore_label=-100,
    ),
    *reductions(
        rules.kl_divergence, lambda log_p, t: (t * (np.log(t) - log_p)).sum(-1), LOG_P, distribution("t", 4, 3)
    ),
]

MARGINS: list[Case] = [
    *reductions(rules.hinge, lambda s, y: np.maximum(0, 1 - y * s), SCORES, SIGNS),
    one(rules.hinge, lambda s, y: np.maximum(0, 1 - y * s), "integer labels", SCORES, SIGNS.astype(int), index=2),
    *reductions(rules.squared_hinge, lambda s, y: np.maximum(0, 1 - y * s) ** 2, SCORES, SIGNS),
    *reductions(rules.multiclass_hinge, multiclass_hinge, LOGITS, LABELS),
    one(rules.multiclass_hinge, multiclass_hinge, "margin=0.3", LOGITS, LABELS, index=2, margin=0.3),
    *reductions(rules.cosine_distance, cosine_distance, X, Y),
    *reductions(rules.triplet_margin, triplet_margin, X, Y, Z),
    one(rules.triplet_margin, triplet_margin, "margin=2.5", X, Y, Z, index=3, margin=2.5),
]

LOSSES = REGRESSION + CLASSIFICATION + MARGINS
