"""The checker passes right functions as other people write them: no false alarm."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import check

_draw = np.random.default_rng(11)
X, W, POSITIVE = _draw.normal(size=(4, 3)), _draw.normal(size=(3, 5)), _draw.uniform(0.5, 2, size=3)
Z = _draw.normal(size=3) + 1j * _draw.normal(size=3)


class Right(NamedTuple):
    function: Callable[..., Any]
    arguments: tuple
    options: dict[str, Any] = {}  # noqa: RUF012


@jax.custom_vjp
def product_of_the_manual(x, y):
    return jnp.sin(x) * y


product_of_the_manual.defvjp(
    lambda x, y: (jnp.sin(x) * y, (jnp.cos(x), jnp.sin(x), y)),
    lambda res, g: (res[0] * g * res[2], res[1] * g),
)


@jax.custom_jvp
def log1pexp(x):
    return jnp.log(1.0 + jnp.exp(x))


@log1pexp.defjvp
def _log1pexp_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return log1pexp(x), (1 - 1 / (1 + jnp.exp(x))) * dx


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 2))
def applied(function, x, times):
    return function(x) * times


applied.defvjp(
    lambda function, x, times: (function(x) * times, x),
    lambda function, times, x, g: (jax.vjp(function, x)[1](g * times)[0],),
)


@jax.custom_vjp
def rounded(x):
    return jnp.round(x)


rounded.defvjp(lambda x: (jnp.round(x), None), lambda _, g: (g,))


@jax.custom_vjp
def root(a):
    """Newton's method, differentiated by the implicit function theorem."""
    return jax.lax.fori_loop(0, 12, lambda _, x: x - (x**2 - a) / (2 * x), jnp.ones_like(a))


root.defvjp(lambda a: (root(a), root(a)), lambda y, g: (g / (2 * y),))


@jax.custom_vjp
def norm_in_float32(x, scale):
    wide = x.astype(jnp.float32)
    inverse = jax.lax.rsqrt((wide**2).mean(-1, keepdims=True) + 1e-6)
    return ((wide * inverse) * scale.astype(jnp.float32)).astype(x.dtype)


def _norm_forward(x, scale):
    return norm_in_float32(x, scale), (x, scale)


def _norm_backward(res, g):
    x, scale = res
    wide, g32, s = x.astype(jnp.float32), g.astype(jnp.float32), scale.astype(jnp.float32)
    inverse = jax.lax.rsqrt((wide**2).mean(-1, keepdims=True) + 1e-6)
    y = wide * inverse
    dy = g32 * s
    dx = (dy - y * (dy * y).mean(-1, keepdims=True)) * inverse
    return dx.astype(x.dtype), (g32 * y).sum(0).astype(scale.dtype)


norm_in_float32.defvjp(_norm_forward, _norm_backward)


def straight_through(x):
    return x + jax.lax.stop_gradient(jnp.round(x) - x)


def running_sum(x):
    return jax.lax.scan(lambda c, row: (c + row, jnp.tanh(c)), jnp.zeros(3, x.dtype), x)


RIGHT = {
    "the manual's custom_vjp": Right(product_of_the_manual, (X[0], X[1])),
    "the manual's custom_jvp": Right(log1pexp, (X,)),
    "nondiff_argnums": Right(applied, (jnp.sin, X, 3)),
    "jit of a custom_vjp": Right(jax.jit(product_of_the_manual), (X, X[::-1] + 0.1)),
    "straight through, with its reference": Right(rounded, (3 * X,), {"reference": straight_through}),
    "an iteration to rounding": Right(root, (POSITIVE,), {"without": ("edges",)}),
    "an approximation that says so": Right(
        jax.nn.gelu, (X,), {"reference": functools.partial(jax.nn.gelu, approximate=False), "accuracy": 1e-2}
    ),
    "float32 inside": Right(norm_in_float32, (X, POSITIVE)),
    "relu": Right(jax.nn.relu, (X,), {"order": 2}),
    "softmax": Right(jax.nn.softmax, (X,), {"order": 2}),
    "logsumexp": Right(jax.nn.logsumexp, (X,)),
    "a product": Right(jnp.matmul, (X, W)),
    "a scan with two outputs": Right(running_sum, (X,)),
    "a tree": Right(lambda p, x: {"y": jnp.tanh(x @ p["w"]), "n": x.shape[0]}, ({"w": W}, X)),
    "complex numbers": Right(lambda z: (z * jnp.conj(z) * jnp.exp(z), jnp.abs(z)), (Z,)),
    "ties": Right(lambda x: (x.max(-1), jnp.sort(x, 0), jnp.median(x, 0)), (X,)),
    "integer outputs": Right(lambda x: (x * 2, jnp.argmax(x)), (X,)),
    "a scalar": Right(jnp.sin, (0.7,)),
    "an axis of its own": Right(jnp.cumsum, (X, 1)),
}


@pytest.fixture(autouse=True)
def as_a_user_has_it():
    """JAX's own settings, not the suite's strict ones."""
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_function_passes(name):
    row = RIGHT[name]
    check.rule(row.function, *row.arguments, **row.options).assert_passed()


def test_arrays_too_large_for_a_jacobian_are_probed_and_the_report_says_so():
    x = np.random.default_rng(0).normal(size=(40, 30))
    report = check.rule(jax.nn.relu, x, only=("cotangents", "differences", "edges")).assert_passed()
    assert "1200 probed" in report["cotangents"].detail
    assert "too large for a full Jacobian" in report["differences"].detail


def test_a_report_prints_as_a_table_and_as_json():
    import json

    report = check.rule(jnp.sin, X, reference=jnp.cos, only=("value", "cotangents"))
    lines = str(report).splitlines()
    assert lines[0] == "sin(x: float64[4, 3])" and lines[2].split() == ["property", "result", "worst"]
    assert any(line.startswith("value") and "FAILED" in line for line in lines)
    tree = json.loads(report.json())
    assert tree["ok"] is False and tree["outcomes"][0]["failures"][0]["argument"] == "output"
    with pytest.raises(AssertionError, match="sin fails value, output"):
        report.assert_passed()
    with pytest.raises(KeyError, match="no property 'edges' was checked"):
        report["edges"]


def test_a_report_is_the_same_each_time_for_one_seed():
    first, again = (check.rule(jnp.sin, X, reference=jnp.cos, only=("value",), seed=3) for _ in range(2))
    assert first.failures == again.failures
    assert (
        check.rule(jnp.sin, X, reference=jnp.cos, only=("cotangents",), seed=4).failures[0].got != first.failures[0].got
    )


def test_axes_of_size_one_and_keys_are_left_as_they_are():
    report = check.rule(
        lambda x, key: x + jax.random.normal(key, x.shape, x.dtype), X[:1, :1] + X[:1], jax.random.key(0)
    )
    assert report.assert_passed()["sizes"].status == "passed"
    keys = jax.random.split(jax.random.key(0), 3)
    check.rule(
        lambda x, keys: jax.vmap(lambda x, k: x * jax.random.uniform(k, (), x.dtype))(x, keys), X[0], keys
    ).assert_passed()


def test_a_gradient_that_is_on_purpose_another_is_noted_where_the_plain_forward_says_so():
    from fnn import rules

    report = check.rule(rules.step_straight_through, X, order=2).assert_passed()
    assert report["differences"].status == "noted" and "stop_gradient" in report["differences"].detail
