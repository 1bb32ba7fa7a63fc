"""What each rule keeps for its backward, against what autodiff keeps of the same forward.

`total` counts every array that is kept; `new` leaves out the rule's own arguments and output, which stand in memory
anyway: a parameter, or an activation that the next layer keeps.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fnn import Rule, rules
from fnn.check import residual_bytes
from fnn.rules.elementwise import Elementwise

BATCH, FEATURES = 64, 128


class Kept(NamedTuple):
    """Bytes kept for the backward, for each entry of the first argument."""

    rule: str
    total: float
    autodiff_total: float
    new: float
    autodiff_new: float


def table() -> list[Kept]:
    """Return a row for every rule of `fnn.rules`, in the order of their names."""
    return [measure(rule, *arguments, **static) for rule, arguments, static in cases()]


def measure(rule: Rule[..., Any], *arguments: Any, **static: Any) -> Kept:
    """Count what the rule keeps and what autodiff keeps of `rule.plain`, for each entry of the first argument."""
    own, plain = (residual_bytes(partial(form, **static), *arguments) for form in (rule, rule.plain))
    entries = jax.tree.leaves(arguments)[0].size
    return Kept(rule.name, own.total / entries, plain.total / entries, own.new / entries, plain.new / entries)


def cases() -> Iterator[tuple[Rule[..., Any], tuple, dict[str, Any]]]:
    """Yield (rule, arguments, static configuration) for every rule of `fnn.rules`.

    A rule without an entry here takes arrays of (BATCH, FEATURES) alone.
    """
    entries = on_rows() | on_images() | on_sequences()
    x = real(BATCH, FEATURES)
    for name in sorted(dir(rules)):
        rule = getattr(rules, name)
        if not isinstance(rule, Rule):
            continue
        if name in entries:
            yield rule, *entries[name]
        elif isinstance(rule, Elementwise):
            yield rule, (positive(BATCH, FEATURES),), {}
        else:
            arrays = [p for p in rule.signature.parameters.values() if p.kind is not p.KEYWORD_ONLY]
            yield rule, (x,) * sum(p.default is p.empty for p in arrays), {}


def on_rows() -> dict[str, tuple[tuple, dict[str, Any]]]:
    """Return the arguments of the rules of rows that want others than arrays of (BATCH, FEATURES)."""
    x, y, probabilities = real(BATCH, FEATURES), real(BATCH, FEATURES), positive(BATCH, FEATURES)
    labels, distributions = integers(FEATURES, BATCH), jax.nn.softmax(x)
    experts = integers(4, BATCH, 2)
    return {
        "balance_loss": ((x, experts), {}),
        "bilinear": ((x, y, real(FEATURES, FEATURES, 3), real(3)), {}),
        "binary_cross_entropy": ((probabilities, probabilities), {}),
        "combine": ((real(4, BATCH, FEATURES), positive(BATCH, 2), experts), {}),
        "concatenate": (((x, y),), {"axis": 1}),
        "cross_entropy": ((distributions, distributions), {}),
        "dispatch": ((x, experts), {"num_experts": 4, "capacity": BATCH}),
        "dropout": ((x, jax.random.key(0)), {"rate": 0.5}),
        "embedding": ((integers(FEATURES, BATCH), real(FEATURES, FEATURES)), {}),
        "gaussian_nll": ((x, y, probabilities), {}),
        "kl_divergence": ((jnp.log(distributions), distributions), {}),
        "linear": ((x, real(FEATURES, 16), real(16)), {}),
        # More rows than features, as in use: it keeps dW, (features, classes), where autodiff keeps (rows, classes).
        "linear_cross_entropy": ((real(512, 64), real(64, 1024), integers(1024, 512)), {}),
        "matmul": ((x, real(FEATURES, 16)), {}),
        "multiclass_hinge": ((x, labels), {}),
        "negative_log_likelihood": ((x, labels), {}),
        "power": ((probabilities, y), {}),
        "prelu": ((x, real(FEATURES)), {}),
        "softmax_cross_entropy": ((x, labels), {}),
        "threshold": ((x,), {"threshold": 0.1, "value": -1.0}),
        "triplet_margin": ((x, y, probabilities), {}),
        "weight_norm": ((x, real(FEATURES)), {}),
    }


def on_images() -> dict[str, tuple[tuple, dict[str, Any]]]:
    """Return the arguments of the rules of images."""
    x, of_channels = real(4, 16, 16, 8), (real(8), positive(8))
    pools = {name: ((x,), {"window": 2}) for name in ("average_pool", "l2_pool", "max_pool")}
    adaptive = {name: ((x,), {"size": 4}) for name in ("adaptive_average_pool", "adaptive_max_pool")}
    by_factor = ("pixel_shuffle", "pixel_unshuffle", "upsample_linear", "upsample_nearest")
    return {
        **pools,
        **adaptive,
        **{name: ((x,), {"factor": 2}) for name in by_factor},
        **{name: ((x,), {}) for name in ("global_average_pool", "global_max_pool")},
        "batch_norm": ((x, *of_channels), {}),
        "batch_norm_inference": ((x, real(8), positive(8), *of_channels), {}),
        "col2im": ((real(4, 14, 14, 3, 3, 8),), {"size": (16, 16)}),
        "conv": ((x, real(3, 3, 8, 16), real(16)), {}),
        "conv_transpose": ((x, real(3, 3, 8, 16), real(16)), {}),
        "group_norm": ((x, *of_channels), {"groups": 4}),
        "im2col": ((x,), {"window": 3}),
        "instance_norm": ((x, *of_channels), {}),
        "pad": ((x,), {"padding": 1}),
    }


def on_sequences() -> dict[str, tuple[tuple, dict[str, Any]]]:
    """Return the arguments of the rules of sequences."""
    x, heads = real(4, 32, 16), real(2, 64, 4, 16)

    def recurrent(gates: int) -> tuple:
        return x, real(16, gates * 16), real(16, gates * 16), real(gates * 16)

    return {
        "attention": ((heads, heads, heads), {"causal": True}),
        "ctc": ((x, 1 + integers(15, 4, 8)), {}),
        "gru": (recurrent(3), {}),
        "lstm": (recurrent(4), {}),
        "normalised_lstm": ((real(4, 32, 64), real(16, 64), real(64), real(16), real(16)), {}),
        "rnn": (recurrent(1), {}),
        "rotary": ((heads,), {}),
    }


def real(*shape: int) -> jax.Array:
    """Return normal numbers."""
    return jax.random.normal(jax.random.key(0), shape)


def positive(*shape: int) -> jax.Array:
    """Return numbers between 0.1 and 0.9."""
    return jax.random.uniform(jax.random.key(1), shape, minval=0.1, maxval=0.9)


def integers(below: int, *shape: int) -> jax.Array:
    """Return integers from 0 to `below` - 1."""
    return jax.random.randint(jax.random.key(2), shape, 0, below)
