"""Generation: with a cache it is what the whole network says without; the draws; what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import layers, models
from fnn.models import sampling
from fnn.models.sampling import Sampling

KEY = jax.random.key(0)
PROMPT = jnp.asarray([[1, 2, 3], [6, 5, 4]])
LENGTH = 6
NORMS = (layers.LayerNorm, layers.RMSNorm)


def gpt(cache=None, **options):
    return models.gpt(7, 9, **{"depth": 2, "width": 8, "heads": 2, **options}, cache=cache)


def rnn(cell, depth=1):
    return lambda cache=None: models.char_rnn(7, width=8, depth=depth, cell=cell, carry=cache is not None)


def bare(cache=None):
    """Return a network without blocks or a rule for its head: layers in a row."""
    carry = cache is not None
    attend = layers.attention(2, causal=True, cache=cache)
    return layers.serial(layers.embedding(7, 8), layers.sinusoidal_positions(carry=carry), attend, layers.dense(7))


NETS = {
    "gpt": gpt,
    "gpt, rotary, grouped, window": lambda cache=None: gpt(cache, rotary=1e4, kv_heads=1, window=3),
    "gpt, alibi, gated, untied": lambda cache=None: gpt(
        cache, alibi=True, activation=layers.swiglu, normalisation=layers.rms_norm, tied=False, depth=1
    ),
    "lstm": rnn(layers.lstm, 2),
    "gru": rnn(layers.gru),
    "bare": bare,
}


def moved(net, seed=5):
    """Return parameters of which the likeliest tokens change from place to place; those of norms stay 0 and 1."""
    params, _ = jax.jit(net.init)(KEY, PROMPT)
    draw = np.random.default_rng(seed)

    def move(leaf):
        return leaf if isinstance(leaf, NORMS) else leaf + jnp.asarray(draw.normal(size=leaf.shape), leaf.dtype)

    return jax.tree.map(move, params, is_leaf=lambda node: isinstance(node, NORMS))


def without_cache(net, params, prompt, length):
    """Run the whole network for each token, on ids whose tail, not yet known, no position before it sees."""
    ids = np.pad(np.asarray(prompt), ((0, 0), (0, length)))
    _, state = jax.eval_shape(net.init, KEY, ids)
    apply = jax.jit(lambda ids: net.apply(params, state, ids)[0])
    for place in range(prompt.shape[1], ids.shape[1]):
        ids[:, place] = np.asarray(apply(ids))[:, place - 1].argmax(-1)
    return ids


@pytest.mark.parametrize("name", NETS)
def test_with_cache_is_what_it_is_without(name):
    make = NETS[name]
    net, plain = make(len(PROMPT[0]) + LENGTH), make()
    params = moved(plain)
    want = without_cache(plain, params, PROMPT, LENGTH)
    got = models.generate(net, params, PROMPT, length=LENGTH, temperature=0)
    np.testing.assert_array_equal(got, want)
    assert len(np.unique(want[:, 3:])) > 2  # it has something to say


def test_a_prompt_of_one_token_fills_the_context_and_its_dtype_stays():
    net, params = bare(4), moved(bare())
    got = models.generate(net, params, PROMPT[:, :1].astype(jnp.int8), length=4, temperature=0)
    assert got.shape == (2, 5) and got.dtype == jnp.int8
    np.testing.assert_array_equal(got, without_cache(bare(), params, PROMPT[:, :1], 4))
    np.testing.assert_array_equal(models.generate(net, params, PROMPT, length=0, temperature=0), PROMPT)


def test_draws_are_a_function_of_the_key():
    net, params = bare(12), moved(bare())
    prompt = jnp.tile(PROMPT[:1], (8, 1))
    first, again, other = (
        models.generate(net, params, prompt, length=8, key=jax.random.key(n), temperature=0.9, top_k=5, top_p=0.95)
        for n in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any() and len(np.unique(first, axis=0)) > 1  # rows draw for themselves


def test_sampling_follows_the_probabilities():
    p = np.asarray([0.45, 0.05, 0.3, 0.2])
    logits = jnp.broadcast_to(jnp.log(p), (20_000, 4))

    def shares(**options):
        return np.bincount(sampling.sample(logits, KEY, Sampling(**options)), minlength=4) / len(logits)

    np.testing.assert_allclose(shares(), p, atol=0.015)
    hot = p**0.5 / (p**0.5).sum()
    np.testing.assert_allclose(shares(temperature=2.0), hot, atol=0.015)
    np.testing.assert_allclose(shares(top_k=2), [0.6, 0, 0.4, 0], atol=0.015)
    np.testing.assert_allclose(shares(top_p=0.8), np.asarray([0.45, 0, 0.3, 0.2]) / 0.95, atol=0.015)
    np.testing.assert_allclose(shares(top_k=2, top_p=0.5), [1, 0, 0, 0])
    np.testing.assert_allclose(shares(top_k=9, top_p=1.0), p, atol=0.015)
    np.testing.assert_allclose(shares(top_p=1e-9), [1, 0, 0, 0])


def test_greedy_takes_the_first_of_the_best():
    assert sampling.sample(jnp.asarray([1.0, 3.0, 3.0]), None, Sampling(temperature=0)) == 1


REFUSED = {
    "a prompt that is empty": ({"prompt": PROMPT[:, :0]}, r"the prompt is int32\[2, 0\].*at least one"),
    "a prompt of one axis": ({"prompt": PROMPT[0]}, r"int32\[3\], wanted integer ids \(batch, time\)"),
    "a prompt of numbers": ({"prompt": PROMPT.astype(jnp.float32)}, "float32.*wanted integer ids"),
    "an id outside": ({"prompt": PROMPT.at[1, 2].set(7)}, r"id at \(1, 2\) is 7, wanted one of 0..6"),
    "a negative id": ({"prompt": PROMPT.at[0, 1].set(-1)}, r"id at \(0, 1\) is -1"),
    "a length": ({"length": -1}, "length = -1"),
    "a temperature": ({"temperature": -0.5}, "temperature = -0.5"),
    "a temperature that is no number": ({"temperature": float("nan")}, "temperature = nan"),
    "no key": ({"temperature": 1.0}, "wants a key"),
    "top_k": ({"top_k": 0}, "top_k = 0"),
    "top_p": ({"top_p": 1.5}, "top_p = 1.5"),
    "no state": ({"net": bare()}, r"carries no state.*carry=True"),
    "no room in the cache": ({"length": 8}, r"attention: 10 positions from 0 on, and the cache has room for 9"),
    "no logits": (
        {"net": layers.serial(bare(9), layers.stateless("last", lambda x: x[:, -1]))},
        r"into \(2, 7\), wanted logits",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    changes, message = REFUSED[name]
    net = changes.get("net", bare(9))
    params = jax.eval_shape(net.init, KEY, PROMPT)[0]
    arguments = {"net": net, "params": params, "prompt": PROMPT, "length": LENGTH, "temperature": 0, **changes}
    with pytest.raises(ValueError, match=message):
        models.generate(**arguments)


def test_a_context_that_is_too_short_is_told_before_anything_runs():
    net = gpt(cache=20)
    params = jax.eval_shape(net.init, KEY, PROMPT)[0]
    with pytest.raises(layers.LayerError, match=r"gpt: .*\(2, 12\), and the context is 9"):
        models.generate(net, params, PROMPT, length=10, temperature=0)
