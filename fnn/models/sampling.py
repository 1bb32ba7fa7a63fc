"""The choice of the next token from its logits: greedy, by temperature, among the k best, within a nucleus."""

from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from fnn.kernels.numerics import wide


class Sampling(NamedTuple):
    """How the next token is chosen: numbers that are static."""

    temperature: float = 1.0
    """What logits are divided by; 0 takes the best token."""
    top_k: int | None = None
    """Choose among so many of the best tokens."""
    top_p: float | None = None
    """Choose within the nucleus: the fewest of the best tokens whose probabilities sum to this."""


def check(sampling: Sampling, key: Array | None) -> None:
    """Raise ValueError unless the numbers make sense and there is a key to draw from."""
    temperature, top_k, top_p = sampling
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"generate: temperature = {temperature}, wanted a number >= 0; 0 takes the best token.")
    if top_k is not None and top_k < 1:
        raise ValueError(f"generate: top_k = {top_k}, wanted how many of the best tokens to choose among, at least 1.")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"generate: top_p = {top_p}, wanted the probability of the nucleus, 0 < top_p <= 1.")
    if temperature and key is None:
        raise ValueError(
            f"generate: temperature = {temperature} draws tokens and wants a key to draw from; pass key=..., or "
            "temperature=0 to take the best token."
        )


def sample(logits: Float[Array, "*batch vocabulary"], key: Array | None, sampling: Sampling) -> Int[Array, "*batch"]:
    """Return a token for each row of logits, a function of the logits and the key alone.

    Of equal logits the greedy choice takes the first. The temperature comes first, then top_k, then the nucleus of
    what is left. Sources: Fan et al. (2018), arXiv:1805.04833 (top k); Holtzman et al. (2020), "The curious case of
    neural text degeneration", arXiv:1904.09751 (nucleus).

    >>> import jax, jax.numpy as jnp
    >>> logits = jnp.log(jnp.array([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3]]))
    >>> sample(logits, None, Sampling(temperature=0)).tolist()
    [1, 0]
    >>> sample(logits, jax.random.key(0), Sampling(top_p=0.4)).tolist()
    [1, 0]
    """
    logits = wide(logits)
    if sampling.temperature == 0:
        return jnp.argmax(logits, -1)
    logits = logits / sampling.temperature
    if sampling.top_k is not None:
        logits = among_best(logits, sampling.top_k)
    if sampling.top_p is not None:
        logits = within_nucleus(logits, sampling.top_p)
    return jax.random.categorical(cast(Array, key), logits)


def among_best(logits: Float[Array, "*batch vocabulary"], k: int) -> Float[Array, "*batch vocabulary"]:
    """Return the logits with -inf for all but the k largest; those that equal the k-th stay."""
    least = lax.top_k(logits, min(k, logits.shape[-1]))[0][..., -1:]
    return jnp.where(logits < least, -jnp.inf, logits)


def within_nucleus(logits: Float[Array, "*batch vocabulary"], p: float) -> Float[Array, "*batch vocabulary"]:
    """Return the logits with -inf outside the fewest of the best whose probabilities sum to p; one at least stays."""
    best_first = -jnp.sort(-logits, axis=-1)
    probabilities = jax.nn.softmax(best_first, axis=-1)
    before = jnp.cumsum(probabilities, axis=-1) - probabilities
    least = jnp.where(before < p, best_first, jnp.inf).min(-1, keepdims=True)
    return jnp.where(logits < least, -jnp.inf, logits)
