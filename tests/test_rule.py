"""Contract 1 of the design: what `rule` promises about every forward and backward, whatever they compute."""

import contextlib

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fnn
from fnn import Static, rule

F32 = jnp.float32


@rule
def scaled_product(x, y, *, scale=1.0):
    """Z = scale x y."""
    return scale * x * y, (x, y)


@scaled_product.backward
def scaled_product_backward(saved, dz, *, scale):
    x, y = saved
    return scale * dz * y, scale * dz * x


@rule
def tripled(x):
    """Y = 3 X, with a backward that says 30, so that one sees which of the two was asked."""
    return 3.0 * x, ()


@tripled.backward
def tripled_backward(saved, dy):
    return 30.0 * dy


# Calling: defaults, names, static configuration.


def test_positional_parameters_may_be_named_and_defaults_hold():
    assert float(scaled_product(2.0, y=3.0)) == 6.0
    assert float(scaled_product(y=2.0, x=3.0, scale=10.0)) == 60.0
    assert float(jax.grad(lambda x: scaled_product(y=x, x=3.0, scale=10.0))(2.0)) == 30.0


@pytest.mark.parametrize(
    ("arguments", "keywords", "words"),
    [
        ((1.0,), {}, ["rule scaled_product", "'y'", "(x, y, *, scale=1.0)"]),
        ((1.0, 2.0, 3.0), {}, ["rule scaled_product", "too many positional", "scale"]),
        ((1.0, 2.0), {"slope": 1.0}, ["rule scaled_product", "'slope'", "scaled_product(x, y, *, scale=1.0)"]),
        ((1.0, 2.0), {"scale": [1.0]}, ["rule scaled_product", "scale", "hashable", "list"]),
        ((1.0, 2.0), {"scale": jnp.ones(2)}, ["rule scaled_product", "scale", "hashable", "arrays are positional"]),
        ((1.0, 2.0), {"scale": {"a": 1}}, ["scale", "hashable", "dict"]),
    ],
)
def test_a_wrong_call_is_a_sentence(arguments, keywords, words):
    with pytest.raises(TypeError) as caught:
        scaled_product(*arguments, **keywords)
    missing = [word for word in words if word not in str(caught.value)]
    assert not missing, f"{missing} not in: {caught.value}"


def test_static_configurations_do_not_mix():
    @rule
    def typed(x, *, power):
        return x * float(power) + len(type(power).__name__), ()

    @typed.backward
    def typed_backward(saved, dy, *, power):
        return dy * float(power) * len(type(power).__name__)

    for power in (2, 3, 2.0, True, 1, 1.0, 2):  # 2 == 2.0 and True == 1 == 1.0, but they are not the same
        y, dx = jax.value_and_grad(lambda x, power=power: typed(x, power=power))(5.0)
        assert (float(y), float(dx)) == (5.0 * power + len(type(power).__name__), power * len(type(power).__name__))


def test_a_backward_names_only_the_configuration_it_needs():
    @rule
    def shifted(x, *, by=1.0, scale=2.0):
        return scale * x + by, ()

    @shifted.backward
    def shifted_backward(saved, dy, *, scale):
        return scale * dy

    assert float(jax.grad(lambda x: shifted(x, by=5.0, scale=3.0))(1.0)) == 3.0


# Declaring.


def declared(backward):
    """Return a rule whose backward is given."""

    @rule
    def probe(x):
        return x, ()

    probe.backward(backward)
    return probe


@pytest.mark.parametrize(
    ("declare", "words"),
    [
        (lambda: rule(lambda *xs: (xs, ())), ["*args", "one tuple"]),
        (lambda: rule(lambda x, **options: (x, ())), ["**kwargs", "static configuration"]),
        (lambda: declared(lambda saved: saved), ["rule probe", "(saved, dy)", "['saved']"]),
        (lambda: declared(lambda saved, dy, scale: dy), ["rule probe", "(saved, dy)", "'scale'"]),
        (lambda: declared(lambda saved, dy, *, scale: dy), ["rule probe", "'scale'", "forward does not have"]),
    ],
)
def test_a_wrong_declaration_is_a_sentence(declare, words):
    with pytest.raises(TypeError) as caught:
        declare()
    missing = [word for word in words if word not in str(caught.value)]
    assert not missing, f"{missing} not in: {caught.value}"


def test_no_backward_yet():
    @rule
    def half_done(x):
        return 2.0 * x, ()

    assert float(half_done.plain(1.0)) == 2.0
    with pytest.raises(TypeError, match=r"half_done has no backward yet; write one under @half_done\.backward"):
        half_done(1.0)
    half_done.backward(lambda saved, dy: 2.0 * dy)
    assert float(jax.grad(half_done)(1.0)) == 2.0
    half_done.backward(lambda saved, dy: 5.0 * dy)  # a new backward replaces the old, also where it was called
    assert float(jax.grad(half_done)(1.0)) == 5.0


def test_a_rule_carries_its_name_documentation_and_functions():
    assert scaled_product.name == "scaled_product" == getattr(scaled_product, "__name__")  # noqa: B009
    assert (
        scaled_product.__doc__ == "Z = scale x y."
        and repr(scaled_product) == "<rule scaled_product(x, y, *, scale=1.0)>"
    )
    assert scaled_product.argument_names == ("x", "y") and scaled_product.static_names == ("scale",)
    assert scaled_product_backward((2.0, 3.0), 1.0, scale=1.0) == (3.0, 2.0)


# Plain, residuals, autodiff.


