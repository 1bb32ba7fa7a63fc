"""The first transformer: an encoder that reads one sequence, and a decoder that writes another."""

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax.numpy as jnp

from fnn import initializers, layers, rules
from fnn.layers.layer import fold, need_params, output_shape
from fnn.layers.padded import Padded, like, unpad
from fnn.layers.scope import LayerError, path, scope


class EncoderDecoder(NamedTuple):
    """The parameters of `encoder_decoder`; its norms, which stand behind all blocks, are () without pre-norm."""

    source: layers.Embedding
    encoder: Any
    encoder_norm: Any
    target: layers.Embedding
    decoder: Any
    decoder_norm: Any


class EncoderDecoderState(NamedTuple):
    """The state of `encoder_decoder`: what the target's positions and the decoder's blocks carry."""

    positions: Any
    decoder: Any


def encoder_decoder(
    source_vocabulary: int,
    target_vocabulary: int,
    *,
    depth: int,
    width: int,
    heads: int,
    hidden: int | None = None,
    norm: Literal["pre", "post"] = "post",
    activation: Callable[[], layers.Layer] = layers.relu,
    dropout: float = 0.0,
    recompute: bool = False,
    cache: int | None = None,
) -> layers.Layer:
    """Sequence to sequence: x = (source, target), ids (batch, time) each, to logits (batch, target time, vocabulary).

        M = encoder(√width W_s[source] + waves);   X = decoder(√width W_t[target] + waves, M);   logits = X·W_tᵀ

    The encoder's blocks attend to all of the source, the decoder's to the target up to each position and to all of M:
    the logits at a position foretell the target's next id. Source and target may each be a `layers.Padded`, whose
    padding no position attends to.

    Args:
        source_vocabulary: how many ids the source has.
        target_vocabulary: how many ids the target has; its embedding is the head as well.
        depth: how many blocks the encoder has, and how many the decoder.
        width: features of X.
        heads: of attention; they divide the width.
        hidden: features between the dense layers of a block, 4 width unless given.
        norm: behind each sum ("post", the paper's), or before what is added ("pre"), with one more behind all blocks.
        activation: makes the one between the dense layers.
        dropout: in training, of both sums with the waves, of attention's weights, and of what the blocks add to X.
        recompute: keep of each block its input alone and run its forward again in the backward pass.
        cache: carry the target's keys, values and positions in the state, with room for so many; the source is read
            anew in each call. See `fnn.models.generate`.

    Embeddings start by N(0, 1/width), all else by Xavier's uniform, biases at 0. The paper's base model is
    ``depth=6, width=512, heads=8, dropout=0.1``. Source: Vaswani et al. (2017), "Attention is all you need",
    arXiv:1706.03762.

    >>> import jax, jax.numpy as jnp
    >>> from fnn import models
    >>> net = models.encoder_decoder(20, 30, depth=1, width=8, heads=2)
    >>> x = (jnp.zeros((3, 7), int), jnp.zeros((3, 5), int))
    >>> params, state = net.init(jax.random.key(0), x)
    >>> net.apply(params, state, x)[0].shape
    (3, 5, 30)
    """
    if min(source_vocabulary, target_vocabulary, depth, width) < 1:
        raise ValueError(
            f"encoder_decoder: source_vocabulary = {source_vocabulary}, target_vocabulary = {target_vocabulary}, depth "
            f"= {depth}, width = {width}, wanted at least 1 of each."
        )
    options = {"hidden": hidden, "norm": norm, "activation": activation, "dropout": dropout}
    block = layers.transformer_block(heads, **options)
    decoding = layers.transformer_block(heads, causal=True, cross=True, cache=cache, **options)
    encode, decode = (
        layers.serial(*[layers.recompute(each) if recompute else each] * depth) for each in (block, decoding)
    )
    start = initializers.gaussian(1 / math.sqrt(width))
    embed_source = layers.embedding(source_vocabulary, width, weight=start)
    embed_target = layers.embedding(target_vocabulary, width, weight=start)
    place_source = layers.sinusoidal_positions()
    place_target = layers.sinusoidal_positions(carry=cache is not None)
    drop = layers.pointwise(layers.dropout(dropout))
    last = layers.pointwise(layers.layer_norm()) if norm == "pre" else layers.identity()

    def init(key, x):
        source, target = _pair(x)
        source_table, _ = embed_source.init(fold(key, 0), source)
        source = output_shape(embed_source, source_table, (), source)
        encoder, _ = encode.init(fold(key, 1), source)
        target_table, _ = embed_target.init(fold(key, 2), target)
        target = output_shape(embed_target, target_table, (), target)
        _, positions = place_target.init(None, target)
        decoder, carried = decode.init(fold(key, 3), (target, source))
        norms = [last.init(None, each)[0] for each in (source, target)]
        params = EncoderDecoder(source_table, encoder, norms[0], target_table, decoder, norms[1])
        return params, EncoderDecoderState(positions, carried)

    def apply(params, state, x, *, key=None, train=False):
        need_params(params, EncoderDecoder)
        source, target = _pair(x)

        def embedded(embed, place, params, state, ids, position):
            x, _ = embed.apply(params, (), ids)
            x = like(x, rules.multiply(unpad(x)[0], jnp.asarray(math.sqrt(width), unpad(x)[0].dtype)))
            x, state = place.apply((), state, x)
            return drop.apply((), (), x, key=fold(key, position), train=train)[0], state

        with scope("encoder"):
            x, _ = embedded(embed_source, place_source, params.source, (), source, 0)
            x, _ = encode.apply(params.encoder, ((),) * depth, x, key=fold(key, 1), train=train)
            memory, _ = last.apply(params.encoder_norm, (), x)
        with scope("decoder"):
            x, positions = embedded(embed_target, place_target, params.target, state.positions, target, 2)
            (x, _), carried = decode.apply(params.decoder, state.decoder, (x, memory), key=fold(key, 3), train=train)
            x, _ = last.apply(params.decoder_norm, (), x)
        with scope("head"):
            logits = like(x, rules.linear(unpad(x)[0], params.target.w.T))
        return logits, EncoderDecoderState(positions, carried)

    return layers.layer("encoder_decoder", init, apply)


def _pair(x: Any) -> tuple[Any, Any]:
    """Return (source, target); raise unless they are sequences of ids of as many examples, none of them empty."""
    if not isinstance(x, tuple) or isinstance(x, Padded) or len(x) != 2:
        raise LayerError(f"{path()}: x is a {type(x).__name__}, wanted the pair (source, target).")
    shapes: list[tuple[int, ...]] = [getattr(unpad(each)[0], "shape", ()) for each in x]
    if any(len(shape) != 2 or shape[1] == 0 for shape in shapes) or shapes[0][0] != shapes[1][0]:
        raise LayerError(
            f"{path()}: source and target have shapes {shapes[0]} and {shapes[1]}, wanted ids (batch, time) of one "
            "batch, at least one in each row."
        )
    return x
