"""Generation of text, token by token, by any network of sequences that carries its state."""

import functools
from typing import Any

import jax.core
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array, Int

from fnn import layers
from fnn.models import sampling
from fnn.models.sampling import Sampling


def generate(
    net: layers.Layer,
    params: Any,
    prompt: ArrayLike,
    *,
    length: int,
    key: Array | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    source: Any = None,
) -> Int[Array, "batch longer"]:
    """Return the prompt and `length` tokens behind it: ids (batch, time) to ids (batch, time + length).

    The network turns ids (batch, time) into logits (batch, time, vocabulary) and carries its state: one made with a
    cache or carry, such as ``gpt(..., cache=256)`` or ``char_rnn(..., carry=True)``, which takes the params of the
    same network without. It starts from a fresh state, zeros, reads the prompt at once, and then one token at a time;
    all of it is one compiled program, which the next call with the same network, shapes and options runs again.

    Args:
        net: the network.
        params: its parameters.
        prompt: ids (batch, time) to start from, at least one in each row.
        length: how many tokens to add.
        key: what the draws are a function of; not needed for temperature=0.
        temperature: what the logits are divided by; 0 takes the best token each time.
        top_k: draw among so many of the best tokens.
        top_p: draw within the nucleus, the fewest of the best tokens whose probabilities sum to this.
        source: what an `encoder_decoder` reads, of as many rows; the network is then given (source, ids).

    Raises LayerError if the prompt and what is to come do not fit into the network's context or cache, ValueError for
    a prompt that is empty or has ids outside the vocabulary, a network that carries no state, and options that make
    no sense.

    >>> import jax, jax.numpy as jnp
    >>> from fnn import layers, models
    >>> net = layers.serial(layers.embedding(5, 8), layers.attention(2, causal=True, cache=6), layers.dense(5))
    >>> prompt = jnp.array([[1, 2, 3]])
    >>> params, _ = net.init(jax.random.key(0), prompt)
    >>> models.generate(net, params, prompt, length=4, temperature=0).shape
    (1, 7)
    """
    chosen = Sampling(temperature, top_k, top_p)
    sampling.check(chosen, key)
    prompt = jnp.asarray(prompt)
    if prompt.ndim != 2 or prompt.shape[1] == 0 or not jnp.issubdtype(prompt.dtype, jnp.integer):
        raise ValueError(
            f"generate: the prompt is {prompt.dtype}{list(prompt.shape)}, wanted integer ids (batch, time), at least "
            "one in each row to start from."
        )
    if length < 0:
        raise ValueError(f"generate: length = {length}, wanted how many tokens to add.")
    options = {"net": net, "length": length, "chosen": chosen}
    _, logits = _generate.eval_shape(params, prompt, key, source, **options)
    _need_known(prompt, logits.shape[-1])
    return _generate(params, prompt, key, source, **options)[0]


@functools.partial(jax.jit, static_argnames=("net", "length", "chosen"))
def _generate(params, prompt, key, source, *, net: layers.Layer, length: int, chosen: Sampling):
    """Return the tokens, and the logits of none, which tell the vocabulary."""

    def x(ids):
        return ids if source is None else (source, ids)

    batch, time = prompt.shape
    state = fresh_state(net, x(prompt))
    # Positions beyond a context or a cache are known here alone, where they are a shape.
    fed = jax.ShapeDtypeStruct((batch, max(time + length - 1, 1)), prompt.dtype)
    logits = jax.eval_shape(lambda params, ids: net.apply(params, state, x(ids))[0], params, fed)
    _need_logits(logits, fed)

    def step(carried, number):
        state, token = carried
        logits, state = net.apply(params, state, x(token[:, None]))
        drawn = None if key is None else jax.random.fold_in(key, number)
        token = sampling.sample(logits[:, 0], drawn, chosen).astype(prompt.dtype)
        return (state, token), token

    if time > 1:
        # The logits of the prompt are not asked for, so they are not computed.
        _, state = net.apply(params, state, x(prompt[:, :-1]))
    _, tokens = lax.scan(step, (state, prompt[:, -1]), jnp.arange(length))
    none = jnp.zeros((0, logits.shape[-1]), logits.dtype)
    return jnp.concatenate([prompt, tokens.T], axis=1), none


def fresh_state(net: layers.Layer, x: Any) -> Any:
    """Return the state from which a network that carries one starts on x: zeros, whatever the parameters.

    Raises ValueError for a network without a state.
    """
    _, state = jax.eval_shape(net.init, jax.random.key(0), x)
    if not jax.tree.leaves(state):
        raise ValueError(
            "generate: the network carries no state from token to token; make it with a cache, such as gpt(..., "
            "cache=256), or with carry=True. The params are the same."
        )
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), state)


def _need_logits(logits: Any, ids: Any) -> None:
    if not hasattr(logits, "shape") or len(logits.shape) != 3 or logits.shape[:2] != ids.shape:
        got = logits.shape if hasattr(logits, "shape") else f"a {type(logits).__name__}"
        raise ValueError(
            f"generate: the network turns ids of shape {ids.shape} into {got}, wanted logits (batch, time, vocabulary)."
        )


def _need_known(prompt: Array, vocabulary: int) -> None:
    if isinstance(prompt, jax.core.Tracer):
        return
    known = np.asarray(prompt)
    outside = np.argwhere((known < 0) | (known >= vocabulary))
    if len(outside):
        place = tuple(map(int, outside[0]))
        raise ValueError(f"generate: the prompt's id at {place} is {known[place]}, wanted one of 0..{vocabulary - 1}.")
