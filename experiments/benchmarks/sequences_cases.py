"""The operations that the sequences benchmark times: fnn's rule, what one would write in JAX instead, and torch's.

Autodiff makes the backward passes of the plain programs, which are no forms of fnn's own:

    attention      `jax.nn.dot_product_attention`, the library's function, with is_causal, local_window_size or bias
    loss           logits by a product, ``logsumexp - picked``, the formula of Optax
    recurrence     `lax.scan` over a cell with both products in it, as in Flax; `hoisted` has the input's product before
    embedding      ``w[ids]``
    CTC            the forward variables in logarithms, a `lax.scan` over time, as in Optax
    rotary         two halves, turned by cosines and sines

torch's are its own functions, with the axes in the order that they like.
"""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from experiments.benchmarks.operations import Case, Integers
from fnn import rules


def attention(
    name: str,
    q: tuple[int, int, int, int],
    *,
    kv_heads: int | None = None,
    causal: bool = True,
    window: int | None = None,
    slopes: bool = False,
    goal: float = 1.0,
    memory_goal: float = math.inf,
) -> Case:
    """Attention of as many queries as keys; q is (batch, time, heads, features)."""
    batch, time, heads, features = q
    kv = (batch, time, kv_heads or heads, features)

    def ours(q, k, v, slopes=None):
        return rules.attention(q, k, v, None, slopes, causal=causal, window=window)

    def plain(q, k, v, slopes=None):
        bias = None
        if slopes is not None:
            distance = jnp.arange(time) - jnp.arange(time)[:, None]
            bias = (slopes[:, None, None] * distance)[None]
        local = None if window is None else (window - 1, 0 if causal else window - 1)
        return jax.nn.dot_product_attention(q, k, v, bias, is_causal=causal, local_window_size=local)

    def torch(module, q, k, v, slopes=None):
        mask = None
        if slopes is not None or window is not None:
            distance = module.arange(time) - module.arange(time)[:, None]
            seen = (distance <= 0 if causal else distance < (window or time)) & (distance > -(window or time))
            mask = seen if slopes is None else (slopes[:, None, None] * distance).masked_fill(~seen, -math.inf)[None]
        call = module.nn.functional.scaled_dot_product_attention
        causal_alone = causal and mask is None
        return call(q, k, v, attn_mask=mask, is_causal=causal_alone, enable_gqa=kv_heads not in (None, heads))

    def layout(*arrays):
        return [np.ascontiguousarray(a.swapaxes(1, 2)) if a.ndim == 4 else a for a in arrays]

    shapes = (q, kv, kv, *([(heads,)] if slopes else []))
    return Case(name, shapes, ours, plain, torch, goal, memory_goal=memory_goal, layout=layout)


def linear_cross_entropy(
    name: str, x: tuple[int, int], classes: int, *, goal: float, memory_goal: float = math.inf
) -> Case:
    """The cross-entropy of a linear layer's logits, whose sum counts in a mean."""

    def plain(x, w, labels):
        logits = x @ w
        return (jax.nn.logsumexp(logits, -1) - jnp.take_along_axis(logits, labels[:, None], 1)[:, 0]).mean()

    def torch(module, x, w, labels):
        return module.nn.functional.cross_entropy(x @ w, labels)

    def ours(x, w, labels):
        return rules.linear_cross_entropy(x, w, labels)

    labels = Integers(x[:1], 0, classes - 1)
    return Case(
        name,
        (x, (x[1], classes)),
        ours,
        plain,
        torch,
        goal,
        integers=(labels,),
        scale=0.05,
        memory_goal=memory_goal,
    )


def lstm_cell(carry, z):
    """Return the next (c, h) and h of the gates' inputs z, in the order i, f, g, o."""
    i, f, g, o = jnp.split(z, 4, -1)
    c = jax.nn.sigmoid(f) * carry[0] + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return (c, h), h


