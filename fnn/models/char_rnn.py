"""A recurrent network that foretells each next character."""

from collections.abc import Callable

from fnn import layers


def char_rnn(
    vocabulary: int,
    *,
    width: int,
    depth: int = 1,
    cell: Callable[..., layers.Layer] = layers.lstm,
    dropout: float = 0.0,
    carry: bool = False,
) -> layers.Layer:
    """Characters one after the other: ids (batch, time) to logits of what comes next (batch, time, vocabulary).

        X = W_e[ids];   X = cell(dropout(X)), `depth` times;   logits = dropout(X)·W + b

    The ids are an array or a `layers.Padded`, and so are the logits.

    Args:
        vocabulary: how many ids there are, 0..vocabulary-1.
        width: features of the embedding and of each cell's state.
        depth: how many cells stand on top of each other.
        cell: makes one from (width, carry=...): `layers.lstm`, `layers.gru`, `layers.rnn`.
        dropout: in training, of what enters each cell and the last layer; what a cell hands on to itself is kept.
        carry: begin where the last call ended, for generation and for training by parts of a long text: the state
            starts at zeros, and no gradient reaches back into it.

    Sources: Sutskever et al. (2011), "Generating text with recurrent neural networks"; dropout between the cells:
    Zaremba et al. (2014), arXiv:1409.2329.

    >>> import jax, jax.numpy as jnp
    >>> from fnn import models
    >>> net = models.char_rnn(65, width=8, depth=2)
    >>> params, state = net.init(jax.random.key(0), jnp.zeros((1, 4), int))
    >>> net.apply(params, state, jnp.zeros((3, 16), int))[0].shape
    (3, 16, 65)
    """
    if min(vocabulary, width, depth) < 1:
        raise ValueError(
            f"char_rnn: vocabulary = {vocabulary}, width = {width}, depth = {depth}, wanted at least 1 of each."
        )
    drops = [layers.pointwise(layers.dropout(dropout))] if dropout else []
    cells = [each for _ in range(depth) for each in (*drops, cell(width, carry=carry))]
    return layers.serial(
        layers.embedding(vocabulary, width), *cells, *drops, layers.pointwise(layers.dense(vocabulary))
    )
