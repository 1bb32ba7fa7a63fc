"""GPT: a decoder-only transformer with the shapes of GPT-2, whose weights fit."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from jaxtyping import Array, Float

from fnn import initializers, layers, rules
from fnn.layers.layer import fold, need_params, output_shape
from fnn.layers.padded import like, unpad
from fnn.layers.scope import LayerError, path, scope


class GPT(NamedTuple):
    """The parameters of `gpt`: positions are () where attention itself has them, the head is None where it is tied."""

    embedding: layers.Embedding
    positions: Any
    blocks: tuple[layers.TransformerBlock, ...]
    norm: Any
    head: layers.Dense | None


class GPTState(NamedTuple):
    """The state of `gpt`: what its positions and its blocks carry."""

    positions: Any
    blocks: tuple[Any, ...]


def gpt(
    vocabulary: int,
    context: int,
    *,
    depth: int,
    width: int,
    heads: int,
    kv_heads: int | None = None,
    hidden: int | None = None,
    dropout: float = 0.0,
    rotary: float | None = None,
    alibi: bool = False,
    window: int | None = None,
    normalisation: Callable[[], layers.Layer] = layers.layer_norm,
    activation: Callable[[], layers.Layer] = layers.gelu_tanh,
    bias: bool = True,
    tied: bool = True,
    logits: bool = True,
    cache: int | None = None,
    recompute: bool = False,
) -> layers.Layer:
    """GPT-2's network: ids (batch, time) to logits (batch, time, vocabulary).

        X = W_e[ids] + W_p[0..time-1];   `depth` pre-norm blocks;   logits = norm(X)·W_eᵀ

    The ids, an array or a `layers.Padded`, are at most `context` a sequence. The blocks are `depth` causal
    `layers.transformer_block`s in a `layers.serial`. GPT-2 is
    ``gpt(50257, 1024, depth=12, width=768, heads=12, dropout=0.1)``, 124,439,808 parameters.

    Args:
        vocabulary: how many ids there are, 0..vocabulary-1.
        context: the longest sequence.
        depth: how many blocks.
        width: features of X.
        heads: of attention; they divide the width.
        kv_heads: heads of keys and values, as many unless given.
        hidden: features between the dense layers of a block, 4 width unless given.
        dropout: in training, of X's start, of attention's weights, and of what the blocks add to X.
        rotary: turn queries and keys by their positions, with this base, in place of W_p.
        alibi: weigh keys down by their distance, in place of W_p.
        window: attend to no more than this many positions back, the own among them.
        normalisation: makes the layers that normalise.
        activation: makes the one between the dense layers.
        bias: whether the dense layers have one.
        tied: the head is the embedding's table; else a weight of its own, without bias.
        logits: with False the output is norm(X) (batch, time, width), of which `rules.linear_cross_entropy` makes the
            loss with `gpt_head(params)` and never holds the logits. The params are the same.
        cache: carry keys, values and positions in the state, with room for so many: see `fnn.models.generate`.
        recompute: keep of each block its input alone and run its forward again in the backward pass.

    Weights start by N(0, 0.02²), those whose output is added to X by N(0, 0.02² / (2 depth)), biases at 0.

    Source: Radford et al. (2019), "Language models are unsupervised multitask learners"; the start is that of the
    authors' code and of section 2.3.

    >>> import jax, jax.numpy as jnp
    >>> from fnn import models
    >>> net = models.gpt(65, 16, depth=2, width=8, heads=2)
    >>> params, state = net.init(jax.random.key(0), jnp.zeros((1, 4), int))
    >>> net.apply(params, state, jnp.zeros((3, 16), int))[0].shape
    (3, 16, 65)
    """
    if min(vocabulary, context, depth, width) < 1:
        raise ValueError(
            f"gpt: vocabulary = {vocabulary}, context = {context}, depth = {depth}, width = {width}, wanted at least "
            "1 of each."
        )
    if width % heads:
        raise ValueError(f"gpt: heads = {heads} do not divide width = {width}; wanted a multiple of heads.")
    start = initializers.gaussian(0.02)
    embed = layers.embedding(vocabulary, width, weight=start)
    if rotary is None and not alibi:
        place = layers.learned_positions(context, weight=start, carry=cache is not None)
    else:
        place = layers.identity()
    block = layers.transformer_block(
        heads,
        kv_heads=kv_heads,
        hidden=hidden,
        causal=True,
        dropout=dropout,
        rotary=rotary,
        alibi=alibi,
        window=window,
        normalisation=normalisation,
        activation=activation,
        bias=bias,
        weight=start,
        residual_weight=initializers.gaussian(0.02 / math.sqrt(2 * depth)),
        cache=cache,
    )
    blocks = layers.serial(*[layers.recompute(block) if recompute else block] * depth)
    drop, norm = layers.pointwise(layers.dropout(dropout)), layers.pointwise(normalisation())

    def init(key, x):
        _need_room(x, context)
        embedding, _ = embed.init(fold(key, 0), x)
        x = output_shape(embed, embedding, (), x)
        positions, passed = place.init(fold(key, 1), x)
        block_params, carried = blocks.init(fold(key, 2), x)
        normed, _ = norm.init(fold(key, 3), x)
        head = None if tied else layers.dense(vocabulary, bias=False, weight=start).init(fold(key, 4), unpad(x)[0])[0]
        return GPT(embedding, positions, block_params, normed, head), GPTState(passed, carried)

    def apply(params, state, x, *, key=None, train=False):
        need_params(params, GPT)
        _need_room(x, context)
        x, _ = embed.apply(params.embedding, (), x)
        x, passed = place.apply(params.positions, state.positions, x)
        x, _ = drop.apply((), (), x, key=fold(key, 0), train=train)
        x, carried = blocks.apply(params.blocks, state.blocks, x, key=fold(key, 1), train=train)
        x, _ = norm.apply(params.norm, (), x)
        if logits:
            with scope("head"):
                x = like(x, rules.linear(unpad(x)[0], gpt_head(params)))
        return x, GPTState(passed, carried)

    return layers.layer("gpt", init, apply)


def gpt_head(params: GPT) -> Float[Array, "width vocabulary"]:
    """Return the weight that makes logits of the features of ``gpt(..., logits=False)``.

    >>> import jax, jax.numpy as jnp
    >>> from fnn import models, rules
    >>> net = models.gpt(65, 16, depth=2, width=8, heads=2, logits=False)
    >>> ids = jnp.zeros((1, 17), int)
    >>> params, state = net.init(jax.random.key(0), ids[:, :-1])
    >>> features, _ = net.apply(params, state, ids[:, :-1])
    >>> rules.linear_cross_entropy(features, models.gpt_head(params), ids[:, 1:]).shape
    ()
    """
    return params.embedding.w.T if params.head is None else params.head.w


def _need_room(ids: Any, context: int) -> None:
    ids, _ = unpad(ids)
    shape = getattr(ids, "shape", None)
    if shape is None or len(shape) != 2:
        raise LayerError(f"{path()}: ids have shape {shape}, wanted integers (batch, time).")
    if not 1 <= shape[1] <= context:
        raise LayerError(
            f"{path()}: ids have shape {shape}, and the context is {context}; wanted sequences of 1 to {context} ids."
        )
