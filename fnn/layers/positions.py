"""Positions added to a sequence: learned, one row a place, and sinusoidal.

Rotary positions and ALiBi's slopes act within attention and are options of `fnn.layers.attention`.
"""

from typing import Any, NamedTuple

import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from fnn import initializers, rules
from fnn.kernels.numerics import made_once, wide_dtype
from fnn.layers.layer import Layer, layer, need_features, need_params
from fnn.layers.padded import like, unpad
from fnn.layers.scope import LayerError, path

_START = initializers.gaussian(0.02)


class LearnedPositions(NamedTuple):
    """The parameter of `learned_positions`: a row of features for each position."""

    w: Float[Array, "context features"]


class Position(NamedTuple):
    """The state of positions that carry: how many have passed."""

    position: Int[Array, ""]


def learned_positions(context: int, *, weight: initializers.Initializer = _START, carry: bool = False) -> Layer:
    """Y = X + W[0..time-1]: x (batch, time, features), an array or a `Padded`, W (context, features).

    The rows start by `weight`, N(0, 0.02²) as in GPT-2. With `carry` the state counts the positions, from 0, and x
    stands behind those that have passed. A sequence longer than the context raises LayerError; with a carried
    position that is known at run time only, the rows beyond are NaN.

    >>> import jax, jax.numpy as jnp
    >>> from fnn import layers
    >>> net = layers.learned_positions(8)
    >>> params, state = net.init(jax.random.key(0), jnp.ones((1, 5, 4)))
    >>> params.w.shape, net.apply(params, state, jnp.ones((2, 3, 4)))[0].shape
    ((8, 4), (2, 3, 4))
    """
    if context < 1:
        raise ValueError(f"learned_positions: context = {context}, wanted room for at least 1 position.")

    def init(key, x):
        x = _sequence(x)
        return LearnedPositions(weight(key, (context, x.shape[2]), x.dtype)), _start(carry)

    def apply(params, state, x, *, key=None, train=False):
        need_params(params, LearnedPositions)
        xs, (context, features) = _sequence(x), params.w.shape
        need_features(xs, features)
        first, state = _advanced(state, xs.shape[1], carry)
        end = xs.shape[1] + (0 if first is None or isinstance(first, jax.core.Tracer) else int(first))
        if end > context:
            raise LayerError(
                f"{path()}: the sequence has {end} positions and the context is {context}; cut it, or make the layer "
                "with a larger context."
            )
        if first is None:
            rows = params.w[: xs.shape[1]]
        else:
            rows = rules.embedding(first + jnp.arange(xs.shape[1], dtype=jnp.int32), params.w)
        return like(x, rules.add(xs, rows)), state

    return layer("learned_positions", init, apply)


def sinusoidal_positions(*, base: float = 10000.0, carry: bool = False) -> Layer:
    """Y = X + S with S[i, 2p] = sin(i · base^(-2p/features)) and S[i, 2p+1] the cosine of that angle.

    x: (batch, time, features), an array or a `Padded`. With `carry` the state counts the positions, as that of
    `learned_positions`. Source: Vaswani et al. (2017), arXiv:1706.03762, section 3.5.

    >>> import jax.numpy as jnp
    >>> from fnn import layers
    >>> layers.sinusoidal_positions().apply((), (), jnp.zeros((1, 2, 2)))[0].round(3).tolist()
    [[[0.0, 1.0], [0.8410000205039978, 0.5400000214576721]]]
    """
    if not base > 0:
        raise ValueError(f"sinusoidal_positions: base = {base}, wanted a positive number, such as 10000.")

    def init(key, x):
        _sequence(x)
        return (), _start(carry)

    def apply(params, state, x, *, key=None, train=False):
        xs = _sequence(x)
        time, features = xs.shape[1:]
        first, state = _advanced(state, time, carry)
        positions = jnp.arange(time, dtype=jnp.int32) + (0 if first is None else first)
        return like(x, rules.add(xs, _waves(positions, features, base, wide_dtype(xs.dtype)).astype(xs.dtype))), state

    return layer("sinusoidal_positions", init, apply)


def _waves(positions: Int[Array, " time"], features: int, base: float, dtype) -> Float[Array, "time features"]:
    speeds = float(base) ** (-2.0 * (np.arange(features) // 2) / max(features, 1))
    angles = positions.astype(dtype)[:, None] * jnp.asarray(speeds, dtype)[None, :]
    return made_once(jnp.where((np.arange(features) % 2 == 0)[None, :], jnp.sin(angles), jnp.cos(angles)), 0)


def _start(carry: bool) -> Any:
    return Position(jnp.zeros((), jnp.int32)) if carry else ()


def _advanced(state: Any, time: int, carry: bool) -> tuple[Array | None, Any]:
    """Return the position of the first entry, None for 0 without a count, and the state behind the last."""
    if not carry:
        return None, state
    if not isinstance(state, Position):
        raise LayerError(f"{path()}: state is a {type(state).__name__}, wanted Position, as init makes it.")
    return state.position, Position(state.position + time)


def _sequence(x: Any) -> Any:
    """Return the array of a sequence; raise unless it is (batch, time, features)."""
    x, _ = unpad(x)
    need_features(x)
    if len(x.shape) != 3:
        raise LayerError(f"{path()}: x has shape {x.shape}, wanted (batch, time, features).")
    return x
