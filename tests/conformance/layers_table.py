"""The table of every public layer: LAYERS, by name, each with the shape of an example's input.

Inputs are random and non-constant, and so are the parameters that a row is studied at: biases are not 0, scales not 1.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from cases import generator

from fnn import layers
from fnn.layers import Layer

BATCH = 4


class Row(NamedTuple):
    """One layer: how it is made, and the shapes of its input, the batch left out; several for a tuple of branches."""

    make: Callable[[], Layer]
    shapes: tuple[tuple[int, ...], ...] = ((6,),)
    stochastic: bool = False
    by_batch: bool = False  # training normalises by the batch, evaluation by the state


def small() -> Layer:
    """Return a layer with parameters that keeps the shape."""
    return layers.serial(layers.dense(6), layers.tanh())


def embedding() -> Layer:
    """Return an embedding that takes real numbers for ids, by their size, as the table's inputs are real."""

    def ids(x):
        return (3 * jnp.abs(x)).astype(jnp.int32) % 5

    def init(key, x):
        return layers.embedding(5, 3, dtype=x.dtype).init(key, jax.eval_shape(ids, x))

    def apply(params, state, x, *, key=None, train=False):
        return layers.embedding(5, 3, padding_id=1).apply(params, state, ids(x))

    return layers.layer("of real numbers", init, apply)


