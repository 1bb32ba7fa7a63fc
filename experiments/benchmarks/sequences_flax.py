"""Flax's side of the sequences benchmark: the transformer by linen, its step by Optax."""

import importlib
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks.sequences_steps import DECAY, RATE, Job
from experiments.benchmarks.training_steps import Program, compile_step
from experiments.benchmarks.vision_flax import filled

# By name, for they are no dependencies: this module is imported only where they are.
nn: Any = importlib.import_module("flax.linen")
optax: Any = importlib.import_module("optax")


class Block(nn.Module):
    """A block of GPT-2."""

    heads: int

    @nn.compact
    def __call__(self, x):
        """Return x + attention(norm x), plus the perceptron of its norm."""
        batch, time, width = x.shape
        y = nn.Dense(3 * width)(nn.LayerNorm(epsilon=1e-5)(x))
        q, k, v = jnp.moveaxis(y.reshape(batch, time, 3, self.heads, -1), 2, 0)
        y = jax.nn.dot_product_attention(q, k, v, is_causal=True)
        x = x + nn.Dense(width)(y.reshape(x.shape))
        y = nn.gelu(nn.Dense(4 * width)(nn.LayerNorm(epsilon=1e-5)(x)))
        return x + nn.Dense(width)(y)


class Transformer(nn.Module):
    """GPT-2, whose head is its table of tokens."""

    job: Job

    @nn.compact
    def __call__(self, ids):
        """Return the logits of each next token."""
        job = self.job
        table = nn.Embed(job.vocabulary, job.width)
        x = table(ids) + self.param("positions", nn.initializers.normal(0.02), (job.time, job.width))
        for _ in range(job.depth):
            x = Block(job.heads)(x)
        return table.attend(nn.LayerNorm(epsilon=1e-5)(x))


def program(job: Job, leaves: Sequence[np.ndarray], ids: Any) -> Program:
    """Return Flax's training step on one batch, from parameters in the order in which the network uses them."""
    net = Transformer(job)
    params = filled(net.init(jax.random.key(0), ids[:, :-1])["params"], iter(leaves))
    optimizer = optax.adamw(RATE, weight_decay=DECAY)

    def step(state, ids):
        params, memory = state

        def loss(params):
            logits = net.apply({"params": params}, ids[:, :-1])
            return optax.softmax_cross_entropy_with_integer_labels(logits, ids[:, 1:]).mean()

        value, grads = jax.value_and_grad(loss)(params)
        updates, memory = optimizer.update(grads, memory, params)
        return (optax.apply_updates(params, updates), memory), value

    return compile_step(step, (params, optimizer.init(params)), ids)