def lstm(x, w, u, b, *, hoisted: bool):
    """Return the outputs of an LSTM, (batch, time, hidden), by a scan."""
    xs = x.swapaxes(0, 1)
    zeros = jnp.zeros((len(x), len(u)))

    def body(carry, x):
        return lstm_cell(carry, (x if hoisted else x @ w + b) + carry[1] @ u)

    return lax.scan(body, (zeros, zeros), xs @ w + b if hoisted else xs)[1].swapaxes(0, 1)


def gru(x, w, u, b, recurrent_b):
    """Return the outputs of a GRU, the reset gate behind the product as in cuDNN, by a scan; gates r, z, n."""

    def body(h, x):
        r, z, n = jnp.split(x @ w + b, 3, -1)
        hr, hz, hn = jnp.split(h @ u, 3, -1)
        r, z = jax.nn.sigmoid(r + hr), jax.nn.sigmoid(z + hz)
        n = jnp.tanh(n + r * (hn + recurrent_b))
        h = (1 - z) * n + z * h
        return h, h

    return lax.scan(body, jnp.zeros((len(x), len(u))), x.swapaxes(0, 1))[1].swapaxes(0, 1)


def rnn(x, w, u, b):
    """Return the outputs of a simple RNN with tanh, by a scan."""

    def body(h, x):
        h = jnp.tanh(x @ w + h @ u + b)
        return h, h

    return lax.scan(body, jnp.zeros((len(x), len(u))), x.swapaxes(0, 1))[1].swapaxes(0, 1)


def recurrence(name: str, kind: str, x: tuple[int, int, int], hidden: int, *, goal: float, hoisted=False) -> Case:
    """One layer, forward in time, from a state of zeros."""
    gates = {"lstm": 4, "gru": 3, "rnn": 1}[kind]
    plain = {"lstm": partial(lstm, hoisted=hoisted), "gru": gru, "rnn": rnn}[kind]
    rule: Any = {"lstm": rules.lstm, "gru": rules.gru, "rnn": rules.rnn}[kind]
    wide = gates * hidden
    biases = [(wide,), (hidden,)] if kind == "gru" else [(wide,)]

    def ours(*arguments):
        return rule(*arguments)[0]

    def torch(module, x, w, u, b, recurrent_b=None):
        h = module.zeros(1, len(x), hidden)
        call = getattr(module._VF, "rnn_tanh" if kind == "rnn" else kind)
        start = (h, module.zeros(1, len(x), hidden)) if kind == "lstm" else h
        other = module.zeros(wide)
        if recurrent_b is not None:
            other = module.concatenate([module.zeros(2 * hidden), recurrent_b])
        return call(x, start, [w, u, b, other], True, 1, 0.0, True, False, True)[0]

    def layout(x, w, u, *rest):
        return [x, np.ascontiguousarray(w.T), np.ascontiguousarray(u.T), *rest]

    shapes = (x, (x[-1], wide), (hidden, wide), *biases)
    return Case(name, shapes, ours, plain, torch, goal, scale=0.05, layout=layout)


def embedding(name: str, ids: tuple[int, ...], table: tuple[int, int], *, goal: float) -> Case:
    """Rows of a table by random ids."""

    def torch(module, w, ids):
        return module.nn.functional.embedding(ids, w)

    given = (Integers(ids, 0, table[0] - 1),)
    return Case(
        name, (table,), lambda w, ids: rules.embedding(ids, w), lambda w, ids: w[ids], torch, goal, False, given
    )


def rotary(name: str, x: tuple[int, int, int, int], *, goal: float) -> Case:
    """Rotary positions, the first half of the features turned with the second."""
    half = x[-1] // 2

    def turned(module, x):
        frequencies = 10000.0 ** (-module.arange(half) / half)
        angles = module.arange(x.shape[1])[:, None] * frequencies
        cos, sin = module.cos(angles)[:, None], module.sin(angles)[:, None]
        a, b = x[..., :half], x[..., half:]
        return module.concatenate([a * cos - b * sin, a * sin + b * cos], -1)

    return Case(name, (x,), lambda x: rules.rotary(x), lambda x: turned(jnp, x), turned, goal)


