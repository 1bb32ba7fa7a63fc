"""What convolution promises beyond the table: numbers by hand, adjoints, no examples, half precision."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import rules
from fnn.kernels.convolution import mirror


def draw(seed: int, *shape: int, dtype: type = np.float64) -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def dot(x, y):
    return float(np.sum(np.asarray(x, np.float64) * np.asarray(y, np.float64)))


def pulled(rule, *arguments, **static):
    """Return the value and the gradients of its sum."""

    def program(*arguments):
        y, pull = jax.vjp(lambda *a: rule(*a, **static), *arguments)
        return y, *pull(jnp.ones_like(y))

    return jax.jit(program)(*arguments)


def test_numbers_by_hand():
    """Σ over the 2x2 window of 1 2 3 / 4 5 6 / 7 8 9 with 1 0 / 0 -1 is x[i, j] - x[i+1, j+1] = -4, plus b."""
    x = jnp.arange(1.0, 10.0).reshape(1, 3, 3, 1)
    w, b = jnp.array([[1.0, 0.0], [0.0, -1.0]]).reshape(2, 2, 1, 1), jnp.array([10.0])
    y, dx, dw, db = pulled(rules.conv, x, w, b)
    assert y[0, ..., 0].tolist() == [[6, 6], [6, 6]]
    assert dx[0, ..., 0].tolist() == [[1, 1, 0], [1, 0, -1], [0, -1, -1]]
    assert dw[..., 0, 0].tolist() == [[12, 16], [24, 28]]
    assert db.tolist() == [4]


def test_numbers_by_hand_of_the_transpose():
    """Each x puts x·(1 10 100) down two entries further; `padding` cuts, `output_padding` lengthens."""
    x, w = jnp.array([1.0, 2.0]).reshape(1, 2, 1), jnp.array([1.0, 10.0, 100.0]).reshape(3, 1, 1)
    for static, value, dw in (
        ({}, [1, 10, 102, 20, 200], [3, 3, 3]),
        ({"padding": 1}, [10, 102, 20], [2, 3, 1]),
        ({"padding": ((0, 1),)}, [1, 10, 102, 20], [3, 3, 1]),
        ({"padding": 1, "output_padding": 1}, [10, 102, 20, 200], [2, 3, 3]),
        ({"padding": "SAME"}, [1, 10, 102, 20], [3, 3, 1]),
        ({"output_padding": 1}, [1, 10, 102, 20, 200, 0], [3, 3, 3]),
        ({"dilation": 3, "output_padding": 2}, [1, 0, 2, 10, 0, 20, 100, 0, 200, 0, 0], [3, 3, 3]),
    ):
        y, dx, got = pulled(rules.conv_transpose, x, w, stride=2, **static)
        assert y.ravel().tolist() == value
        assert got.ravel().tolist() == dw
        assert dot(dx, x) == dot(got, w) == sum(value)  # the sum of Y is linear in either


def test_a_window_of_one_entry_far_apart():
    """Of 'SAME' outputs, spatial · stride, those between the entries are zero, and so are those added at the end."""
    x, w = jnp.array([1.0, 2.0]).reshape(1, 2, 1), jnp.full((1, 1, 1), 5.0)
    y, dx, dw = pulled(rules.conv_transpose, x, w, stride=3, padding="SAME", output_padding=2)
    assert y.ravel().tolist() == [5, 0, 0, 10, 0, 0, 0, 0]
    assert dx.ravel().tolist() == [5, 5] and dw.item() == 3


# x, w, configuration: windows that reach every entry of x, and some that do not
ADJOINT = {
    "direct": ((2, 5, 6, 3), (3, 2, 3, 4), {"stride": (2, 1), "padding": ((1, 0), 1), "dilation": (1, 2)}),
    "pointwise": ((2, 4, 4, 3), (1, 1, 3, 2), {"stride": 2}),
    "depthwise": ((2, 5, 4, 2), (3, 3, 1, 4), {"padding": "SAME", "groups": 2}),
    "groups": ((2, 6, 4), (3, 2, 6), {"stride": 2, "groups": 2}),
    "volume": ((1, 3, 4, 3, 2), (2, 3, 2, 2, 3), {"padding": 1, "stride": (1, 2, 1)}),
}


@pytest.mark.parametrize("name", ADJOINT)
def test_the_transpose_is_the_adjoint(name):
    shape, window, static = ADJOINT[name]
    x, w, groups = draw(0, *shape), draw(1, *window), static.get("groups", 1)
    with jax.enable_x64(True):
        y = rules.conv(x, w, **static)
        z = draw(2, *y.shape)
        turned = mirror(jnp.asarray(w), groups)
        plain = static if static.get("padding") != "SAME" else {**static, "padding": ((1, 1), (1, 1))}
        shortest = jax.eval_shape(lambda z: rules.conv_transpose(z, turned, **plain), z).shape
        more = tuple(n - m for n, m in zip(shape[1:-1], shortest[1:-1], strict=True))
        back = rules.conv_transpose(z, turned, output_padding=more, **plain)
    assert back.shape == x.shape
    np.testing.assert_allclose(dot(back, x), dot(z, y), rtol=1e-13)


def test_convolution_is_the_product_of_columns_and_weight():
    static = {"stride": (2, 1), "padding": "SAME", "dilation": (1, 2)}
    x, w = draw(0, 2, 5, 4, 3), draw(1, 3, 2, 3, 4)
    with jax.enable_x64(True):
        rows = rules.im2col(x, window=(3, 2), **static)
        want = np.einsum("nabijc,ijco->nabo", rows, w)
        np.testing.assert_allclose(rules.conv(x, w, **static), want, rtol=1e-13, atol=1e-13)


def test_columns_put_back_count_the_windows_over_each_entry():
    rows = rules.im2col(jnp.ones((1, 4, 4, 1)), window=3)
    counts = np.outer([1, 2, 2, 1], [1, 2, 2, 1])
    np.testing.assert_array_equal(rules.col2im(rows, size=4)[0, ..., 0], counts)


EMPTY = {
    "direct": ((0, 5, 5, 3), (3, 3, 3, 4), 1),
    "pointwise": ((0, 5, 5, 3), (1, 1, 3, 4), 1),
    "depthwise": ((0, 5, 5, 3), (3, 3, 1, 6), 3),
    "groups": ((0, 5, 4), (3, 2, 6), 2),
    "volume": ((0, 3, 4, 3, 2), (2, 2, 2, 2, 3), 1),
    "minimal filtering": ((0, 5, 5, 32), (3, 3, 32, 32), 1),
}


@pytest.mark.parametrize("rule", [rules.conv, rules.conv_transpose], ids=lambda rule: rule.name)
@pytest.mark.parametrize("name", EMPTY)
def test_no_examples_give_no_outputs_and_zero_gradients(name, rule):
    shape, window, groups = EMPTY[name]
    arguments = jnp.ones(shape), jnp.ones(window), jnp.ones(window[-1])
    y, *gradients = pulled(rule, *arguments, groups=groups)
    assert y.shape[0] == 0 and y.shape[-1] == window[-1] and 0 not in y.shape[1:]
    for gradient, argument in zip(gradients, arguments, strict=True):
        np.testing.assert_array_equal(gradient, jnp.zeros_like(argument))


HALF = {
    "direct": ((1, 2, 8), (2, 8, 1), 1),
    "pointwise": ((1, 1, 16), (1, 16, 1), 1),
    "depthwise": ((1, 16, 2), (16, 1, 2), 2),
    "groups": ((1, 4, 8), (4, 4, 2), 2),
    "volume": ((1, 2, 2, 2, 2), (2, 2, 2, 2, 1), 1),
}


@pytest.mark.parametrize("name", HALF)
def test_half_precision_sums_in_float32(name):
    """60000 and as much below zero, sixteen of them: partial sums of 480000, past float16's 65504; the sum is 2048."""
    shape, window, groups = HALF[name]
    signs = np.repeat([1.0, -1.0], 8)
    signs[0] += 2048 / 60000
    each_group = signs.reshape(window[:-1])
    w = jnp.asarray(np.stack([each_group] * window[-1], -1) * 100, jnp.float16)
    x = jnp.full(shape, 600.0, jnp.float16)
    y = rules.conv(x, w, groups=groups)
    assert y.dtype == jnp.float16
    want = 600.0 * (np.float16(100 * signs[0]) - 100.0)
    np.testing.assert_array_equal(y, np.full(y.shape, want, np.float16))


