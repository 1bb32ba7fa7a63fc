"""Attention at its edges: no key to see, infinities, half precision, slopes, and what it says of wrong arguments."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import rules

X = jax.random.normal(jax.random.key(0), (2, 3, 4, 2))
KV = jax.random.normal(jax.random.key(1), (2, 5, 2, 2))


@functools.partial(jax.jit, static_argnames=("causal", "window"))
def passes(q, k, v, bias=None, lengths=None, offset=None, **static):
    """Return the output and the gradients of its sum of squares."""

    def total(q, k, v, bias):
        y = rules.attention(q, k, v, bias, None, lengths, offset, **static)
        return jnp.square(y).sum(), y

    given = (0, 1, 2) if bias is None else (0, 1, 2, 3)
    (_, y), gradients = jax.value_and_grad(total, given, has_aux=True)(q, k, v, bias)
    return y, gradients


def test_numbers_by_hand():
    q, k = jnp.zeros((1, 1, 1, 1)), jnp.zeros((1, 3, 1, 1))
    v = jnp.array([3.0, 6.0, 12.0]).reshape(1, 3, 1, 1)
    assert float(rules.attention(q, k, v)[0, 0, 0, 0]) == 7
    assert float(rules.attention(q, k, v, lengths=jnp.array([2]))[0, 0, 0, 0]) == 4.5
    assert float(rules.attention(q, k, v, causal=True)[0, 0, 0, 0]) == 3
    assert float(rules.attention(q, k, v, offset=jnp.array([1]), causal=True)[0, 0, 0, 0]) == 4.5
    assert float(rules.attention(q, k, v, offset=jnp.array([2]), causal=True, window=1)[0, 0, 0, 0]) == 12
    assert float(rules.attention(q, k, v, offset=jnp.array([1]), window=1)[0, 0, 0, 0]) == 6
    bias = jnp.log(jnp.array([1.0, 1.0, 4.0]))
    np.testing.assert_allclose(rules.attention(q, k, v, bias)[0, 0, 0, 0], (3 + 6 + 48) / 6, rtol=1e-6)


@pytest.mark.parametrize(
    ("lengths", "bias", "alone"),
    [(jnp.array([0, 5]), None, 0), (None, jnp.array([0.0, -jnp.inf]).reshape(2, 1, 1, 1), 1)],
)
def test_a_query_that_sees_no_key_is_zero_and_has_no_gradient(lengths, bias, alone):
    y, gradients = passes(X, KV, KV, bias, lengths)
    assert bool((y[alone] == 0).all()) and bool((y[1 - alone] != 0).all())
    for gradient in gradients:
        assert bool(jnp.isfinite(gradient).all())
        assert bool((gradient[alone] == 0).all())


def test_queries_beyond_the_window_see_nothing():
    y, gradients = passes(X, KV, KV, offset=jnp.array([7, 2]), window=2)
    assert bool((y[0] == 0).all()) and bool((y[1] != 0).any(-1).all())
    assert all(bool((gradient[0] == 0).all()) and bool(jnp.isfinite(gradient).all()) for gradient in gradients)


def test_a_score_of_plus_infinity_is_nan_and_one_of_minus_infinity_is_a_weight_of_zero():
    bias = jnp.zeros((2, 1, 1, 5)).at[0, 0, 0, 4].set(jnp.inf).at[1, 0, 0, 4].set(-jnp.inf)
    y, _ = passes(X, KV, KV, bias)
    assert bool(jnp.isnan(y[0]).all())
    np.testing.assert_allclose(y[1], rules.attention(X[1:], KV[1:, :4], KV[1:, :4])[0], rtol=1e-5)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_half_precision_keeps_its_dtype_and_its_statistics_are_wide(dtype):
    q, k = X.astype(dtype), KV.astype(dtype)
    y, gradients = passes(q, k, k, causal=True)
    want, wants = passes(q.astype(jnp.float32), k.astype(jnp.float32), k.astype(jnp.float32), causal=True)
    eps = float(jnp.finfo(dtype).eps)
    for got, full in zip((y, *gradients), (want, *wants), strict=True):
        assert got.dtype == dtype
        np.testing.assert_allclose(got.astype(jnp.float32), full, atol=16 * eps * float(jnp.abs(full).max()))
    kept = rules.attention.residuals(q, k, k)
    assert [leaf.dtype for leaf in kept if leaf is not None][-1] == jnp.float32


def test_slopes_are_a_bias_by_distance():
    slopes = rules.alibi_slopes(4)
    distance = jnp.arange(5.0)[None] - jnp.arange(3.0)[:, None]
    bias = slopes[:, None, None] * distance[None]
    got = rules.attention(X, KV, KV, slopes=slopes)
    np.testing.assert_allclose(got, rules.attention(X, KV, KV, bias), rtol=1e-5, atol=1e-6)


def test_the_slopes_of_the_paper():
    np.testing.assert_allclose(rules.alibi_slopes(8), [2.0**-n for n in range(1, 9)])
    twelve = [2.0**-n for n in range(1, 9)] + [2.0 ** -(n + 0.5) for n in range(4)]
    np.testing.assert_allclose(rules.alibi_slopes(12), twelve, rtol=1e-6)
    assert rules.alibi_slopes(1).tolist() == [2.0**-8]
    with pytest.raises(ValueError, match="heads = 0, wanted at least 1"):
        rules.alibi_slopes(0)


def test_dropout_takes_whole_weights_and_the_same_in_both_passes():
    one_hot = jnp.broadcast_to(jnp.eye(5)[None, :, None], (2, 5, 2, 5))
    key = jax.random.key(3)
    y, pull = jax.vjp(lambda v: rules.attention(X, KV, v, key=key, dropout=0.5), one_hot)
    weights = rules.attention(X, KV, one_hot)
    np.testing.assert_allclose(jnp.where(y == 0, 2 * weights, y), 2 * weights, rtol=1e-6)
    assert 0.3 < float((y == 0).mean()) < 0.7
    # The output is linear in the values, so the same weights carry the cotangent back.
    np.testing.assert_allclose((pull(y)[0] * one_hot).sum(), jnp.square(y).sum(), rtol=1e-5)
    without = rules.attention(X, KV, one_hot, key=key)
    np.testing.assert_array_equal(without, weights)


WRONG = {
    "q has shape": (X[0], KV, KV, {}),
    "k \\(1, 5, 2, 2\\)": (X, KV[:1], KV[:1], {}),
    "q has 2 features a head and k 1": (X, KV[..., :1], KV, {}),
    "q has 3 heads and k 2": (X[:, :, :3], KV, KV, {}),
    "without keys": (X, KV[:, :0], KV[:, :0], {}),
    "window = 0, wanted at least 1": (X, KV, KV, {"window": 0}),
    "soft_cap = 0.0, wanted a positive": (X, KV, KV, {"soft_cap": 0.0}),
    "dropout = 1.0, wanted": (X, KV, KV, {"dropout": 1.0}),
    "dropout = 0.5 wants a key": (X, KV, KV, {"dropout": 0.5}),
    "bias has shape \\(3,\\)": (X, KV, KV, {"bias": jnp.zeros(3)}),
    "slopes have shape \\(3,\\)": (X, KV, KV, {"slopes": jnp.zeros(3)}),
    "lengths has shape \\(3,\\)": (X, KV, KV, {"lengths": jnp.array([1, 2, 3])}),
    "a length is 6, but k has 5 keys": (X, KV, KV, {"lengths": jnp.array([5, 6])}),
    "offset has shape \\(1,\\)": (X, KV, KV, {"offset": jnp.array([1])}),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_what_is_wrong_is_a_sentence(sentence, without_run_time_checks):
    q, k, v, words = WRONG[sentence]
    with pytest.raises(ValueError, match=sentence):
        rules.attention(q, k, v, **words)
