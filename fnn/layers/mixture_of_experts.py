"""A layer of many experts, of which each token sees a few."""

from math import ceil, prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fnn import initializers, rules
from fnn.kernels.numerics import wide_dtype
from fnn.layers.layer import Layer, abstract, fold, layer, need_features, need_params
from fnn.layers.scope import LayerError, path, repetition


class MixtureOfExperts(NamedTuple):
    """The parameters of `mixture_of_experts`: the router's matrix, and the experts' with a leading axis of experts."""

    router: Float[Array, "features experts"]
    experts: Any


class MixtureOfExpertsState(NamedTuple):
    """The balance loss of the last batch, for the loss to add, and the experts' states, stacked."""

    balance: Float[Array, ""]
    experts: Any


def mixture_of_experts(
    expert: Layer,
    experts: int,
    *,
    k: int = 2,
    capacity_factor: float | None = 1.25,
    normalise: bool = True,
    weight: initializers.Initializer = initializers.lecun_normal,
) -> Layer:
    """Y = Σ_j W_j expert_{e_j}(X) over the k experts that a router, softmax(X·R), chooses for each token.

    x: (..., features) to y of the shape that `expert` gives a matrix (tokens, features). Rules: `fnn.rules.route`,
    `dispatch`, `combine` and `balance_loss`. The experts are `experts` copies of one layer, each with its own
    parameters, which see the tokens in buffers of equal size, ceil(capacity_factor k tokens / experts): a choice that
    finds the buffer full is dropped, and a token that lost all its choices gives 0, so that a residual connection
    carries it. With capacity_factor None no choice is dropped, for buffers of `tokens` each. normalise=False weighs by
    the probabilities themselves, as the Switch transformer with k=1 must. The router starts by `weight`.

    The state holds the balance loss, 1 where the experts are used alike. It is what keeps a router from choosing the
    same few: the loss adds a hundredth of it, and its gradient flows.

    Sources: Shazeer et al. (2017), arXiv:1701.06538; Fedus et al. (2021), arXiv:2101.03961; Jiang et al. (2024),
    arXiv:2401.04088.

    >>> import jax, jax.numpy as jnp
    >>> from fnn import layers, rules
    >>> net = layers.mixture_of_experts(layers.serial(layers.dense(32), layers.gelu(), layers.dense(8)), 4)
    >>> x = jax.random.normal(jax.random.key(1), (2, 16, 8))
    >>> params, state = jax.jit(net.init)(jax.random.key(0), x)
    >>> def loss(params, state, x):
    ...     y, state = net.apply(params, state, x, train=True)
    ...     return rules.squared_error(y, x) + 0.01 * state.balance, state
    >>> slopes, state = jax.jit(jax.grad(loss, has_aux=True))(params, state, x)
    >>> slopes.router.shape, slopes.experts[0].w.shape, bool(0 < state.balance < 4)
    ((8, 4), (4, 8, 32), True)
    """
    if not isinstance(expert, Layer):
        hint = "; call it to make the layer" if callable(expert) else ""
        raise TypeError(f"mixture_of_experts: expert is {expert!r}, wanted a Layer{hint}.")
    if experts < 1 or not 1 <= k <= experts:
        raise ValueError(f"mixture_of_experts: experts = {experts}, k = {k}, wanted 1 <= k <= experts.")
    if capacity_factor is not None and not capacity_factor > 0:
        raise ValueError(
            f"mixture_of_experts: capacity_factor = {capacity_factor}, wanted a positive number, or None for no limit."
        )

    def capacity(tokens: int) -> int:
        wanted = tokens if capacity_factor is None else ceil(capacity_factor * k * tokens / experts)
        return max(min(wanted, tokens), 1)

    def init(key, x):
        features = need_features(x)
        buffer = jax.ShapeDtypeStruct((capacity(prod(x.shape[:-1])), features), x.dtype)
        keys = jax.random.split(fold(key, 1), experts)
        params, state = jax.vmap(lambda key: expert.init(key, buffer))(keys)
        router = weight(fold(key, 0), (features, experts), x.dtype)
        return MixtureOfExperts(router, params), MixtureOfExpertsState(jnp.zeros((), wide_dtype(x.dtype)), state)

    def apply(params, state, x, *, key=None, train=False):
        need_params(params, MixtureOfExperts)
        features = need_features(x, params.router.shape[0])
        tokens = x.reshape(prod(x.shape[:-1]), features)
        logits = rules.linear(tokens, params.router)
        weights, chosen = rules.route(logits, k=k, normalise=normalise)
        buffers = rules.dispatch(tokens, chosen, num_experts=experts, capacity=capacity(len(tokens)))

        def each(params, state, buffer, position):
            with repetition(experts, position):
                return expert.apply(params, state, buffer, key=fold(key, position), train=train)

        # Of NumPy's arrays vmap makes constants.
        inner_params, inner_state = jax.tree.map(jnp.asarray, (params.experts, state.experts))
        buffers, inner_state = jax.vmap(each)(inner_params, inner_state, buffers, jnp.arange(experts))
        _need_matrices(buffers)
        y = rules.combine(buffers, weights, chosen)
        balance = rules.balance_loss(logits, chosen)
        return y.reshape(*x.shape[:-1], y.shape[-1]), MixtureOfExpertsState(balance, inner_state)

    return layer("mixture_of_experts", init, apply)


def _need_matrices(buffers) -> None:
    if not hasattr(buffers, "ndim") or buffers.ndim != 3:
        raise LayerError(f"{path()}: an expert gives {abstract(buffers)}, wanted (tokens, features) of one array.")
