"""What JAX differentiates by itself: what counts as rearranging, any arguments, the table, and what cannot be asked."""

import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

from fnn import rules
from fnn.check.autodiffed import STRUCTURAL, autodiffed

HERE = Path(__file__)
X = jnp.array([0.3, -1.2, 2.0])


def names(items) -> set[str]:
    return {item.primitive for item in items}


def test_structural_primitives_are_listed_apart():
    def f(x):
        y = jnp.concatenate([x.reshape(3, 1).T, jnp.pad(x[None, 1:], ((0, 0), (1, 0)))])
        y = jax.lax.dynamic_slice(jnp.flip(y), (0, jnp.int32(0)), (2, 2)).astype(jnp.bfloat16)
        return jnp.stack(jnp.split(jnp.broadcast_to(jnp.tile(y, 2), (3, 2, 4)), 2, -1)).squeeze()

    found = autodiffed(f, X)
    assert not found and names(found.structural) > {"reshape", "concatenate", "pad", "slice", "rev", "dynamic_slice"}


@pytest.mark.parametrize(
    "function",
    [
        *(lambda x: x.reshape(3, 1), lambda x: x[::-1], lambda x: x[1:], lambda x: jnp.split(x, 3)[1]),
        *(lambda x: jnp.concatenate([x, x]), lambda x: jnp.pad(x, 2), lambda x: jnp.tile(x, 2), jnp.copy),
        *(lambda x: jnp.broadcast_to(x, (2, 3)), lambda x: x[:, None].T, lambda x: jnp.stack([x, x])),
        lambda x: jax.lax.dynamic_slice(x, (jnp.int32(1),), (2,)),
        lambda x: jax.lax.dynamic_update_slice(jnp.zeros(4), x, (jnp.int32(1),)),
        lambda x: x.astype(jnp.bfloat16).astype(jnp.float32),
        lambda x: jax.lax.reduce_precision(x, 8, 7),
        lambda x: checkpoint_name(x, "x"),
        jax.lax.optimization_barrier,
    ],
)
def test_the_derivative_of_a_structural_primitive_is_made_of_zeros_and_ones(function):
    found = autodiffed(function, X)
    assert not found and names(found.structural) - {"jit"} <= STRUCTURAL and found.structural
    jacobian = jax.jacobian(function)(X)
    assert set(np.unique(np.asarray(jacobian, np.float32))) <= {0.0, 1.0}
    assert (np.asarray(jacobian, np.float32).reshape(-1, 3).sum(1) <= 1).all(), "two entries meet"


@pytest.mark.parametrize(
    "name", ["mul", "add_any", "psum", "gather", "scatter", "scatter-add", "select_n", "dot_general"]
)
def test_what_computes_is_not_structural(name):
    assert name not in STRUCTURAL


def test_any_tree_of_arguments_is_welcome():
    def f(tree, nothing, count, key, *, scale, axis):
        noise = jax.random.normal(key, tree["w"].shape)
        return {"y": (tree["w"] * scale + noise).sum(axis), "count": count, "nothing": nothing, "c": tree["c"]}

    tree = {"w": np.ones((2, 3)), "c": 1.5, "labels": jnp.arange(2)}
    found = autodiffed(f, tree, None, 3, jax.random.key(0), scale=2.0, axis=1)
    assert names(found.differentiated) == {"mul", "add", "reduce_sum"}
    shapes = {"w": jax.ShapeDtypeStruct((2, 3), jnp.float32), "c": 1.5, "labels": jnp.arange(2)}
    assert found == autodiffed(f, shapes, None, 3, jax.random.key(0), scale=2.0, axis=1)._replace()


def test_complex_values_carry_gradients():
    found = autodiffed(lambda z: jnp.exp(z).real, jnp.array([1.0 + 2.0j]))
    assert {"exp", "real"} <= names(found.differentiated)


def test_any_callable_is_welcome():
    partial = functools.partial(rules.linear, b=None)
    x, w = jnp.ones((4, 3)), jnp.ones((3, 2))
    for f in (partial, jax.jit(partial), lambda x, w: partial(x, w), rules.matmul):
        found = autodiffed(f, x, w)
        assert not found and len(found.rules) == 1


def test_the_table_says_what_it_means():
    def f(x):
        return rules.tanh(x * 2.0).reshape(3, 1)

    number = f.__code__.co_firstlineno + 1
    lines = str(autodiffed(f, X)).splitlines()
    assert lines[0].split() == ["differentiated", "by", "JAX", "count", "source"]
    assert lines[1].split()[:3] == ["mul", "1", f"{HERE}:{number}"] and lines[1].endswith("f)")
    assert [text.split()[0] for text in lines[3:5]] == ["structural", "reshape"]
    assert lines[6].startswith("hand-written rules") and f"{HERE}:{number}" in lines[7]
    assert lines[-1].startswith("JAX, not a rule, differentiates mul") and lines[-1].endswith(".")


def test_an_empty_table_says_what_it_means():
    assert str(autodiffed(rules.tanh, X)).endswith(
        "Every derivative between the inputs and the output is a hand-written rule's."
    )
    assert "only rearranging" in str(autodiffed(lambda x: x.reshape(1, 3), X))
    assert str(autodiffed(lambda x: x, X)) == "No operation between the inputs and the output carries a gradient."


def test_what_is_no_function_is_named():
    with pytest.raises(TypeError, match=r"^autodiffed: 3 is no function; give a function"):
        autodiffed(3, X)  # pyright: ignore[reportArgumentType]


def test_an_argument_that_is_no_array_is_named():
    with pytest.raises(TypeError, match=r"argument 1\['mode'\] is a str, wanted an array .* keyword"):
        autodiffed(lambda x, options: x, X, {"mode": "fast"})


def test_no_floating_argument_is_said():
    with pytest.raises(
        ValueError, match=r"no argument is floating point \(argument 0 is int32\[2\], argument 2 is key"
    ):
        autodiffed(lambda n, none, key: n * 1.0, jnp.arange(2), None, jax.random.key(0))
    with pytest.raises(ValueError, match=r"no argument is floating point \(there is none"):
        autodiffed(lambda: 1.0)


def test_no_floating_output_is_said():
    with pytest.raises(
        ValueError, match=r"no output is floating point \(output 0 is bool\[3\], output 1 is int32\[\]\)"
    ):
        autodiffed(lambda x: (x > 0, x.argmax()), X)
    with pytest.raises(ValueError, match=r"no output is floating point \(there is none"):
        autodiffed(lambda x: None, X)


@pytest.mark.parametrize(
    "concrete",
    [
        lambda x: x if x.sum() > 0 else -x,  # bool
        lambda x: x * float(x[0]),  # number
        lambda x: x[x > 0],  # mask
        lambda x: x * np.sin(x),  # NumPy
        lambda x: x * [1.0, 2.0, 3.0][x.argmax()],  # index
    ],
)
def test_asking_for_a_value_is_said_with_the_line(concrete):
    number = concrete.__code__.co_firstlineno
    with pytest.raises(TypeError, match=rf"^autodiffed: <lambda> asks at .*{HERE.name}:{number} .* keyword, which is"):
        autodiffed(concrete, X)


def test_an_error_of_the_function_s_own_comes_through():
    with pytest.raises(ValueError, match=r"^my own sentence"):

        def f(x):
            raise ValueError("my own sentence")

        autodiffed(f, X)
