"""Recurrent layers: rnn, gru, lstm, and bidirectional. Stacked they are `serial`, with dropout in between if wanted.

They take sequences (batch, time, features), or a `Padded` of them, and return the same kind. A layer starts at zeros
and has no state, unless it is made with ``carry=True``: then its state is that of the recurrence, where the next call
goes on. That is truncated back-propagation through time in training, and generation step by step afterwards; the
parameters are the same.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fnn import initializers, rules
from fnn.initializers import Initializer
from fnn.layers.combinators import parallel
from fnn.layers.layer import Layer, layer, need_features, need_params
from fnn.layers.padded import like, unpad
from fnn.layers.scope import LayerError, path

_ORTHOGONAL = initializers.orthogonal()


class RNN(NamedTuple):
    """The parameters of `rnn`."""

    w: Float[Array, "inputs hidden"]
    u: Float[Array, "hidden hidden"]
    b: Float[Array, " hidden"] | None


class GRU(NamedTuple):
    """The parameters of `gru`; the columns of w, u and b are those of the gates r, u and the candidate n."""

    w: Float[Array, "inputs gates"]
    u: Float[Array, "hidden gates"]
    b: Float[Array, " gates"] | None
    recurrent_b: Float[Array, " hidden"] | None


class LSTM(NamedTuple):
    """The parameters of `lstm`; the columns of w, u and b are those of the gates i, f, the candidate g and o."""

    w: Float[Array, "inputs gates"]
    u: Float[Array, "outputs gates"]
    b: Float[Array, " gates"] | None
    peepholes: Float[Array, "3 hidden"] | None
    projection: Float[Array, "hidden outputs"] | None


class NormalisedLSTM(NamedTuple):
    """The parameters of `normalised_lstm`: `scale` and `b` of the input's products, `u_scale` of the recurrent ones."""

    w: Float[Array, "inputs gates"]
    u: Float[Array, "hidden gates"]
    scale: Float[Array, " gates"]
    b: Float[Array, " gates"]
    u_scale: Float[Array, " gates"]
    cell_scale: Float[Array, " hidden"]
    cell_offset: Float[Array, " hidden"]


class Hidden(NamedTuple):
    """The state that `rnn` and `gru` carry."""

    h: Float[Array, "batch hidden"] | None


class HiddenAndCell(NamedTuple):
    """The state that `lstm` carries."""

    h: Float[Array, "batch outputs"] | None
    c: Float[Array, "batch hidden"] | None


def rnn(
    hidden: int,
    *,
    activation: Literal["tanh", "relu"] = "tanh",
    carry: bool = False,
    bias: bool = True,
    weight: Initializer = initializers.xavier_uniform,
    recurrent_weight: Initializer = _ORTHOGONAL,
) -> Layer:
    """H_t = f(X_t·W + H_(t-1)·U + b): x (batch, time, features) to y (batch, time, hidden). Rule: `fnn.rules.rnn`.

    U starts orthogonal, which neither stretches nor shrinks the state, W Xavier uniform, b at zero. `carry` makes the
    state go on from call to call.
    """
    _check("rnn", hidden)

    def draw(key, inputs, dtype):
        k_w, k_u = jax.random.split(key)
        w, u = weight(k_w, (inputs, hidden), dtype), recurrent_weight(k_u, (hidden, hidden), dtype)
        return RNN(w, u, jnp.zeros((hidden,), dtype) if bias else None)

    def run(params, start, x, lengths):
        y, last = rules.rnn(x, params.w, params.u, params.b, start.h, lengths, activation=activation)
        return y, Hidden(last)

    return _recurrent("rnn", RNN, draw, run, Hidden, (hidden,), carry)


def gru(
    hidden: int,
    *,
    reset: Literal["after", "before"] = "after",
    carry: bool = False,
    bias: bool = True,
    weight: Initializer = initializers.xavier_uniform,
    recurrent_weight: Initializer = _ORTHOGONAL,
) -> Layer:
    """Gated recurrent unit: x (batch, time, features) to y (batch, time, hidden). Rule: `fnn.rules.gru`.

    The reset gate is applied ``"after"`` the recurrent product (cuDNN, torch), where the candidate then has a recurrent
    bias of its own, or ``"before"`` it (Cho et al. 2014). The recurrent weights of each gate start orthogonal, those of
    the input Xavier uniform, biases at zero. `carry` makes the state go on from call to call.
    """
    _check("gru", hidden)

    def draw(key, inputs, dtype):
        k_w, k_u = jax.random.split(key)
        w = _by_gate(weight, k_w, 3, (inputs, hidden), dtype)
        u = _by_gate(recurrent_weight, k_u, 3, (hidden, hidden), dtype)
        b = jnp.zeros((3 * hidden,), dtype) if bias else None
        return GRU(w, u, b, jnp.zeros((hidden,), dtype) if bias and reset == "after" else None)

    def run(params, start, x, lengths):
        y, last = rules.gru(x, params.w, params.u, params.b, params.recurrent_b, start.h, lengths, reset=reset)
        return y, Hidden(last)

    return _recurrent("gru", GRU, draw, run, Hidden, (hidden,), carry)