LAYERS: dict[str, Row] = {
    **{
        name: Row(getattr(layers, name))
        for name in (
            *("identity", "step", "ramp", "gaussian"),
            *("sigmoid", "general_sigmoid", "tanh", "softsign", "log_sigmoid", "hard_sigmoid", "hard_tanh"),
            *("relu", "leaky_relu", "relu6", "squared_relu", "elu", "celu", "selu", "softplus"),
            *("gelu", "gelu_tanh", "silu", "swish", "mish", "hard_swish", "tanh_shrink", "soft_shrink", "hard_shrink"),
            *("softmax", "softmin", "log_softmax", "glu", "swiglu", "geglu", "maxout", "prelu", "bias", "scale"),
        )
    },
    "step_straight_through": Row(layers.step_straight_through),
    "threshold": Row(lambda: layers.threshold(threshold=0.3, value=-1.5)),
    "general_sigmoid-configured": Row(lambda: layers.general_sigmoid(x=1.7, y=0.4, z=-0.5)),
    "softmax-axis": Row(lambda: layers.softmax(axis=1), ((3, 2),)),
    "prelu-per_feature": Row(lambda: layers.prelu(per_feature=True)),
    "dense": Row(lambda: layers.dense(5)),
    "dense-no bias": Row(lambda: layers.dense(5, bias=False)),
    "dense-three axes": Row(lambda: layers.dense(5), ((3, 2),)),
    "conv": Row(lambda: layers.conv(4, (2, 3), stride=(1, 2), padding="SAME", groups=2), ((3, 4, 2),)),
    "conv-reflected": Row(lambda: layers.conv(2, 3, padding=1, padding_mode="reflect", bias=False), ((4, 2),)),
    "depthwise_conv": Row(lambda: layers.depthwise_conv(2, multiplier=2, dilation=2), ((3, 4, 2),)),
    "conv_transpose": Row(lambda: layers.conv_transpose(2, 3, stride=2, padding="SAME"), ((2, 3, 2),)),
    "embedding": Row(embedding),
    "mixture_of_experts": Row(lambda: layers.mixture_of_experts(layers.dense(3), 3, capacity_factor=1.0), ((2, 4),)),
    "attention": Row(lambda: layers.attention(2, causal=True, rotary=10000.0, dropout=0.3), ((3, 4),), stochastic=True),
    "attention-grouped": Row(
        lambda: layers.attention(4, kv_heads=2, causal=True, window=2, alibi=True, soft_cap=2.0, bias=False), ((3, 4),)
    ),
    "attention-of a memory": Row(lambda: layers.attention(2), ((2, 4), (3, 2))),
    "learned_positions": Row(lambda: layers.learned_positions(5), ((3, 2),)),
    "sinusoidal_positions": Row(layers.sinusoidal_positions, ((3, 2),)),
    "transformer_block": Row(lambda: layers.transformer_block(2, hidden=3, dropout=0.3), ((2, 4),), stochastic=True),
    "transformer_block-post, gated": Row(
        lambda: layers.transformer_block(
            1, hidden=3, norm="post", normalisation=layers.rms_norm, activation=layers.swiglu, causal=True
        ),
        ((2, 4),),
    ),
    "dropout": Row(lambda: layers.dropout(0.4), stochastic=True),
    "spatial_dropout": Row(lambda: layers.spatial_dropout(0.4), ((3, 2),), stochastic=True),
    "channel_dropout": Row(lambda: layers.channel_dropout(0.4), ((3, 2),), stochastic=True),
    "stochastic_depth": Row(lambda: layers.stochastic_depth(0.4), ((3, 2),), stochastic=True),
    "batch_norm": Row(layers.batch_norm, by_batch=True),
    "batch_norm-images": Row(lambda: layers.batch_norm(momentum=0.3, eps=0.1), ((2, 3, 2),), by_batch=True),
    "batch_norm-repeated": Row(lambda: layers.repeat(layers.batch_norm(), 2), by_batch=True),
    "layer_norm": Row(layers.layer_norm),
    "rms_norm": Row(lambda: layers.rms_norm(eps=0.1), ((3, 4),)),
    "group_norm": Row(lambda: layers.group_norm(2), ((3, 4),)),
    "instance_norm": Row(layers.instance_norm, ((3, 2),)),
    "local_response_norm": Row(lambda: layers.local_response_norm(size=3, alpha=0.5), ((3, 4),)),
    "weight_norm": Row(lambda: layers.weight_norm(layers.dense(3))),
    "rnn": Row(lambda: layers.rnn(3, activation="relu"), ((3, 2),)),
    "gru": Row(lambda: layers.gru(3), ((3, 2),)),
    "lstm": Row(lambda: layers.lstm(3, peepholes=True, projection=2), ((3, 2),)),
    "normalised_lstm": Row(lambda: layers.normalised_lstm(3, eps=0.1), ((3, 2),)),
    "bidirectional": Row(lambda: layers.bidirectional(layers.rnn(3), layers.gru(2, reset="before")), ((3, 2),)),
    "reversed_time": Row(lambda: layers.reversed_time(layers.rnn(2)), ((3, 2),)),
    "pointwise": Row(lambda: layers.pointwise(small())),
    "flatten": Row(layers.flatten, ((3, 2),)),
    "reshape": Row(lambda: layers.reshape(3, -1)),
    "concatenate": Row(layers.concatenate, ((6,), (3,))),
    "upsample_nearest": Row(lambda: layers.upsample_nearest((2, 3)), ((2, 2, 3),)),
    "upsample_linear": Row(lambda: layers.upsample_linear(2), ((2, 3, 2),)),
    "pixel_shuffle": Row(lambda: layers.pixel_shuffle(2), ((2, 3, 4),)),
    "pixel_unshuffle": Row(lambda: layers.pixel_unshuffle(2), ((2, 4, 2),)),
    "pad": Row(lambda: layers.pad((1, (0, 2)), mode="reflect"), ((2, 3, 2),)),
    "max_pool": Row(lambda: layers.max_pool(3, stride=2, padding="SAME"), ((4, 5, 2),)),
    "average_pool": Row(lambda: layers.average_pool((1, 2), padding=1, count_padding=True), ((3, 4, 2),)),
    "l2_pool": Row(lambda: layers.l2_pool(2, stride=1, dilation=2), ((4, 4, 1),)),
    "global_max_pool": Row(layers.global_max_pool, ((2, 3, 2),)),
    "global_average_pool": Row(layers.global_average_pool, ((2, 3, 2),)),
    "adaptive_max_pool": Row(lambda: layers.adaptive_max_pool((2, 3)), ((3, 5, 2),)),
    "adaptive_average_pool": Row(lambda: layers.adaptive_average_pool(2), ((3, 5, 2),)),
    "add": Row(layers.add, ((6,), (6,), (6,))),
    "serial": Row(lambda: layers.serial(small(), layers.dropout(0.3), layers.dense(2)), stochastic=True),
    "serial-empty": Row(layers.serial),
    "parallel": Row(lambda: layers.parallel(small(), layers.identity(), layers.dropout(0.3)), stochastic=True),
    "residual": Row(lambda: layers.residual(small())),
    "repeat": Row(lambda: layers.repeat(layers.serial(small(), layers.dropout(0.3)), 3), stochastic=True),
    "repeat-of a residual": Row(lambda: layers.repeat(layers.residual(small()), 2)),
    "recompute": Row(lambda: layers.recompute(layers.serial(small(), layers.dropout(0.3))), stochastic=True),
}


def inputs(name: str, batch: int = BATCH) -> Any:
    """Return a random float64 input of the row `name`: an array, or the tuple of branches."""
    draw = generator("layer " + name)
    xs: Any = tuple(np.asarray(1.5 * draw.normal(size=(batch, *shape))) for shape in LAYERS[name].shapes)
    return xs if len(xs) > 1 else xs[0]


def moved(name: str, params: Any) -> Any:
    """Return the parameters moved to a random place, so that none is a constant."""
    draw = generator("params " + name)
    return jax.tree.map(lambda leaf: np.asarray(leaf + 0.5 * draw.normal(size=leaf.shape), leaf.dtype), params)
