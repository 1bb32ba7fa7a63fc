"""The block of a transformer: attention and a feed-forward network, each with a residual and a normalisation."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from fnn import initializers, rules
from fnn.layers.activations import gelu_tanh
from fnn.layers.attention import Attention, attention
from fnn.layers.combinators import serial
from fnn.layers.dense import Dense, dense
from fnn.layers.dropout import dropout as dropping
from fnn.layers.layer import Layer, fold, layer, need_features, need_params, output_shape
from fnn.layers.normalisation import layer_norm
from fnn.layers.padded import Padded, like, unpad
from fnn.layers.recompute import recompute
from fnn.layers.scope import LayerError, path, scope


class TransformerBlock(NamedTuple):
    """The parameters of `transformer_block`; those of attention to a memory are None where there is none."""

    attention_norm: Any
    attention: Attention
    cross_norm: Any
    cross: Attention | None
    feed_norm: Any
    up: Dense
    down: Dense


def transformer_block(
    heads: int,
    *,
    hidden: int | None = None,
    norm: Literal["pre", "post"] = "pre",
    normalisation: Callable[[], Layer] = layer_norm,
    activation: Callable[[], Layer] = gelu_tanh,
    dropout: float = 0.0,
    causal: bool = False,
    cross: bool = False,
    kv_heads: int | None = None,
    window: int | None = None,
    rotary: float | None = None,
    alibi: bool = False,
    soft_cap: float | None = None,
    bias: bool = True,
    weight: initializers.Initializer = initializers.xavier_uniform,
    residual_weight: initializers.Initializer | None = None,
    cache: int | None = None,
) -> Layer:
    """Attention, then a feed-forward network of two dense layers: x (batch, time, width) to y of the same shape.

        pre     X = X + attention(norm(X));   X = X + cross(norm(X), memory);   X = X + feed(norm(X))
        post    X = norm(X + attention(X));   X = norm(X + cross(X, memory));   X = norm(X + feed(X))

    feed(X) = activation(X·W_up + b_up)·W_down + b_down. A gated activation, such as `layers.swiglu`, halves its input,
    and then W_up has twice `hidden` columns. x may be `Padded`. With `cross` x is a pair (x, memory), and so is the
    output, so that decoder blocks stand in a `serial`; the step in the middle is there only then. The backward computes
    activation(...) again from what goes into it rather than keep both, which are its widest arrays.

    Args:
        heads: of attention; they divide the width.
        hidden: features between the two dense layers, 4 width unless given.
        norm: before what is added ("pre", GPT-2's) or behind the sum ("post", the paper's).
        normalisation: makes the layers that normalise: `layers.layer_norm`, `layers.rms_norm`.
        activation: makes the one between the dense layers: `layers.gelu_tanh`, `layers.relu`, `layers.swiglu`.
        dropout: in training, of attention's weights and of each of the terms that are added to X.
        causal: hide from each position all later ones.
        cross: attend to a memory as well.
        kv_heads: this and `window`, `rotary`, `alibi`, `soft_cap`, `cache` as in `layers.attention`, of x to itself.
        window: see kv_heads.
        rotary: see kv_heads.
        alibi: see kv_heads.
        soft_cap: see kv_heads.
        bias: whether the dense layers and projections have one.
        weight: how they start.
        residual_weight: how those start whose output is added to X, `weight` unless given.
        cache: room for so many positions; the state is that of the attention.

    Sources: Vaswani et al. (2017), arXiv:1706.03762; Radford et al. (2019), "Language models are unsupervised
    multitask learners"; the gated forms: Shazeer (2020), arXiv:2002.05202.

    >>> import jax, jax.numpy as jnp
    >>> from fnn import layers
    >>> block = layers.transformer_block(2, causal=True, activation=layers.swiglu, normalisation=layers.rms_norm)
    >>> params, state = block.init(jax.random.key(0), jnp.ones((1, 5, 6)))
    >>> params.up.w.shape, params.down.w.shape, block.apply(params, state, jnp.ones((2, 3, 6)))[0].shape
    ((6, 48), (24, 6), (2, 3, 6))
    """
    if norm not in ("pre", "post"):
        raise ValueError(f'transformer_block: norm = {norm!r}, wanted "pre" or "post".')
    if hidden is not None and hidden < 1:
        raise ValueError(f"transformer_block: hidden = {hidden}, wanted at least 1.")
    residual_weight = residual_weight or weight
    starts = {"bias": bias, "weight": weight, "out_weight": residual_weight}
    modes = {"kv_heads": kv_heads, "window": window, "rotary": rotary, "alibi": alibi, "soft_cap": soft_cap}
    attend = attention(heads, causal=causal, dropout=dropout, cache=cache, **modes, **starts)
    attend_memory = attention(heads, dropout=dropout, **starts)
    normalise, activate, drop = normalisation(), activation(), dropping(dropout)
    widening = 2 if output_shape(activate, (), (), jax.ShapeDtypeStruct((1, 2), jnp.float32)).shape[-1] == 1 else 1

    def init(key, x):
        x, memory = _branches(x, cross)
        xs, _ = unpad(x)
        width = need_features(xs)
        inner = 4 * width if hidden is None else hidden
        between = jax.ShapeDtypeStruct((*xs.shape[:-1], inner), xs.dtype)
        attention_params, state = attend.init(fold(key, 0), x)
        cross_params = attend_memory.init(fold(key, 1), (x, memory))[0] if cross else None
        up = dense(widening * inner, bias=bias, weight=weight).init(fold(key, 2), xs)[0]
        down = dense(width, bias=bias, weight=residual_weight).init(fold(key, 3), between)[0]
        norms = [normalise.init(fold(key, 4 + n), xs)[0] for n in range(3)]
        params = TransformerBlock(
            norms[0], attention_params, norms[1] if cross else None, cross_params, norms[2], up, down
        )
        return params, state

    def apply(params, state, x, *, key=None, train=False):
        need_params(params, TransformerBlock)
        x, memory = _branches(x, cross)

        def on_array(child, params, x, position=0):
            return like(x, child.apply(params, (), unpad(x)[0], key=fold(key, position), train=train)[0])

        def normalised(name, params, x):
            with scope(name):
                return on_array(normalise, params, x)

        def projected(name, params, x):
            with scope(name):
                return on_array(dense(params.w.shape[1], bias=bias), params, x)

        def added(name, params, inner, x, position):
            """Return the sum of x and inner's output, normalised before or behind, and the state of `inner`."""
            y, state = inner(normalised(name, params, x) if norm == "pre" else x)
            y = on_array(drop, (), y, position)
            total = like(x, rules.add(unpad(x)[0], unpad(y)[0]))
            return total if norm == "pre" else normalised(name, params, total), state

        def attended(x):
            return attend.apply(params.attention, state, x, key=fold(key, 0), train=train)

        def crossed(x):
            with scope("cross"):
                return attend_memory.apply(params.cross, (), (x, memory), key=fold(key, 1), train=train)

        def fed(x):
            x, outputs = projected("up", params.up, x), params.down.w.shape[1]
            down = recompute(serial(activate, dense(outputs, bias=bias)))
            with scope("down"):
                return like(x, down.apply(((), params.down), ((), ()), unpad(x)[0])[0]), ()

        x, new_state = added("attention_norm", params.attention_norm, attended, x, 2)
        if cross:
            x, _ = added("cross_norm", params.cross_norm, crossed, x, 3)
        x, _ = added("feed_norm", params.feed_norm, fed, x, 4)
        return (x, memory) if cross else x, new_state

    return layer("transformer_block", init, apply)


def _branches(x: Any, cross: bool) -> tuple[Any, Any]:
    """Return x and the memory, None without one; raise where there is one too many or too few."""
    pair = isinstance(x, tuple) and not isinstance(x, Padded)
    if pair != cross or (pair and len(x) != 2):
        wanted = "the pair (x, memory)" if cross else "one sequence; for a memory make the block with cross=True"
        raise LayerError(f"{path()}: got {f'a tuple of {len(x)}' if pair else 'one sequence'}, wanted {wanted}.")
    return x if cross else (x, None)
