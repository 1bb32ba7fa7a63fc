"""Wrong rules, each written as a person would write it: the property that must fail, and words of its message."""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer

from fnn import rule

_draw = np.random.default_rng(2026)
X, W, B = _draw.normal(size=(4, 3)), _draw.normal(size=(3, 5)), _draw.normal(size=5)
V, S = _draw.normal(size=6), np.asarray(0.7)


class Wrong(NamedTuple):
    function: Callable[..., Any]
    arguments: tuple
    property: str
    words: tuple[str, ...] = ()
    options: dict[str, Any] = {}  # noqa: RUF012


WRONG: dict[str, Wrong] = {}


def wrong(property: str, *arguments: Any, words: tuple[str, ...] = (), **options: Any):
    def register(function):
        WRONG[getattr(function, "name", None) or function.__name__] = Wrong(
            function, arguments, property, words, options
        )
        return function

    return register


def vjp(forward, backward):
    """Join two functions as JAX does, without fnn's checks in between."""

    def register(primal):
        primal = jax.custom_vjp(primal)
        primal.defvjp(forward, backward)
        return primal

    return register


def made(forward, backward):
    """Join two functions as fnn does."""
    joined = rule(forward)
    joined.backward(backward)
    return joined


@wrong("value", V, words=("forward rule's value", "2"))
@vjp(lambda x: (2 * jnp.sin(x), x), lambda x, dy: (dy * jnp.cos(x),))
def two_forwards(x):
    return jnp.sin(x)


@wrong("value", V, words=("the reference's value",), reference=jnp.sinh)
def another_function(x):
    return jnp.sin(x)


@wrong("cotangents", X, W, B, words=("fails cotangents, b", "sum"))
@vjp(lambda x, w, b: (x @ w + b, (x, w)), lambda s, dy: (dy @ s[1].T, s[0].T @ dy, dy.mean(0)))
def bias_mean(x, w, b):
    return x @ w + b


@wrong("cotangents", V, words=("-1",))
@vjp(lambda x: (jnp.cos(x), x), lambda x, dy: (dy * jnp.sin(x),))
def sign_of_cosine(x):
    return jnp.cos(x)


@wrong("cotangents", X)
@vjp(lambda x: (jax.nn.softmax(x), jax.nn.softmax(x)), lambda y, dy: (y * dy,))
def softmax_without_its_sum(x):
    return jax.nn.softmax(x)


def _normalise(x):
    centred = x - x.mean(-1, keepdims=True)
    return centred * lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-5)


@wrong("cotangents", X)
@vjp(
    lambda x: (_normalise(x), (_normalise(x), lax.rsqrt(x.var(-1, keepdims=True) + 1e-5))),
    lambda s, dy: (s[1] * (dy - dy.mean(-1, keepdims=True)),),
)
def normalisation_without_its_last_term(x):
    return _normalise(x)


@wrong("cotangents", V)
@vjp(lambda x: (jnp.tanh(x), x), lambda x, dy: (dy * (1 - jnp.tanh(x) ** 2) * (1 + 1e-9),))
def one_billionth(x):
    return jnp.tanh(x)


@wrong("cotangents", V, words=("bfloat16",))
@vjp(
    lambda x: (jnp.tanh(x), jnp.tanh(x).astype(jnp.bfloat16)),
    lambda y, dy: (dy * (1 - y.astype(dy.dtype) ** 2),),
)
def output_kept_in_half(x):
    return jnp.tanh(x)


@wrong("cotangents", V, S)
@vjp(
    lambda x, s: ((jnp.sin(x), jnp.sum(x) * s), (x, s)),
    lambda k, dy: (dy[0] * jnp.cos(k[0]), dy[1] * jnp.sum(k[0])),
)
def second_output_forgotten(x, s):
    return jnp.sin(x), jnp.sum(x) * s


@wrong("cotangents", V)
@vjp(lambda x: (x[1:] - x[:-1], None), lambda _, dy: (jnp.pad(dy, (1, 0)) - jnp.pad(dy, (1, 0)),))
def first_difference(x):
    return x[1:] - x[:-1]