def ctc_plain(logits, labels):
    """Return -log p(labels) of each sequence, all of full length, blank 0: the forward variables in logarithms."""
    log_p = jax.nn.log_softmax(logits)
    batch, count = labels.shape
    extended = jnp.zeros((batch, 2 * count + 1), labels.dtype).at[:, 1::2].set(labels)
    emitted = jnp.take_along_axis(log_p, extended[:, None], 2).swapaxes(0, 1)
    nothing = jnp.full((batch, 2), -1e30)
    other = extended[:, 2:] != extended[:, :-2]
    skips = jnp.pad(other & (extended[:, 2:] != 0), ((0, 0), (2, 0)))

    def body(alpha, emitted):
        one = jnp.concatenate([nothing[:, :1], alpha[:, :-1]], 1)
        two = jnp.where(skips, jnp.concatenate([nothing, alpha[:, :-2]], 1), -1e30)
        return jnp.logaddexp(jnp.logaddexp(alpha, one), two) + emitted, None

    start = jnp.full(extended.shape, -1e30).at[:, :2].set(emitted[0, :, :2])
    alpha = lax.scan(body, start, emitted[1:])[0]
    return -jnp.logaddexp(alpha[:, -1], alpha[:, -2])


def ctc(name: str, logits: tuple[int, int, int], count: int, *, goal: float) -> Case:
    """The connectionist loss of each sequence, with `count` labels each."""
    batch, time, classes = logits

    def ours(logits, labels):
        return rules.ctc(logits, labels, reduction="none")

    def torch(module, logits, labels):
        log_p = logits.log_softmax(-1).transpose(0, 1)
        lengths = [module.full((batch,), length) for length in (time, count)]
        return module.nn.functional.ctc_loss(log_p, labels, *lengths, reduction="none")

    return Case(name, (logits,), ours, ctc_plain, torch, goal, integers=(Integers((batch, count), 1, classes - 1),))


def field(scale: float = 1.0) -> list[Case]:
    """Return the operations at the shapes that they are compared by; `scale` scales batches, times and vocabularies."""

    def n(size: int) -> int:
        return max(math.ceil(scale * size), 4)

    heads = (n(4), n(1024), 8, 64)
    return [
        attention("causal attention", heads, goal=0.3, memory_goal=0.1),
        attention("attention to all", (n(4), n(512), 8, 64), causal=False),
        attention("attention, window 128", heads, window=min(128, n(1024)), goal=0.15),
        attention("attention, 8 heads on 2", heads, kv_heads=2, goal=0.3),
        attention("attention, ALiBi", (n(2), n(1024), 8, 64), slopes=True, goal=0.4),
        rotary("rotary positions", heads, goal=0.4),
        linear_cross_entropy("linear + cross-entropy", (n(1024), 256), n(32000), goal=0.85, memory_goal=0.2),
        linear_cross_entropy("linear + cross-entropy, 65", (n(4096), 192), 65, goal=1.0),
        recurrence("LSTM", "lstm", (n(32), n(100), 128), 256, goal=0.7),
        recurrence("LSTM, hoisted scan", "lstm", (n(32), n(100), 128), 256, goal=1.0, hoisted=True),
        recurrence("GRU", "gru", (n(32), n(100), 128), 256, goal=0.7),
        recurrence("RNN, tanh", "rnn", (n(32), n(100), 128), 256, goal=0.7),
        embedding("embedding, 8192 ids", (n(64), 128), (n(10000), 256), goal=0.8),
        ctc("CTC", (n(32), n(100), 29), max(n(100) // 5, 1), goal=1.0),
    ]
