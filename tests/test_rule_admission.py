"""The wrapper around a backward: it checks and casts what the backward returns, and fills in the zeros."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from fnn import rule

F32 = jnp.float32


def rule_with(backward, forward=None):
    """Return a rule of (x, params) whose backward is given."""

    @rule
    def probe(x, params):
        return (forward or (lambda x, params: x * 2.0))(x, params), ()

    probe.backward(backward)
    return probe


X, PARAMS = jnp.arange(3.0), {"w": jnp.ones((2, 2)), "b": (jnp.ones(2),)}
ZEROS = {"w": np.zeros((2, 2), np.float32), "b": (np.zeros(2, np.float32),)}


def cotangents_of(backward, x=X, params=PARAMS):
    y, pull = jax.vjp(rule_with(backward), x, params)
    return pull(jnp.ones_like(y))


# What a backward returned, the error, and the words that its sentence must hold.
WRONG_COTANGENTS = [
    (lambda s, dy: dy, TypeError, ["rule probe", "tuple of 2", "(x, params)", "one value that is no tuple"]),
    (lambda s, dy: [dy, None], TypeError, ["rule probe", "tuple of 2", "one value that is no tuple"]),
    (lambda s, dy: (dy,), TypeError, ["rule probe", "tuple of 2", "got a tuple of 1"]),
    (lambda s, dy: (dy, None, None), TypeError, ["tuple of 2", "got a tuple of 3"]),
    (lambda s, dy: (dy[:2], None), ValueError, ["rule probe", "argument x ", "shape (2,)", "shape (3,)"]),
    (lambda s, dy: (dy[None], None), ValueError, ["argument x ", "shape (1, 3)", "shape (3,)"]),
    (lambda s, dy: (1.0, None), ValueError, ["argument x ", "shape ()", "shape (3,)"]),
    (lambda s, dy: ("dx", None), TypeError, ["argument x ", "a str", "array of shape (3,)"]),
    (lambda s, dy: (lax.complex(dy, dy), None), TypeError, ["argument x ", "complex", "real"]),
    (lambda s, dy: (dy, dy), TypeError, ["argument params", "wanted the argument's own tree", "'w'"]),
    (lambda s, dy: (dy, {"w": ZEROS["w"]}), TypeError, ["argument params", "PyTreeDef", "None for a zero"]),
    (lambda s, dy: (dy, {"w": ZEROS["w"], "b": [np.zeros(2)]}), TypeError, ["argument params", "tree"]),
    (lambda s, dy: (dy, ZEROS | {"b": (np.zeros(3),)}), ValueError, ["params['b'][0] ", "(3,)", "(2,)"]),
    (lambda s, dy: (dy, ZEROS | {"w": "zero"}), TypeError, ["params['w'] ", "a str", "(2, 2)"]),
]


@pytest.mark.parametrize("number", range(len(WRONG_COTANGENTS)))
def test_wrong_cotangents_are_named(number):
    backward, error, words = WRONG_COTANGENTS[number]
    with pytest.raises(error) as caught:
        cotangents_of(backward)
    missing = [word for word in words if word not in str(caught.value)]
    assert not missing, f"{missing} not in: {caught.value}"


def test_none_is_a_zero_for_an_argument_a_subtree_and_a_leaf():
    for backward in (
        lambda s, dy: (None, None),
        lambda s, dy: (None, {"w": None, "b": None}),
        lambda s, dy: (None, {"w": None, "b": (None,)}),
        lambda s, dy: (None, ZEROS),
    ):
        chex.assert_trees_all_equal(cotangents_of(backward), (jnp.zeros(3), jax.tree.map(jnp.zeros_like, PARAMS)))


def test_python_and_numpy_numbers_are_cotangents():
    dx, _ = cotangents_of(lambda s, dy: (2.0, None), x=jnp.float32(1.0))
    assert dx == 2.0 and dx.dtype == jnp.float32
    dx, _ = cotangents_of(lambda s, dy: (np.full(3, 2.0), None))
    chex.assert_trees_all_equal(dx, jnp.full(3, 2.0))


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_a_wider_cotangent_is_cast_to_its_argument(dtype):
    def backward(saved, dy):
        return dy.astype(F32) * 2, None

    dx, _ = cotangents_of(backward, x=X.astype(dtype))
    assert dx.dtype == dtype


def test_a_wider_cotangent_of_a_weight_passes_inside_scan():  # jax#27144: without the cast an MLIR error
    @rule
    def product(x, w):
        return x @ w.astype(F32), (x, w)

    @product.backward
    def product_backward(saved, dy):
        x, w = saved
        return dy @ w.astype(F32).T, x.T @ dy

    def loss(w, xs):
        return jax.lax.scan(lambda carry, x: (carry + product(x, w).sum(), None), 0.0, xs)[0]

    w, xs = jnp.ones((3, 2), jnp.bfloat16), jnp.ones((4, 5, 3))
    dw = jax.jit(jax.grad(loss))(w, xs)
    assert dw.dtype == jnp.bfloat16
    chex.assert_trees_all_equal(dw, jnp.full((3, 2), 20.0, jnp.bfloat16))


@pytest.mark.parametrize("said", ["None", "a number"])
def test_integer_boolean_key_and_none_arguments_need_no_zero(said):
    @rule
    def picked(x, index, mask, key, absent):
        return jnp.where(mask, x, 0.0) * index.astype(x.dtype), (index, mask)

    @picked.backward
    def picked_backward(saved, dy):
        index, mask = saved
        dx = jnp.where(mask, dy, 0.0) * index.astype(dy.dtype)
        return (dx, None, None, None, None) if said == "None" else (dx, 7, 7.0, dx, None)

    rest = (jnp.array([1, 2, 3]), jnp.array([True, False, True]), jax.random.key(0), None)
    for run in (lambda f: f, jax.jit):
        y, pull = jax.vjp(run(picked), X + 1, *rest)
        dx, dindex, dmask, dkey, dabsent = pull(jnp.ones_like(y))
        chex.assert_trees_all_equal(dx, jnp.array([1.0, 0.0, 3.0]))
        assert {dindex.dtype, dmask.dtype, dkey.dtype} == {jax.dtypes.float0} and dabsent is None
    assert jax.grad(lambda x: picked(x, *rest).sum())(X).shape == (3,)


def test_a_tree_is_one_argument():
    @rule
    def total(params, x):
        return params["w"].sum() * x + params["b"][0].sum(), (params, x)

    @total.backward
    def total_backward(saved, dy):
        params, x = saved
        dparams = {"w": jnp.full((2, 2), x * dy), "b": (jnp.full(2, dy),)}
        return dparams, dy * params["w"].sum()

    dparams, dx = jax.grad(total, (0, 1))(PARAMS, 3.0)
    chex.assert_trees_all_equal(dparams, {"w": jnp.full((2, 2), 3.0), "b": (jnp.ones(2),)})
    assert dx == 4.0
    assert jax.grad(total)({"w": jnp.ones((0,)), "b": (jnp.ones(0),)} | PARAMS, 1.0)["w"].shape == (2, 2)


def test_empty_trees_are_arguments():
    @rule
    def first(x, params):
        return x, ()

    @first.backward
    def first_backward(saved, dy):
        return dy, None

    assert jax.grad(first, (0, 1))(1.0, ()) == (1.0, ())
    assert jax.grad(first, (0, 1))(1.0, None) == (1.0, None)


def test_complex_input():
    @rule
    def squared(z):
        return z * z, z

    @squared.backward
    def squared_backward(z, dy):
        return 2 * z * dy

    z, dy = jnp.array([1 + 2j, -0.5j]), jnp.array([0.3 - 1j, 2.0 + 0j])
    got, want = (jax.vjp(f, z)[1](dy)[0] for f in (squared, squared.plain))
    assert got.dtype == jnp.complex64
    chex.assert_trees_all_close(got, want, rtol=1e-6)


def test_several_outputs():
    @rule
    def divided(x, y):
        return {"quotient": x / y, "rest": (x - y,)}, (x, y)

    @divided.backward
    def divided_backward(saved, dz):
        (x, y), (dr,) = saved, dz["rest"]
        return dz["quotient"] / y + dr, -dz["quotient"] * x / y**2 - dr

    def contract(f, x, y):
        z = f(x, y)
        return z["quotient"] * 2 + z["rest"][0] * 5

    got, want = (jax.grad(functools.partial(contract, f), (0, 1))(3.0, 4.0) for f in (divided, divided.plain))
    chex.assert_trees_all_close(got, want, rtol=1e-6)