def lstm(
    hidden: int,
    *,
    peepholes: bool = False,
    projection: int | None = None,
    carry: bool = False,
    bias: bool = True,
    forget_bias: float = 1.0,
    weight: Initializer = initializers.xavier_uniform,
    recurrent_weight: Initializer = _ORTHOGONAL,
) -> Layer:
    """Long short-term memory: x (batch, time, features) to y (batch, time, hidden). Rule: `fnn.rules.lstm`.

    `peepholes` let the gates see the cell (Gers and Schmidhuber 2000); they start at zero. `projection` is the number
    of features to which the output is projected, which are then those of y and of the recurrence (Sak et al. 2014).
    The recurrent weights of each gate start orthogonal, those of the input and the projection Xavier uniform, biases at
    zero but that of the forget gate, which is `forget_bias`: at 1 a cell keeps what it has until it learns otherwise
    (Jozefowicz et al. 2015). `carry` makes the state go on from call to call.

    >>> import jax, jax.numpy as jnp
    >>> from fnn import layers
    >>> net, x = layers.lstm(8, carry=True), jnp.ones((2, 6, 3))
    >>> params, state = net.init(jax.random.key(0), x)
    >>> y, _ = net.apply(params, state, x)
    >>> first, state = net.apply(params, state, x[:, :4])
    >>> rest, state = net.apply(params, state, x[:, 4:])
    >>> state.c.shape, bool(jnp.allclose(jnp.concatenate([first, rest], 1), y))
    ((2, 8), True)
    """
    _check("lstm", hidden)
    if projection is not None and projection < 1:
        raise ValueError(f"lstm: projection = {projection}, wanted at least 1 feature, or None.")
    outputs = hidden if projection is None else projection

    def draw(key, inputs, dtype):
        k_w, k_u, k_p = jax.random.split(key, 3)
        gates = jnp.asarray([0.0, forget_bias, 0.0, 0.0], dtype)
        return LSTM(
            _by_gate(weight, k_w, 4, (inputs, hidden), dtype),
            _by_gate(recurrent_weight, k_u, 4, (outputs, hidden), dtype),
            jnp.repeat(gates, hidden) if bias else None,
            jnp.zeros((3, hidden), dtype) if peepholes else None,
            None if projection is None else weight(k_p, (hidden, outputs), dtype),
        )

    def run(params, start, x, lengths):
        w, u, b, peepholes, projection = params
        y, last = rules.lstm(x, w, u, b, start.h, start.c, lengths, peepholes, projection)
        return y, HiddenAndCell(*last)

    return _recurrent("lstm", LSTM, draw, run, HiddenAndCell, (outputs, hidden), carry)


def normalised_lstm(
    hidden: int,
    *,
    carry: bool = False,
    eps: float = 1e-5,
    forget_bias: float = 1.0,
    weight: Initializer = initializers.xavier_uniform,
    recurrent_weight: Initializer = _ORTHOGONAL,
) -> Layer:
    """`lstm` with layer normalisation of both products and of the cell: x (batch, time, features) to (..., hidden).

    Rules: `fnn.rules.layer_norm` of the input's product, `fnn.rules.normalised_lstm`. Scales start at one, offsets at
    zero but that of the forget gate; the rest is as for `lstm`. Source: Ba, Kiros and Hinton (2016), arXiv:1607.06450.
    """
    _check("normalised_lstm", hidden)

    def draw(key, inputs, dtype):
        k_w, k_u = jax.random.split(key)
        ones, gates = jnp.ones((4 * hidden,), dtype), jnp.asarray([0.0, forget_bias, 0.0, 0.0], dtype)
        return NormalisedLSTM(
            _by_gate(weight, k_w, 4, (inputs, hidden), dtype),
            _by_gate(recurrent_weight, k_u, 4, (hidden, hidden), dtype),
            ones,
            jnp.repeat(gates, hidden),
            ones,
            ones[:hidden],
            jnp.zeros((hidden,), dtype),
        )

    def run(params, start, x, lengths):
        z = rules.layer_norm(rules.linear(x, params.w), params.scale, params.b, eps=eps)
        scales = params.u_scale, params.cell_scale, params.cell_offset
        y, last = rules.normalised_lstm(z, params.u, *scales, start.h, start.c, lengths, eps=eps)
        return y, HiddenAndCell(*last)

    return _recurrent("normalised_lstm", NormalisedLSTM, draw, run, HiddenAndCell, (hidden, hidden), carry)


