"""The rows of the conformance table for the rules that normalise."""

import numpy as np
from cases import Case, normal, uniform

from fnn import rules


def normalised(x, axes, eps, scale, offset):
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    y = (x - mean) / np.sqrt(variance + eps)
    return y * (1.0 if scale is None else scale) + (0.0 if offset is None else offset)


def batch_norm(x, scale=None, offset=None, eps=1e-5):
    axes = tuple(range(x.ndim - 1))
    return normalised(x, axes, eps, scale, offset), x.mean(axes), x.var(axes)


def batch_norm_inference(x, mean, variance, scale=None, offset=None, eps=1e-5):
    y = (x - mean) / np.sqrt(variance + eps)
    return y * (1.0 if scale is None else scale) + (0.0 if offset is None else offset)


def group_norm(x, scale=None, offset=None, groups=1, eps=1e-5):
    split = x.reshape(x.shape[0], -1, groups, x.shape[-1] // groups)
    y = normalised(split, (1, 3), eps, None, None).reshape(x.shape)
    return y * (1.0 if scale is None else scale) + (0.0 if offset is None else offset)


def instance_norm(x, scale=None, offset=None, eps=1e-5):
    return group_norm(x, scale, offset, x.shape[-1], eps)


def layer_norm(x, scale=None, offset=None, axis=-1, eps=1e-5):
    return normalised(x, axis, eps, scale, offset)


def rms_norm(x, scale=None, axis=-1, eps=1e-5):
    y = x / np.sqrt((x**2).mean(axis, keepdims=True) + eps)
    return y if scale is None else y * scale


def local_response_norm(x, size=5, alpha=1e-4, beta=0.75, k=1.0):
    y = np.empty_like(x)
    for i in range(x.shape[-1]):
        window = x[..., max(i - size // 2, 0) : i + (size - 1) // 2 + 1]
        y[..., i] = x[..., i] / (k + alpha / size * (window**2).sum(-1)) ** beta
    return y


def weight_norm(v, g):
    return g * v / np.sqrt((v**2).sum(tuple(range(v.ndim - 1))))


X2, X3 = normal("rows", 3, 6, scale=3.0), normal("sequence", 2, 5, 4, scale=3.0)
X4 = normal("images", 2, 2, 3, 4, scale=3.0)
SCALE, OFFSET, SCALE6 = normal("scale", 4), normal("offset", 4), normal("scale of six", 6)
MEAN, VARIANCE = normal("running mean", 4), uniform("running variance", 4, low=0.3, high=2.0)

NORMALISATION: list[Case] = [
    Case(rules.batch_norm, "plain", (X3,), {}, batch_norm, length=15),
    Case(rules.batch_norm, "scale", (X2, SCALE6), {"eps": 0.1}, batch_norm, length=6),
    Case(rules.batch_norm, "images", (X4, SCALE, OFFSET), {"eps": 0.1}, batch_norm, length=30),
    Case(rules.batch_norm_inference, "plain", (X3, MEAN, VARIANCE), {}, batch_norm_inference, length=6),
    Case(
        rules.batch_norm_inference,
        "images",
        (X4, MEAN, VARIANCE, SCALE, OFFSET),
        {"eps": 0.1},
        batch_norm_inference,
        length=30,
    ),
    Case(rules.group_norm, "rows", (X2,), {"groups": 2}, group_norm, length=2),
    Case(rules.group_norm, "one group", (X3, None, OFFSET), {"groups": 1}, group_norm, length=20),
    Case(rules.group_norm, "images", (X4, SCALE, OFFSET), {"groups": 2, "eps": 0.1}, group_norm, length=60),
    Case(rules.instance_norm, "plain", (X3,), {}, instance_norm, length=5),
    Case(rules.instance_norm, "images", (X4, SCALE, OFFSET), {"eps": 0.1}, instance_norm, length=30),
    Case(rules.layer_norm, "plain", (X2,), {}, layer_norm, length=4),
    Case(rules.layer_norm, "scale", (X3, SCALE), {"axis": -1}, layer_norm, length=15),
    Case(
        rules.layer_norm,
        "axes",
        (X3, normal("scales", 5, 4), normal("offsets", 5, 4)),
        {"axis": (-2, -1), "eps": 0.1},
        layer_norm,
        length=20,
    ),
    Case(rules.rms_norm, "plain", (X2,), {}, rms_norm, length=4),
    Case(rules.rms_norm, "axes", (X3, normal("scales", 5, 4)), {"axis": (1, 2), "eps": 0.1}, rms_norm, length=20),
    Case(rules.local_response_norm, "default", (X2,), {}, local_response_norm, length=5),
    Case(
        rules.local_response_norm,
        "even",
        (X3,),
        {"size": 4, "alpha": 0.7, "beta": 1.3, "k": 0.5},
        local_response_norm,
        length=4,
    ),
    Case(rules.weight_norm, "matrix", (X2, SCALE6), {}, weight_norm, length=6),
    Case(rules.weight_norm, "filters", (normal("filters", 2, 3, 4), SCALE), {}, weight_norm, length=30),
]