def test_plain_is_the_forward_differentiated_by_jax():
    assert float(jax.grad(tripled)(1.0)) == 30.0
    assert float(jax.grad(tripled.plain)(1.0)) == 3.0
    assert float(tripled(2.0)) == float(tripled.plain(2.0)) == 6.0


def test_autodiff_is_part_of_the_key_of_jit():
    counted = chex.assert_max_traces(lambda x: jax.grad(tripled)(x), n=2)
    f = jax.jit(counted)
    for _ in range(2):
        assert float(f(1.0)) == 30.0
        with fnn.autodiff():
            assert float(f(1.0)) == 3.0
            assert float(f(2.0)) == 3.0
        assert float(f(1.0)) == 30.0


def test_autodiff_ends_with_its_block_even_by_an_error():
    with contextlib.suppress(RuntimeError), fnn.autodiff():
        raise RuntimeError
    assert float(jax.grad(tripled)(1.0)) == 30.0


def test_forward_mode_and_hessian_under_autodiff():
    x, y = jnp.array([1.0, 2.0]), jnp.array([3.0, -1.0])
    with pytest.raises(TypeError, match=r"forward mode.*autodiff"):
        jax.jvp(scaled_product, (x, y), (x, y))
    with fnn.autodiff():
        assert jax.jvp(scaled_product, (x, y), (x, y))[1].tolist() == [6.0, -4.0]
        hessian = jax.hessian(lambda x: fnn.rules.tanh(x).sum())(x)
    t = np.tanh(np.asarray(x))
    np.testing.assert_allclose(hessian, np.diag(-2 * t * (1 - t**2)), rtol=1e-5)


def test_residuals_are_shapes_and_run_nothing():
    @rule
    def loud(x, n, *, times=2):
        jax.debug.callback(lambda: pytest.fail("residuals ran the forward"))
        return x * float(times), (x, Static("free"), n, jnp.zeros((times, 3), jnp.int8))

    loud.backward(lambda saved, dy: (dy, None))
    given = [(jnp.ones((4, 2)), 3), (jax.ShapeDtypeStruct((4, 2), F32), jax.ShapeDtypeStruct((), jnp.int32))]
    for x, n in given:
        kept = jax.tree.leaves(loud.residuals(x, n, times=5))
        assert all(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in kept)
        assert [(leaf.shape, leaf.dtype) for leaf in kept] == [((4, 2), F32), ((), jnp.int32), ((5, 3), jnp.int8)]


def test_static_is_no_array():
    assert jax.tree.leaves(Static((2, 3))) == []
    assert Static("a") == Static("a") != Static("b") and hash(Static(1)) == hash(Static(1))


# Transformations.


def test_a_rule_inside_a_rule_is_plain_in_its_plain_form():
    @rule
    def twice(x):
        return tripled(tripled(x)), ()

    @twice.backward
    def twice_backward(saved, dy):
        return 7.0 * dy

    assert float(jax.grad(twice)(1.0)) == 7.0
    assert float(jax.grad(twice.plain)(1.0)) == 9.0
    assert float(jax.grad(lambda x: tripled(twice(x)))(1.0)) == 210.0


def test_every_transformation_uses_the_backward():
    x, y = jnp.array([1.0, 2.0, 3.0]), jnp.array([4.0, 5.0, 6.0])

    def f(x, y):
        return scaled_product(x, y, scale=2.0)

    dx, dy = jax.vmap(jax.grad(f, (0, 1)))(x, y)
    chex.assert_trees_all_equal((dx, dy), (2 * y, 2 * x))
    dx, dy = jax.vmap(jax.grad(f, (0, 1)), (0, None))(x, 4.0)
    chex.assert_trees_all_equal((dx, dy), (jnp.full(3, 8.0), 2 * x))
    for transform in (jax.jit, jax.checkpoint, lambda g: jax.jit(jax.checkpoint(g))):
        chex.assert_trees_all_equal(jax.grad(lambda x, t=transform: t(f)(x, y).sum())(x), 2 * y)

    def scanned(x):
        return jax.lax.scan(lambda c, row: (c + tripled(row), None), 0.0, x)[0]

    chex.assert_trees_all_equal(jax.grad(scanned)(x), jnp.full(3, 30.0))
    chex.assert_trees_all_equal(jax.grad(lambda x: jax.lax.map(tripled, x).sum())(x), jnp.full(3, 30.0))


def test_reverse_over_reverse():
    def f(x):
        return scaled_product(x, scaled_product(x, x))  # x³

    value = jnp.array(2.0)
    derivatives = [f, jax.grad(f), jax.grad(jax.grad(f)), jax.grad(jax.grad(jax.grad(f)))]
    assert [float(d(value)) for d in derivatives] == [8.0, 12.0, 12.0, 6.0]


def test_one_trace_a_shape():
    counted = chex.assert_max_traces(lambda x: jax.grad(lambda x: scaled_product(x, x).sum())(x), n=1)
    f = jax.jit(counted)
    for _ in range(3):
        f(jnp.ones(3))


def test_forward_mode_outside_autodiff_says_what_to_do():
    with pytest.raises(TypeError, match=r"rule sigmoid has a hand-written reverse mode only.*fnn\.autodiff\(\)"):
        jax.jvp(fnn.rules.sigmoid, (jnp.float32(0.3),), (jnp.float32(1.0),))
    with pytest.raises(TypeError, match=r"forward-mode"):  # inside jit it is JAX that notices
        jax.jvp(jax.jit(fnn.rules.sigmoid), (jnp.float32(0.3),), (jnp.float32(1.0),))