@wrong("differences", V, S)
@vjp(lambda x, s: (jnp.sin(x * s), (x, s)), lambda k, dy: (dy * jnp.cos(k[0] * k[1]) * k[1], jnp.zeros_like(k[1])))
def scale_has_no_gradient(x, s):
    return jnp.sin(x * s)


@wrong("adjoint", X, W)
@vjp(lambda x, w: (x @ w, (x, w)), lambda s, dy: (dy @ s[1].T, 2 * s[0].T @ dy))
def twice_the_weight(x, w):
    return x @ w


@wrong("linearity", V, words=("dY + 3 dY'",))
@vjp(lambda x: (jnp.sin(x), x), lambda x, dy: (jnp.clip(dy, -1, 1) * jnp.cos(x),))
def clipped_cotangent(x):
    return jnp.sin(x)


@wrong("linearity", V, words=("zero cotangent", "nan"))
@vjp(lambda x: (jnp.sin(x), x), lambda x, dy: (dy * jnp.cos(x) * (dy / dy),))
def nan_for_a_zero_cotangent(x):
    return jnp.sin(x)


@wrong("linearity", V, words=("huge",))
@vjp(
    lambda x: (jnp.sin(x), x), lambda x, dy: (jnp.cos(x) * jnp.sign(dy) * jnp.sqrt(dy * dy + dy * dy) / jnp.sqrt(2.0),)
)
def overflows_without_need(x):
    return jnp.sin(x)


@wrong("structure", X, W, words=("w", "is float32, wanted float64"))
@vjp(lambda x, w: (x @ w, (x, w)), lambda s, dy: (dy @ s[1].T, (s[0].T @ dy).astype(jnp.float32)))
def weight_gradient_in_float32(x, w):
    return x @ w


@wrong("structure", X, W, words=("tuple",))
@vjp(lambda x, w: (x @ w, (x, w)), lambda s, dy: (dy @ s[1].T,))
def one_cotangent_for_two(x, w):
    return x @ w


@wrong("structure", X, B[:3], words=("bias_not_summed", "shape (4, 3)", "(3,)"))
def bias_not_summed(x, b):
    return _bias_not_summed(x, b)


_bias_not_summed = made(lambda x, b: (x + b[None, :], ()), lambda saved, dy: (dy, dy))
_bias_not_summed.name = "bias_not_summed"


@wrong("edges", np.abs(X) + 0.1)
@vjp(
    lambda x: (jnp.max(x, -1), x),
    lambda x, dy: (
        jnp.where(x == x.max(-1, keepdims=True), 2.0, 0.0)
        / 2
        * dy[:, None]
        * jnp.where((x == x.max(-1, keepdims=True)).sum(-1, keepdims=True) > 1, 3.0, 1.0),
    ),
)
def ties_get_three(x):
    return jnp.max(x, -1)


@wrong("edges", X, words=("all arguments", "as all arguments move together"))
@vjp(lambda x: (jnp.max(x, -1), x), lambda x, dy: (jnp.where(x == x.max(-1, keepdims=True), dy[:, None], 0.0),))
def every_tie_gets_all(x):
    return jnp.max(x, -1)


@wrong("edges", np.abs(V) + 0.5, words=("nan", "0"))
@vjp(lambda x: (x * jnp.sin(x), x), lambda x, dy: (dy * (jnp.sin(x) + x * jnp.cos(x)) * x / x,))
def nan_at_zero(x):
    return x * jnp.sin(x)


@wrong("edges", V, words=("10000",), reference=jax.nn.logsumexp)
@vjp(lambda x: (jax.nn.logsumexp(x), x), lambda x, dy: (dy * jnp.exp(x) / jnp.exp(x).sum(),))
def overflowing_softmax(x):
    return jax.nn.logsumexp(x)


@wrong("edges", np.clip(V, -1, 1), words=("1",))
@vjp(lambda x: (jnp.where(jnp.abs(x) < 50, x, x**3), x), lambda x, dy: (dy * jnp.ones_like(x),))
def wrong_far_away(x):
    return jnp.where(jnp.abs(x) < 50, x, x**3)


