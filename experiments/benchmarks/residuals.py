"""What each rule keeps for its backward, against what autodiff keeps of the same forward.

`total` counts every array that is kept; `new` leaves out the rule's own arguments and output, which stand in memory
anyway: a parameter, or an activation that the next layer keeps.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fnn import Rule, rules
from fnn.check import residual_bytes
from fnn.rules.elementwise import Elementwise

BATCH, FEATURES = 64, 128


class Kept(NamedTuple):
    """Bytes kept for the backward, for each of BATCH · FEATURES entries of the input."""

    rule: str
    total: float
    autodiff_total: float
    new: float
    autodiff_new: float


def table() -> list[Kept]:
    """Return a row for every rule that has a case here, in the order of their names."""
    return [measure(rule, *arguments, **static) for rule, arguments, static in cases()]


def measure(rule: Rule[..., Any], *arguments: Any, **static: Any) -> Kept:
    """Count what the rule keeps and what autodiff keeps of `rule.plain`."""
    own, plain = (residual_bytes(partial(form, **static), *arguments) for form in (rule, rule.plain))
    entries = BATCH * FEATURES
    return Kept(rule.name, own.total / entries, plain.total / entries, own.new / entries, plain.new / entries)


def cases() -> Iterator[tuple[Rule[..., Any], tuple, dict[str, Any]]]:
    """Yield (rule, arguments, static configuration) for every rule of `fnn.rules`."""
    generator = np.random.default_rng(0)

    def real(*shape: int) -> jax.Array:
        return jnp.asarray(generator.standard_normal(shape, np.float32))

    def positive(*shape: int) -> jax.Array:
        return jnp.asarray(generator.uniform(0.1, 0.9, shape).astype(np.float32))

    def distributions() -> jax.Array:
        return jax.nn.softmax(real(BATCH, FEATURES))

    shape = (BATCH, FEATURES)
    labels = jnp.asarray(generator.integers(0, FEATURES, BATCH).astype(np.int32))
    special: dict[str, tuple[tuple, dict[str, Any]]] = {
        "bilinear": ((real(*shape), real(*shape), real(FEATURES, FEATURES, 3), real(3)), {}),
        "binary_cross_entropy": ((positive(*shape), positive(*shape)), {}),
        "cross_entropy": ((distributions(), distributions()), {}),
        "dropout": ((real(*shape), jax.random.key(0)), {"rate": 0.5}),
        "gaussian_nll": ((real(*shape), real(*shape), positive(*shape)), {}),
        "kl_divergence": ((jnp.log(distributions()), distributions()), {}),
        "linear": ((real(*shape), real(FEATURES, 16), real(16)), {}),
        "matmul": ((real(*shape), real(FEATURES, 16)), {}),
        "multiclass_hinge": ((real(*shape), labels), {}),
        "negative_log_likelihood": ((real(*shape), labels), {}),
        "power": ((positive(*shape), real(*shape)), {}),
        "prelu": ((real(*shape), real(FEATURES)), {}),
        "softmax_cross_entropy": ((real(*shape), labels), {}),
        "threshold": ((real(*shape),), {"threshold": 0.1, "value": -1.0}),
        "triplet_margin": ((real(*shape), real(*shape), real(*shape)), {}),
    }
    for name in sorted(dir(rules)):
        rule = getattr(rules, name)
        if not isinstance(rule, Rule):
            continue
        if name in special:
            yield rule, *special[name]
        elif isinstance(rule, Elementwise):
            yield rule, (positive(*shape),), {}
        else:
            arrays = sum(
                p.default is p.empty for p in rule.signature.parameters.values() if p.kind is not p.KEYWORD_ONLY
            )
            yield rule, tuple(real(*shape) for _ in range(arrays)), {}
