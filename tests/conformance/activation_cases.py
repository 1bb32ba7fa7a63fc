"""The rows of the conformance table for activations."""

import math

import jax
import numpy as np
from cases import Case, clear_of, elementwise, normal, uniform

from fnn import rules

erf = np.vectorize(math.erf, otypes=[np.float64])


def sigma(x):
    return 1 / (1 + np.exp(-x))


def gelu(x):
    return x * (1 + erf(x / np.sqrt(2))) / 2


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1))


def celu(x, alpha=1.0):
    return np.maximum(x, 0) + np.minimum(0, alpha * (np.exp(np.minimum(x, 0) / alpha) - 1))


def selu(x):
    return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)


def softplus(x, beta=1.0):
    return np.log(1 + np.exp(beta * x)) / beta


def swish(x, beta=1.0):
    return x * sigma(beta * x)


def leaky_relu(x, negative_slope=0.01):
    return np.where(x > 0, x, negative_slope * x)


def hard_sigmoid(x):
    return np.where(x <= -3, 0, np.where(x >= 3, 1, x / 6 + 0.5))


def soft_shrink(x, lambd=0.5):
    return np.where(x > lambd, x - lambd, np.where(x < -lambd, x + lambd, 0.0))


def ramp(x, a=0.0, b=1.0, c=0.0, d=1.0):
    return np.where(x < c, a, np.where(x > d, b, a + (x - c) * (b - a) / (d - c)))


def gaussian(x, mu=0.0, sigma=1.0):
    return np.exp(-((x - mu) ** 2) / (2 * sigma**2)) / np.sqrt(2 * np.pi * sigma**2)


def step(x, low=0.0, high=1.0, threshold=0.0):
    return np.where(x >= threshold, high, low)


def softmax(x, axis=-1):
    e = np.exp(x)
    return e / e.sum(axis, keepdims=True)


def prelu(x, slope):
    return np.where(x > 0, x, slope * x)


def halves(x, axis):
    return np.split(x, 2, axis)


def glu(x, axis=-1):
    a, b = halves(x, axis)
    return a * sigma(b)


def swiglu(x, axis=-1):
    a, b = halves(x, axis)
    return a * sigma(a) * b


def geglu(x, axis=-1):
    a, b = halves(x, axis)
    return gelu(a) * b


def maxout(x, pieces=2):
    return np.stack([x[..., k::pieces] for k in range(pieces)]).max(0)


DROPPED = jax.jit(rules.dropout, static_argnames=("rate", "shared"))


def dropout(x, key, rate, shared=()):
    """Entries are 0 or x / (1 - rate); which ones, the rule itself says (tests/rules/test_dropout.py has the rest)."""
    seen = np.asarray(DROPPED(jax.numpy.ones(x.shape, np.float32), key, rate=rate, shared=shared))
    return x * (seen > 0) / (1 - rate)


WIDE = normal("wide", 4, 6)
SPREAD = np.linspace(-2.9, 2.7, 24).reshape(4, 6)[:, ::-1]  # distinct, so that no maximum is a tie
BLOCK = normal("block", 2, 3, 4)


def along(rule, reference, *axes: int, x=WIDE) -> list[Case]:
    rows = [Case(rule, f"axis={axis}", (x,), {"axis": axis}, reference, length=6) for axis in axes]
    return [Case(rule, "default", (x,), {}, reference, length=6), *rows]


