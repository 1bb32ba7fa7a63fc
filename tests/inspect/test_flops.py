"""FLOPs counted from a program's equations, against numbers by hand."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from fnn.inspect.flops import flops

X = jax.ShapeDtypeStruct((4, 8, 6, 5), jnp.float32)
W = jax.ShapeDtypeStruct((3, 3, 5, 7), jnp.float32)


def counted(function, *shapes):
    return flops(jax.make_jaxpr(function)(*shapes).jaxpr)


def conv(x, w, groups=1, stride=(2, 2), **options):
    layout = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(
        x, w, stride, "SAME", dimension_numbers=layout, feature_group_count=groups, **options
    )


def test_a_multiply_add_is_two():
    assert counted(lambda a, b: jnp.einsum("bij,bjk->bik", a, b), jnp.ones((2, 3, 4)), jnp.ones((2, 4, 5))) == 240
    assert counted(conv, X, W) == 2 * (4 * 4 * 3 * 7) * (3 * 3 * 5)
    wide = jax.ShapeDtypeStruct((3, 3, 1, 10), jnp.float32)
    assert counted(lambda x, w: conv(x, w, 5), X, wide) == 2 * (4 * 4 * 3 * 10) * (3 * 3 * 1)


def test_each_gradient_of_a_convolution_costs_what_the_convolution_does():
    """The zeros between the entries of a dilated cotangent are none of it."""
    dy = jax.ShapeDtypeStruct((4, 4, 3, 7), jnp.float32)
    one = counted(conv, X, W)
    assert counted(lambda x, w, dy: jax.vjp(conv, x, w)[1](dy), X, W, dy) == 2 * one


def test_what_computes_is_one_an_entry_and_what_moves_is_none():
    entries = X.size
    assert counted(lambda x: jnp.tanh(x) * x + 1, X) == 3 * entries
    assert counted(lambda x: x.reshape(-1, 5).T[::-1].astype(jnp.float16), X) == 0
    assert counted(lambda x: x * 2 + 1, jnp.arange(8)) == 0  # integers
    assert counted(lambda x: x.sum((0, 1, 2)), X) == entries - 5
    assert counted(lambda x: lax.reduce_window(x, 0.0, lax.add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID"), X) == entries


def test_programs_in_programs_count_as_often_as_they_run():
    loop = lambda x: lax.scan(lambda c, _: (jnp.tanh(c), None), x, None, length=10)[0]  # noqa: E731
    assert counted(loop, jnp.ones(8)) == 80
    assert counted(jax.jit(loop), jnp.ones(8)) == counted(jax.checkpoint(loop), jnp.ones(8)) == 80
    branches = lambda x: lax.cond(x[0] > 0, jnp.tanh, lambda x: x + x * x, x)  # noqa: E731
    assert counted(branches, jnp.ones(8)) == 1 + 16


@pytest.mark.parametrize("wrap", (lambda f: f, jax.jit, jax.checkpoint))
def test_what_no_output_needs_is_not_counted(wrap):
    both = wrap(lambda x: (jnp.tanh(x), x * x + x))
    assert counted(lambda x: both(x)[0], jnp.ones(8)) == 8
    jaxpr = jax.make_jaxpr(both)(jnp.ones(8)).jaxpr
    assert flops(jaxpr, [False, True]) == 16