def reversed_time(inner: Layer) -> Layer:
    """Run a layer of sequences from their end to their start: y = R(inner(R(x))), R `fnn.rules.reverse_sequences`.

    A row of a `Padded` is run from its own end.
    """
    if not isinstance(inner, Layer):
        hint = "; call it to make the layer" if callable(inner) else ""
        raise TypeError(f"reversed_time: inner is {inner!r}, wanted a Layer{hint}.")

    def reverse(x):
        return like(x, rules.reverse_sequences(*unpad(x)))

    def init(key, x):
        return inner.init(key, x)

    def apply(params, state, x, *, key=None, train=False):
        y, state = inner.apply(params, state, reverse(x), key=key, train=train)
        return reverse(y), state

    return layer("reversed_time", init, apply)


def bidirectional(forward: Layer, backward: Layer) -> Layer:
    """Both layers on the same sequences, `backward` from their end to their start: y has the features of both.

    They are any layers of sequences that do not carry; a row of a `Padded` is run backwards from its own end. params
    and state are tuples of two. Source: Schuster and Paliwal (1997), "Bidirectional recurrent neural networks".

    >>> import jax, jax.numpy as jnp
    >>> from fnn import layers
    >>> net = layers.bidirectional(layers.lstm(8), layers.lstm(8))
    >>> x = layers.Padded(jnp.ones((2, 6, 3)), jnp.array([6, 4]))
    >>> net.apply(*net.init(jax.random.key(0), x), x)[0].x.shape
    (2, 6, 16)
    """
    both = parallel(forward, reversed_time(backward))

    def apply(params, state, x, *, key=None, train=False):
        ys, state = both.apply(params, state, x, key=key, train=train)
        return like(x, jnp.concatenate([unpad(y)[0] for y in ys], -1)), state

    return layer("bidirectional", both.init, apply)


def _recurrent(
    name: str,
    kind: type,
    draw: Callable[..., Any],
    run: Callable[..., Any],
    state_kind: type[Hidden] | type[HiddenAndCell],
    features: tuple[int, ...],
    carry: bool,
) -> Layer:
    """Make the layer of ``draw(key, inputs, dtype) -> params`` and ``run(params, start, x, lengths) -> (y, last)``.

    `features` are the numbers of features of the state's arrays.
    """

    def init(key, x):
        x, _ = _sequences(x)
        zeros = (jnp.zeros((x.shape[0], n), x.dtype) for n in features)
        return draw(key, x.shape[2], x.dtype), state_kind(*zeros) if carry else ()

    def apply(params, state, x, *, key=None, train=False):
        need_params(params, kind)
        sequences, lengths = _sequences(x, params.w.shape[0])
        y, last = run(params, _start(state, carry, sequences, state_kind, features), sequences, lengths)
        return like(x, y), last if carry else state

    return layer(name, init, apply)


def _check(name: str, hidden: int) -> None:
    if hidden < 1:
        raise ValueError(f"{name}: hidden = {hidden}, wanted at least 1.")


def _sequences(x: Any, features: int | None = None) -> tuple[Any, Any]:
    """Return the array and the lengths of sequences; raise unless they are (batch, time, features), not empty."""
    x, lengths = unpad(x)
    need_features(x, features)
    if len(x.shape) != 3 or x.shape[1] == 0:
        raise LayerError(f"{path()}: x has shape {x.shape}, wanted (batch, time, features), with a step in time.")
    return x, lengths


def _by_gate(weight: Initializer, key: Any, gates: int, shape: tuple[int, int], dtype) -> Array:
    """Return the weights of the gates side by side, each drawn on its own."""
    return jnp.concatenate([weight(k, shape, dtype) for k in jax.random.split(key, gates)], 1)


def _start(state: Any, carry: bool, x: Array, kind: Any, features: tuple[int, ...]) -> Any:
    """Return the state to start from, None in each place if nothing is carried."""
    if not carry:
        return kind(*(None for _ in features))
    if not isinstance(state, kind):
        raise LayerError(f"{path()}: state is a {type(state).__name__}, wanted {kind.__name__}, as init makes it.")
    wanted = tuple((x.shape[0], n) for n in features)
    if (got := tuple(leaf.shape for leaf in state)) != wanted:
        raise LayerError(f"{path()}: state has shapes {got}, wanted {wanted} for x's {x.shape[0]} rows; init it anew.")
    return state