ACTIVATIONS: list[Case] = [
    *elementwise(rules.identity, lambda x: x, scalar=True),
    *elementwise(rules.step, step, {}, {"low": -1.0}, {"high": 2.0, "threshold": 0.5}, kinks=(0.0, 0.5)),
    *elementwise(
        rules.step_straight_through,
        step,
        {},
        {"low": -1.0, "high": 2.0, "threshold": 0.5},
        kinks=(0.0, 0.5),
        surrogate=lambda x, **_: x,
    ),
    *elementwise(rules.ramp, ramp, {}, {"a": 2.0, "b": -1.0, "c": -1.5, "d": 1.2}, kinks=(0.0, 1.0, -1.5, 1.2)),
    *elementwise(rules.sigmoid, sigma),
    *elementwise(
        rules.general_sigmoid,
        lambda v, x=1.0, y=0.0, z=0.0: z + 1 / (1 + np.exp(-x * v + y)),
        {},
        {"x": 1.7, "y": 0.4, "z": -0.5},
    ),
    *elementwise(rules.tanh, np.tanh, scalar=True),
    *elementwise(rules.gaussian, gaussian, {}, {"mu": 0.3, "sigma": 1.4}),
    *elementwise(rules.relu, lambda x: np.where(x > 0, x, 0.0), kinks=(0.0,)),
    *elementwise(rules.leaky_relu, leaky_relu, {}, {"negative_slope": 0.3}, kinks=(0.0,)),
    *elementwise(rules.relu6, lambda x: np.minimum(np.maximum(x, 0), 6), kinks=(0.0, 6.0), x=3 * normal("six", 4, 3)),
    *elementwise(rules.squared_relu, lambda x: np.maximum(x, 0) ** 2, kinks=(0.0,)),
    *elementwise(rules.elu, elu, {}, {"alpha": 0.6}, kinks=(0.0,)),
    *elementwise(rules.celu, celu, {}, {"alpha": 0.6}, kinks=(0.0,)),
    *elementwise(rules.selu, selu, kinks=(0.0,)),
    *elementwise(rules.gelu, gelu),
    *elementwise(rules.gelu_tanh, gelu_tanh),
    *elementwise(rules.silu, swish),
    *elementwise(rules.swish, swish, {}, {"beta": 0.7}, {"beta": 0.0}),
    *elementwise(rules.mish, lambda x: x * np.tanh(softplus(x))),
    *elementwise(rules.softplus, softplus, {}, {"beta": 2.5}),
    *elementwise(rules.softsign, lambda x: x / (1 + np.abs(x)), kinks=(0.0,)),
    *elementwise(rules.log_sigmoid, lambda x: np.log(sigma(x))),
    *elementwise(rules.hard_sigmoid, hard_sigmoid, kinks=(-3.0, 3.0)),
    *elementwise(
        rules.hard_tanh,
        lambda x, low=-1.0, high=1.0: np.clip(x, low, high),
        {},
        {"low": -0.4, "high": 1.9},
        kinks=(-1.0, 1.0, -0.4, 1.9),
    ),
    *elementwise(rules.hard_swish, lambda x: x * hard_sigmoid(x), kinks=(-3.0, 3.0)),
    *elementwise(rules.tanh_shrink, lambda x: x - np.tanh(x)),
    *elementwise(rules.soft_shrink, soft_shrink, {}, {"lambd": 1.1}, kinks=(-0.5, 0.5, -1.1, 1.1)),
    *elementwise(
        rules.hard_shrink,
        lambda x, lambd=0.5: np.where(np.abs(x) > lambd, x, 0.0),
        {},
        {"lambd": 1.1},
        kinks=(-0.5, 0.5, -1.1, 1.1),
    ),
    *elementwise(
        rules.threshold,
        lambda x, threshold, value: np.where(x > threshold, x, value),
        {"threshold": 0.3, "value": -1.5},
        {"threshold": -0.7, "value": 2.0},
        kinks=(0.3, -0.7),
        scalar=True,
    ),
    *elementwise(rules.exp, np.exp),
    *elementwise(rules.log, np.log, x=uniform("log", 4, 3, low=0.3, high=3.0)),
    *elementwise(rules.sqrt, np.sqrt, x=uniform("sqrt", 4, 3, low=0.3, high=3.0)),
    *elementwise(rules.square, np.square, scalar=True),
    Case(rules.prelu, "scalar slope", (clear_of(WIDE, 0.0), np.array(-0.3)), {}, prelu, length=24),
    Case(rules.prelu, "slope a feature", (clear_of(WIDE, 0.0), normal("slope", 6)), {}, prelu, length=4),
    Case(rules.prelu, "three axes", (clear_of(BLOCK, 0.0), normal("slope", 4)), {}, prelu, length=6),
    *along(rules.softmax, softmax, 0),
    Case(rules.softmax, "three axes", (BLOCK,), {"axis": 1}, softmax, length=3),
    *along(rules.softmin, lambda x, axis=-1: softmax(-x, axis), 0),
    *along(rules.log_softmax, lambda x, axis=-1: np.log(softmax(x, axis)), 0),
    *along(rules.glu, glu, 0),
    *along(rules.swiglu, swiglu, 0),
    *along(rules.geglu, geglu, 0),
    Case(rules.maxout, "default", (SPREAD,), {}, maxout),
    Case(rules.maxout, "pieces=3", (SPREAD,), {"pieces": 3}, maxout),
    Case(rules.dropout, "rate=0.25", (WIDE, jax.random.key(3)), {"rate": 0.25}, dropout),
    Case(rules.dropout, "rate=0.5, raw key", (BLOCK, jax.random.PRNGKey(4)), {"rate": 0.5}, dropout),
    Case(rules.dropout, "shared", (BLOCK, jax.random.key(3)), {"rate": 0.5, "shared": (-2,)}, dropout),
    Case(rules.dropout, "rate=0", (WIDE, jax.random.key(3)), {"rate": 0.0}, lambda x, key, rate: x),
]
