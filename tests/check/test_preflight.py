"""What cannot be checked is refused in a sentence that says what was given, what was wanted and what to do."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import check, rules

X = np.asarray([0.3, -1.2, 2.0])
_calls = itertools.count()


def changes_shape(x):
    return x[: 1 + next(_calls) % 2]


def closes_over_a_tracer(x):
    @jax.jit
    def inside(y):
        return check.rule(lambda x: x * y, X)

    return inside(x)


REFUSED = {
    "no differentiable argument": (jnp.sin, (np.arange(3),), {}, ["sin", "not differentiable", "int32"]),
    "no argument at all": (lambda: jnp.ones(3), (), {}, ["not differentiable", "got none"]),
    "no output": (lambda x: None, (X,), {}, ["outputs nothing", "None"]),
    "no floating output": (jnp.argmax, (X,), {}, ["argmax", "int", "no gradient"]),
    "another shape each time": (changes_shape, (X,), {}, ["changes shape", "(1,)", "(2,)"]),
    "a missing argument": (rules.linear, (X,), {}, ["linear", "argument w was not given", "(x, w, b)"]),
    "a missing key": (rules.dropout, (X,), {"rate": 0.5}, ["dropout", "key", "jax.random.key(0)"]),
    "a refusal of its own": (rules.dropout, (X, jax.random.key(0)), {"rate": 2.0}, ["rate = 2.0", "raises ValueError"]),
    "a tracer in the closure": (closes_over_a_tracer, (X,), {}, ["closes over a tracer", "pass what"]),
    "a reference of another shape": (jnp.sin, (X,), {"reference": jnp.sum}, ["disagrees in structure", "(3,)", "()"]),
    "a reference that raises": (jnp.sin, (X,), {"reference": rules.linear}, ["its reference", "raises"]),
    "an unknown property": (jnp.sin, (X,), {"only": ("valu",)}, ["no property 'valu'", "cotangents"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_are_sentences(name):
    function, arguments, options, words = REFUSED[name]
    with pytest.raises(ValueError) as caught:
        check.rule(function, *arguments, **options)
    for word in words:
        assert word in str(caught.value), str(caught.value)
    assert str(caught.value).endswith("."), str(caught.value)


def test_a_reference_that_jax_cannot_differentiate():
    def unbounded(x):
        return jax.lax.while_loop(lambda y: y.sum() < 0, lambda y: y + 1, x)

    with pytest.raises(ValueError, match="cannot differentiate the reference"):
        check.rule(jnp.sin, X, reference=unbounded)


def test_a_function_that_refuses_float64_is_checked_in_float32():
    def single(x):
        if x.dtype == jnp.float64:
            raise TypeError("single: wanted float32")
        return jnp.sin(x)

    report = check.rule(single, X, only=("value", "differences", "precision"))
    assert report.ok and "float32" in report.arguments
    assert report["precision"].status == "not run"


def test_integers_keys_and_none_are_bound():
    labels = np.asarray([0, 1, 1])
    logits = np.asarray([[0.1, -0.4], [1.0, 0.3], [0.2, 0.9]])
    report = check.rule(rules.softmax_cross_entropy, logits, labels, None, only=("structure", "cotangents"))
    assert report.ok and "labels" not in report.arguments and "targets" not in report.arguments
    assert check.rule(rules.dropout, X, jax.random.key(1), rate=0.5, only=("structure", "cotangents")).ok


def test_a_partial_is_its_function():
    import functools

    report = check.rule(functools.partial(rules.softmax, axis=0), X[:, None] * X, only=("cotangents",))
    assert report.ok and report.rule == "softmax" and "axis=0" in report.arguments
