"""Mixture of experts: which experts a token goes to, the way there, the way back. Kernel: `fnn.kernels.routing`.

They are used in turn: route, dispatch, the experts on their buffers, combine; `fnn.layers.mixture_of_experts` does.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fnn.kernels import routing as kernel
from fnn.kernels import softmax
from fnn.kernels.numerics import wide
from fnn.rule import Static, rule


@rule
def route(logits: Float[Array, "*batch experts"], *, k: int = 1, normalise: bool = True):
    """Return (W, e): the weights (..., k) and the numbers (..., k) of the k experts with the largest logits z.

    P = softmax(z);   W_j = P_{e_j} / Σ_i P_{e_i}, a softmax of the chosen logits, if normalised (Mixtral's),
    else W_j = P_{e_j} (the Switch transformer's, whose router learns by W even with k = 1)

        normalised   dz_{e_j} = W_j (dW_j - Σ_i dW_i W_i),   0 for an expert that is not chosen
        else         dz = P (g - Σ g P),   g the dW_j at their experts, 0 elsewhere

    logits: (..., experts); in float32 or wider inside. The experts come in order of their weights, equal ones the
    lower number first, and have no gradient, nor has the choice. Keeps W (normalised) or P, and e. Raises ValueError
    for k outside 1..experts. Sources: Shazeer et al. (2017), arXiv:1701.06538; Fedus et al. (2021), arXiv:2101.03961;
    Jiang et al. (2024), arXiv:2401.04088.

    >>> import jax.numpy as jnp
    >>> weights, experts = route(jnp.log(jnp.array([0.1, 0.3, 0.6])), k=2)
    >>> [round(float(w), 3) for w in weights], experts.tolist()
    ([0.667, 0.333], [2, 1])
    """
    if logits.ndim == 0 or not 1 <= k <= logits.shape[-1]:
        raise ValueError(
            f"route: k = {k} for logits of shape {logits.shape}, wanted (..., experts) and 1 <= k <= experts."
        )
    chosen, experts = kernel.choose(logits, k)
    if normalise:
        w = softmax.softmax(chosen, -1)
        return (w.astype(logits.dtype), experts), (w, experts, Static(logits.shape[-1]))
    p = softmax.softmax(wide(logits), -1)
    w = jnp.take_along_axis(p, experts, -1)
    return (w.astype(logits.dtype), experts), (p, experts, Static(logits.shape[-1]))


@route.backward
def route_backward(saved, dy, *, normalise):
    """dz = W (dW - Σ dW W) at the chosen experts, or P (g - Σ g P)."""
    p, experts, count = saved
    dw = wide(dy[0])
    if normalise:
        return kernel.spread(softmax.softmax_backward(p, dw, -1), experts, count.value)
    return softmax.softmax_backward(p, kernel.spread(dw, experts, count.value), -1)


@rule
def balance_loss(logits: Float[Array, "*batch experts"], experts: Int[Array, "*batch k"]):
    """L = E Σ_e f_e m_e: 1 where the E experts are used alike, up to E where one does all the work.

    f_e is the share of the choices that expert e has, m_e the mean of P_e over the tokens, P = softmax(logits).

        dz = P (g - Σ g P),   g_e = dL E f_e / tokens;   f has no gradient

    logits: (..., experts), the chosen experts: (..., k), as from `route`. L is float32 or wider. Keeps P and f.
    No tokens have L = 0. Raises ValueError for shapes that do not fit.
    Source: Fedus et al. (2021), arXiv:2101.03961, equations 4 to 6; with k > 1 the shares are of all choices.

    >>> import jax.numpy as jnp
    >>> float(balance_loss(jnp.zeros((2, 4)), jnp.array([[0, 1], [2, 3]])))
    1.0
    """
    if logits.ndim == 0 or experts.ndim != logits.ndim or experts.shape[:-1] != logits.shape[:-1]:
        raise ValueError(
            f"balance_loss: the logits have shape {logits.shape} and the chosen experts {experts.shape}, wanted "
            "(..., experts) and (..., k)."
        )
    p = softmax.softmax(wide(logits), -1)
    count = p.shape[-1]
    f = kernel.shares(experts, count, p.dtype)
    mean = p.reshape(-1, count).sum(0) / max(p.size // max(count, 1), 1)
    return count * (f * mean).sum(), (p, f)


@balance_loss.backward
def balance_loss_backward(saved, dloss):
    """dz = P (g - Σ g P),  g = dL E f / tokens."""
    p, f = saved
    g = dloss * f * (f.size / max(p.size // max(f.size, 1), 1))
    return softmax.softmax_backward(p, jnp.broadcast_to(g, p.shape), -1), None


@rule
def dispatch(
    x: Float[Array, "tokens features"], experts: Int[Array, "tokens k"], *, num_experts: int = 2, capacity: int = 2
):
    """Y[e, c] = X[t] where slot c of expert e holds token t, and 0 where it is empty.

    x: (tokens, features), experts: (tokens, k), as from `route`; y: (num_experts, capacity, features). The slots of
    an expert are taken by first choices before second ones, and token after token; a choice that finds them all taken
    is dropped.

        dX_t = Σ_j dY[slot of the choice j of t], without the dropped

    Both passes are gathers. Keeps the slot of each choice, as integers. Raises ValueError for shapes that do not fit,
    num_experts < 1 and capacity < 1. Source: Lepikhin et al. (2020), "GShard", arXiv:2006.16668.

    >>> import jax.numpy as jnp
    >>> x, experts = jnp.array([[1.0], [2.0], [3.0]]), jnp.array([[1], [1], [1]])
    >>> dispatch(x, experts, num_experts=2, capacity=2)[..., 0].tolist()            # the third token is dropped
    [[0.0, 0.0], [1.0, 2.0]]
    """
    if x.ndim != 2 or experts.ndim != 2 or experts.shape[0] != x.shape[0]:
        raise ValueError(
            f"dispatch: x has shape {x.shape} and experts {experts.shape}, wanted (tokens, features) and (tokens, k)."
        )
    if num_experts < 1 or capacity < 1:
        raise ValueError(f"dispatch: num_experts = {num_experts}, capacity = {capacity}, wanted at least 1 of each.")
    place = kernel.places(experts, num_experts, capacity)
    token = kernel.choice_of(place, num_experts * capacity) // max(experts.shape[1], 1)
    return kernel.gather(x, token).reshape(num_experts, capacity, x.shape[1]), place


@dispatch.backward
def dispatch_backward(place, dy):
    """dX_t = Σ_j dY[slot of the choice j of t]."""
    return wide(kernel.gather(_slots(dy), place)).sum(1), None


@rule
def combine(
    y: Float[Array, "experts capacity features"], weights: Float[Array, "tokens k"], experts: Int[Array, "tokens k"]
):
    """Z_t = Σ_j W_tj Y[slot of the choice j of t]: the way back from `dispatch`, weighted.

    y: (num_experts, capacity, features), weights and experts: (tokens, k), as from `route`; z: (tokens, features).
    A dropped choice adds nothing, so a token that lost all of them is 0, and a residual connection carries it.

        dY[slot] = W_tj dZ_t of the choice that it holds, 0 if empty,   dW_tj = dZ_t · Y[slot], 0 if dropped

    Both passes are gathers. Keeps y, the weights, and the slot of each choice. Raises ValueError for shapes that do
    not fit. Source: Lepikhin et al. (2020), "GShard", arXiv:2006.16668.

    >>> import jax.numpy as jnp
    >>> y, weights, experts = jnp.array([[[1.0]], [[10.0]]]), jnp.array([[0.5, 0.2]]), jnp.array([[1, 0]])
    >>> round(float(combine(y, weights, experts)[0, 0]), 3)                         # 0.5 * 10 + 0.2 * 1
    5.2
    """
    if y.ndim != 3 or weights.ndim != 2 or weights.shape != experts.shape:
        raise ValueError(
            f"combine: y has shape {y.shape}, weights {weights.shape} and experts {experts.shape}, wanted "
            "(num_experts, capacity, features) and (tokens, k) twice."
        )
    place = kernel.places(experts, *y.shape[:2])
    picked = wide(kernel.gather(_slots(y), place))
    z = (picked * weights.astype(picked.dtype)[..., None]).sum(1)
    return z.astype(y.dtype), (y, weights, place)


@combine.backward
def combine_backward(saved, dz):
    """dY[slot] = W dZ of the choice that it holds,  dW = dZ · Y[slot]."""
    y, weights, place = saved
    rows, dz = _slots(y), wide(dz)
    choice = kernel.choice_of(place, rows.shape[0])
    factor = kernel.gather(weights.astype(dz.dtype).reshape(-1, 1), choice)
    dy = factor * kernel.gather(dz, choice // max(place.shape[1], 1))
    dweights = (dz[:, None] * wide(kernel.gather(rows, place))).sum(-1)
    return dy.reshape(y.shape), dweights, None


def _slots(buffers: Float[Array, "experts capacity features"]) -> Float[Array, "slots features"]:
    experts, capacity, features = buffers.shape
    return buffers.reshape(experts * capacity, features)
