"""`@check.property`: a right rule passes, a wrong one fails with the call that draws its arguments again."""

import sys

import jax
import jax.numpy as jnp
import pytest
from jaxtyping import Array, Float

from fnn import check, rule, rules

QUICK = ("value", "cotangents")
calls = []


@check.property(rules.linear, only=QUICK)
def test_a_right_rule_passes(report):
    assert report.rule == "linear" and [outcome.property for outcome in report.outcomes] == list(QUICK)


@check.property(rules.softmax, examples=0, only=QUICK, axis=-1)
def test_fixtures_examples_and_options(report, tmp_path):
    calls.append(report.arguments)
    shapes = ("3, 4", "2, 1, 6", "4, 4", "5")  # the rows of sizes in order; softmax takes no scalar
    assert tmp_path.exists()
    assert calls == [f"x: float64[{shape}], axis=-1" for shape in shapes[: len(calls)]]


class TestInAClass:
    @check.property(rules.tanh, only=QUICK, examples=1)
    def test_a_method(self, report):
        assert report.ok and isinstance(self, TestInAClass)


@jax.custom_vjp
def product(x, w):
    return x @ w


product.defvjp(lambda x, w: (x @ w, (x, w)), lambda saved, dy: (dy @ saved[1].T, saved[0].T @ dy))


@check.property(product, "batch in", "in out", reference=lambda x, w: x @ w, only=QUICK, examples=3)
def test_shapes_and_a_reference_can_be_given(report):
    assert report.oracle == "the reference"


@rule
def matrix(x: Float[Array, "*batch in"], w: Float[Array, "in out"]):
    return x @ w, (x, w)


@matrix.backward
def matrix_backward(saved, dy):
    """dW is wrong where x has more than two batch axes."""
    x, w = saved
    dw = jnp.einsum("...i,...o->io", x, dy)
    return dy @ w.T, dw if x.ndim < 4 else 1.001 * dw


def test_a_wrong_rule_fails_at_its_plainest_arguments():
    @check.property(matrix, only=QUICK)
    def body(report): ...

    with pytest.raises(AssertionError, match="matrix fails cotangents, w") as caught:
        body()
    assert "check.draw(matrix, 0, row=3)" in "\n".join(caught.value.__notes__)
    args, _ = check.draw(matrix, 0, row=3)
    assert args[0].ndim == 4
    assert not check.rule(matrix, *args, only=QUICK)


def test_what_is_wrong_with_a_property_is_said_where_it_is_written():
    with pytest.raises(ValueError, match="the argument x has no annotation"):
        check.property(lambda x: x)
    with pytest.raises(ValueError, match="softmax: it has no parameter axes; it takes"):
        check.property(rules.softmax, axes=1)
    with pytest.raises(
        TypeError, match=r"a property takes the report of check.rule, as def body\(report\); got body\(\)"
    ):

        @check.property(rules.tanh)
        def body(): ...


def test_without_hypothesis_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(ImportError, match=r'pip install "fnn\[test\]"'):
        check.property(rules.tanh)
