"""Arguments drawn from annotations: accepted, random, the same for the same seed, tame; for every rule of fnn."""

import functools
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Bool, Complex, Float, Int, Key, PyTree, UInt, UInt8

from fnn import rules
from fnn.check.drawing.arguments import calls, draw, options
from fnn.check.drawing.domains import float_leaves
from fnn.rule import Rule


@pytest.fixture(autouse=True)
def lenient():
    """Promote dtypes and ranks as JAX does by default: strangers' functions are not strict."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


RULES = {name: function for name, function in vars(rules).items() if isinstance(function, Rule)}


def spread(*shape):
    return np.linspace(-0.9, 1.1, np.prod(shape)).reshape(shape)


# What annotations cannot say: that a weight has columns for each of several gates; how many entries windows span
# together; that labels are not the blank, and fit in.
GIVEN = {
    "gru": {"w": spread(3, 6), "u": spread(2, 6), "recurrent_b": None, "h0": spread(4, 2)},
    "lstm": {
        "w": spread(3, 8),
        "u": spread(3, 8),
        "b": spread(8),
        "h0": spread(4, 3),
        "c0": spread(4, 2),
        "peepholes": spread(3, 2),
        "projection": spread(2, 3),
    },
    "normalised_lstm": {
        **{"z": spread(4, 5, 8), "u": spread(2, 8), "scale": spread(8), "cell_scale": spread(2)},
        **{"cell_offset": spread(2), "h0": spread(4, 2), "c0": spread(4, 2)},
    },
    "col2im": {"size": (7,)},
    "ctc": {
        "labels": np.array([[1, 2], [2, 2], [2, 1], [1, 1]]),
        "weights": np.array([0.4, 0.9, 1.3, 1.6]),
        "logit_lengths": None,
        "label_lengths": None,
    },
}


@pytest.mark.parametrize("name", RULES)
def test_every_rule_takes_what_is_drawn(name):
    function = RULES[name]
    args, static = draw(function, given=GIVEN.get(name, {}))
    leaves, tree = jax.tree.flatten(args)
    is_float = [isinstance(leaf, np.ndarray) and leaf.dtype == np.float64 for leaf in leaves]
    floats = [leaf for leaf, f in zip(leaves, is_float, strict=True) if f]
    assert floats and all(leaf.size == len(np.unique(leaf)) > 1 for leaf in floats)  # and none is constant

    def value_and_gradient(floats):
        def scalar(floats):
            rest = iter(floats)
            filled = [next(rest) if f else leaf for leaf, f in zip(leaves, is_float, strict=True)]
            y = jax.tree.leaves(function(*jax.tree.unflatten(tree, filled), **static))
            return sum(leaf.sum() for leaf in y), y

        return jax.value_and_grad(scalar, has_aux=True)(floats)

    with jax.enable_x64(True):
        (_, y), slopes = jax.jit(value_and_gradient)(floats)
    assert all(leaf.dtype == np.float64 for leaf in slopes)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in (*y, *slopes))


def test_there_are_rules():
    assert len(RULES) >= 76


class Dense(NamedTuple):
    w: Float[Array, "in out"]
    b: Float[Array, " out"] | None


def dense(params: Dense, x: Float[Array, "*batch in"]):
    return x @ params.w + (0 if params.b is None else params.b)


def embedding(table: Float[Array, "vocabulary features"], indices: Int[Array, "*batch"]):
    return table[indices]


def attention(
    q: Float[Array, "*batch heads queries dim"],
    k: Float[Array, "*batch heads keys dim"],
    v: Float[Array, "*batch heads keys dim"],
    mask: Bool[Array, "queries keys"] | None = None,
):
    scores = jnp.einsum("...qd,...kd->...qk", q, k)
    return jax.nn.softmax(scores if mask is None else jnp.where(mask, scores, -1e9), -1) @ v


def recurrent(
    xs: Float[Array, "time in"], state: tuple[Float[Array, " h"], Float[Array, " h"]], w: list[Float[Array, "in h"]]
):
    return xs @ w[0] + state[0] * state[1]


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def integer_power(x: Float[Array, "n"], p: int):
    return x**p


integer_power.defvjp(lambda x, p: (x**p, x), lambda p, x, dy: (dy * p * x ** (p - 1),))


def noise(key: jax.Array, x: jax.Array):
    return x * jax.random.normal(key, x.shape, x.dtype)


def raw_noise(key: UInt[Array, "2"], x: Float[Array, "n"]):
    return x * jax.random.normal(key, x.shape, x.dtype)


def vector_alone(x: Array):
    if x.ndim != 1:
        raise ValueError("wanted a vector.")
    return x


def without_bias(x: Float[Array, "n"], b: Float[Array, "n"] | None = None):
    if b is not None:
        raise ValueError("no bias, please.")
    return x


def branching(x: Float[Array, "n"]):
    return 2 * x if x.sum() > 0 else x


def configured(x: float, y: float = 2.0, *, k: int, mode: Literal["a", "b"] = "a", flag: bool):
    return x * y * k


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        (dense, "params.w float64 (4, 5), params.b float64 (5,), x float64 (2, 3, 4)"),
        (embedding, "table float64 (4, 5), indices int64 (2, 3)"),
        (
            attention,
            "q float64 (2, 3, 4, 5, 3), k float64 (2, 3, 4, 6, 3), v float64 (2, 3, 4, 6, 3), mask bool (5, 6)",
        ),
        (
            recurrent,
            "xs float64 (4, 5), state[0] float64 (3,), state[1] float64 (3,), w[0] float64 (5, 3), w[1] float64 (5, 3)",
        ),
        (integer_power, "x float64 (4,), p=1"),
        (jax.jit(integer_power, static_argnums=1), "x float64 (4,), p=1"),
        (functools.partial(integer_power, p=3), "x float64 (4,)"),
        (noise, "key key (), x float64 (3, 4)"),
        (raw_noise, "key raw key (2,), x float64 (4,)"),
        (vector_alone, "x float64 (5,)"),
        (without_bias, "x float64 (4,)"),
        (branching, "x float64 (4,)"),
        (configured, "x float64 (), y=2.0, k=1, mode='a', flag=True"),
        (jax.nn.gelu, "x float64 (3, 4), approximate=True"),
        (jax.nn.logsumexp, "a float64 (3, 4), keepdims=False, return_sign=False"),
        (jnp.linalg.inv, "a float64 (4, 4)"),
    ],
)
def test_the_first_call_that_a_function_takes(function, wanted):
    call = next(calls(function))
    assert str(call) == f"{call.name}({wanted})"
    args, static = call.draw()
    function(*jax.tree.map(lambda a: jnp.asarray(a) if isinstance(a, np.ndarray) else a, args), **static)


def test_letters_are_shared_and_sizes_can_be_given():
    (x, w), _ = draw(lambda x, w: x @ w, shapes=("*batch in", "in out"), sizes={"in": 9, "*batch": (2, 2, 1)})
    assert (x.shape, w.shape) == ((2, 2, 1, 9), (9, 5))


def test_a_bare_array_takes_the_part_of_the_first_that_fits():
    assert [a.shape for a in draw(rules.prelu)[0]] == [(3, 4), (4,)]
    assert [a.shape for a in draw(rules.add)[0]] == [(3, 4), (3, 4)]


def test_sizes_follow_what_a_function_asks():
    assert draw(rules.maxout)[0][0].shape[-1] % 2 == 0
    assert draw(rules.maxout, given={"pieces": 6})[0][0].shape[-1] % 6 == 0


def test_the_same_seed_draws_the_same_and_another_does_not():
    one, same, other = (draw(rules.linear, seed)[0] for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_labels_are_classes_and_vary():
    for function in (rules.negative_log_likelihood, rules.multiclass_hinge):
        call = next(calls(function))
        seen = np.concatenate([call.draw(seed)[0][1].ravel() for seed in range(9)])
        assert set(seen) == set(range(call.draw()[0][0].shape[-1]))
        assert not draw(function, row=4)[0][1].any()  # one class


def test_keys_booleans_and_small_integers():
    (_, key), _ = draw(rules.dropout, 5)
    assert jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.shape == ()
    assert np.array_equal(draw(raw_noise, 5)[0][0], np.asarray(jax.random.key_data(jax.random.key(5))))

    def pick(x: Float[Array, "n"], mask: Bool[Array, "n"], image: UInt8[Array, "n"], keys: Key[Array, "n"]):
        return x * mask * image.astype(x.dtype)

    (x, mask, image, keys), _ = draw(pick)
    assert mask.dtype == bool and set(mask.tolist()) == {True, False}
    assert image.dtype == np.uint8 and keys.shape == x.shape


def test_complex_arrays_and_trees():
    def conjugate(z: Complex[Array, "n"], params: PyTree[Float[Array, "..."]]):
        return z * jnp.conj(z)

    (z, params), _ = draw(conjugate)
    assert z.dtype == np.complex128 and len(np.unique([z.real, z.imag])) == 8
    assert jax.tree.map(np.shape, params) == {"a": (4,), "b": (4,)}
    assert jax.tree.map(np.shape, draw(rules.l1_penalty)[0][0]) == {"a": (3, 4), "b": (4,)}


def of_domain(function, **words):
    """Return all that is drawn for the first argument of a function."""
    call = next(calls(function, **words))
    return np.concatenate([call.draw(seed)[0][0].ravel() for seed in range(6)])


def test_domains():
    for function, low, high in [
        (jnp.sin, -np.inf, np.inf),
        (rules.log, 0, np.inf),
        (rules.power, 0, np.inf),
        (jnp.arctanh, 0, 1),
        (rules.binary_cross_entropy, 0, 1),
        (jnp.arccosh, 1, np.inf),
    ]:
        x = of_domain(function)
        assert (x > low).all() and (x < high).all()
    assert (of_domain(jnp.sin) < 0).any()
    assert (of_domain(rules.log) > 1).any()
    assert (draw(rules.power)[0][1] < 0).any()  # the exponents stay on the line
    assert (draw(rules.gaussian_nll)[0][2] > 0).all()  # finite on the line too, but 1e6 where it is clamped

    def of_distributions(p: Float[Array, "n classes"]):
        return jnp.where(jnp.abs(p.sum(-1) - 1) < 1e-3, p.sum(-1), jnp.nan)

    np.testing.assert_allclose(draw(of_distributions)[0][0].sum(-1), 1)


def test_a_domain_is_no_accident_of_one_number():
    assert (of_domain(jnp.log, sizes={"...": ()}) > 0).all()


def test_wild_everywhere_is_drawn_from_the_line():
    (x,), _ = draw(lambda x: x * jnp.inf, shapes=("n",))
    assert (x < 0).any() and (x > 0).any()


def test_options():
    assert options(rules.dropout) == {"rate": (0.5, 0.25), "shared": ((), (1,))}
    assert options(rules.softmax) == {"axis": (-1, 0)}
    assert options(rules.mean) == {"axis": (None, 1, (1,)), "keepdims": (False, True)}
    assert options(configured) == {"k": (1, 2), "mode": ("a", "b"), "flag": (True, False)}
    assert options(rules.huber)["delta"] == (1.0, 1.5)
    assert options(functools.partial(integer_power, p=3)) == {}
    for name, function in RULES.items():
        given = GIVEN.get(name, {})
        call = next(calls(function, given=given))
        for option, values in options(function, given=given).items():
            assert len({repr(value) for value in values}) == len(values), name
            assert all(call.having(option, value) is not None for value in values), name


def test_ways_leave_arguments_out_and_take_other_parts():
    ways = [str(call) for call in calls(rules.add, rows=[0])]
    assert ways[:3] == [
        "add(x float64 (3, 4), y float64 (3, 4))",
        "add(x int64 (3, 4), y float64 (3, 4))",
        "add(x float64 (3, 4), y float64 (4,))",
    ]
    assert not any("x int64" in way and "y int64" in way for way in ways)  # nothing to differentiate
    assert [len(float_leaves(call.draw()[0])) for call in calls(rules.linear, rows=[0])] == [3, 2]
    (x, w, b), _ = draw(rules.linear, row=3, way=1)
    assert (x.shape, w.shape, b) == ((3, 1, 2, 5), (5, 3), None)


def rejecting(x: Float[Array, "n"]):
    raise ValueError("never.")


def empty(x: Float[Array, "n"]):
    return x[:0]


@pytest.mark.parametrize(
    ("function", "words", "message"),
    [
        (rejecting, {}, r"rejecting: .* rejecting\(x float64 \(4,\)\) raises ValueError: never\. Pass arguments"),
        (empty, {}, "its output has no entry"),
        (rules.linear, {"sizes": {"features": 3}}, r"linear: sizes .* for features, .* named \*batch, inputs, outputs"),
        (rules.linear, {"way": 20, "row": 0}, "linear: way = 20, but it can be called in fewer ways"),
        (rules.linear, {"given": {"y": 3}}, r"linear: it has no parameter y"),
        (lambda x: x, {}, "the argument x has no annotation"),
    ],
)
def test_what_cannot_be_drawn_is_said(function, words, message):
    with pytest.raises(ValueError, match=message):
        draw(function, **words)