@wrong("second_order", V, words=("gradient of <v, dX>",), order=2)
@vjp(lambda x: (jnp.sin(x), x), lambda x, dy: (dy * lax.stop_gradient(jnp.cos(x)),))
def no_second_order(x):
    return jnp.sin(x)


@wrong("precision", X, words=("arguments, wanted float64",))
@vjp(lambda x: (x.sum() * 1.0, x), lambda x, dy: (((dy + 1e6) - 1e6) * jnp.ones_like(x),))
def cancellation(x):
    return x.sum() * 1.0


@wrong("precision", X, words=("(4, 1)", "statistic", "bfloat16"))
@vjp(
    lambda x: ((x / jnp.sqrt((x**2).sum(-1, keepdims=True))), (x, (x**2).sum(-1, keepdims=True))),
    lambda s, dy: (dy / jnp.sqrt(s[1]) - s[0] * (dy * s[0]).sum(-1, keepdims=True) / s[1] / jnp.sqrt(s[1]),),
)
def statistic_in_half(x):
    return x / jnp.sqrt((x**2).sum(-1, keepdims=True))


@wrong("precision", X, words=("(4,)", "statistic", "dot_general", "bfloat16"))
@vjp(
    lambda x: (x @ jnp.ones(x.shape[-1], x.dtype), (x, x @ jnp.ones(x.shape[-1], x.dtype))),
    lambda s, dy: (dy[:, None] * jnp.ones_like(s[0]) + (s[1] - s[1])[:, None],),
)
def statistic_by_a_product_in_half(x):
    return (x * 1.0).sum(-1)


@wrong("sizes", V, words=("made 1",))
@vjp(lambda x: (x - x[:1], None), lambda _, dy: (dy.at[0].set(-dy[1:].sum()) if dy.shape[0] > 1 else dy,))
def forgets_size_one(x):
    return x - x[:1]


@wrong("transformations", V, words=("wanted the same alone",))
def another_under_jit(x):
    return jnp.sin(x) * (1.5 if isinstance(x, Tracer) and "Jaxpr" in type(x._trace).__name__ else 1.0)


@wrong("transformations", V, words=("branches",))
def branches_on_a_value(x):
    return jnp.sin(x) if x[0] > 0 else jnp.cos(x)


@wrong("transformations", V, words=("vmap",))
@vjp(lambda x: (_not_for_vmap(x), x), lambda x, dy: (dy * jnp.cos(x),))
def not_for_vmap(x):
    return _not_for_vmap(x)


@jax.custom_batching.custom_vmap
def _not_for_vmap(x):
    return jnp.sin(x)


@_not_for_vmap.def_vmap
def _not_for_vmap_rule(axis_size, batched, x):
    return jnp.sin(x) * 2, True


_calls = itertools.count()


@wrong("repeatability", V, words=("different numbers", "key"))
def counts_its_calls(x):
    return jnp.sin(x) * next(_calls)


@wrong("residuals", V, words=("48", "40"), budget=40)
@vjp(lambda x: (jnp.sin(x), (x, jnp.cos(x))), lambda s, dy: (dy * s[1],))
def keeps_too_much(x):
    return jnp.sin(x)


@wrong("compilation", V, words=("compiled", "anew"))
def compiles_each_time(x):
    return jax.jit(lambda x: jnp.sin(x) * 2)(x)


@wrong("cotangents", X, np.array([0, 2, 1, 0]))
@vjp(
    lambda x, labels: (jnp.take_along_axis(x, labels[:, None], 1)[:, 0], labels),
    lambda labels, dy: (jax.nn.one_hot(labels + 1, 3, dtype=dy.dtype) * dy[:, None], None),
)
def neighbour_of_the_label(x, labels):
    return jnp.take_along_axis(x, labels[:, None], 1)[:, 0]


@wrong("cotangents", {"w": W, "b": B}, X, words=("params['w']",))
@vjp(
    lambda params, x: (x @ params["w"] + params["b"], (params, x)),
    lambda s, dy: ({"w": -(s[1].T @ dy), "b": dy.sum(0)}, dy @ s[0]["w"].T),
)
def a_tree_of_parameters(params, x):
    return x @ params["w"] + params["b"]