def test_the_gradient_of_a_weight_sums_in_float32():
    """In steps of one bfloat16 counts no further than 256."""
    ones = jnp.ones((1, 1000, 1), jnp.bfloat16)
    dw = jax.grad(lambda w: rules.conv(ones, w).sum().astype(jnp.float32))(jnp.ones((1, 1, 1), jnp.bfloat16))
    assert dw.item() == 1000


def test_arguments_of_two_precisions():
    """As a matrix product takes them: the sums are those of the wider one, each result in its own argument's dtype."""
    for window, groups in (((3, 4, 2), 1), ((1, 4, 2), 1), ((3, 1, 4), 4), ((3, 2, 2), 2)):
        x, w = jnp.ones((1, 5, 4), jnp.bfloat16), jnp.ones(window, jnp.float32)
        with jax.numpy_dtype_promotion("standard"):
            y, dx, dw = pulled(rules.conv, x, w, groups=groups)
        assert (y.dtype, dx.dtype, dw.dtype) == (jnp.bfloat16, jnp.bfloat16, jnp.float32)
        assert (y == window[0] * window[1]).all()


def test_inside_a_checkpointed_loop():
    """Through scan and checkpoint the gradient is that of the same layers written out."""
    x, ws = draw(0, 1, 4, 4, 2, dtype=np.float32), draw(1, 3, 3, 3, 2, 2, dtype=np.float32)

    def body(x, w):
        return rules.tanh(rules.conv(x, w, padding="SAME")), None

    def looped(ws):
        return jax.lax.scan(jax.checkpoint(body), x, ws)[0].sum()

    def written(ws):
        y = x
        for w in ws:
            y, _ = body(y, w)
        return y.sum()

    got, want = jax.jit(jax.grad(looped))(ws), jax.jit(jax.grad(written))(ws)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * float(np.abs(want).max()))
