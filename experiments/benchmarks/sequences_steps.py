"""Training steps of a transformer: fnn against Flax with Optax, and against PyTorch, from the same parameters.

A step is the forward of GPT-2's blocks, the head tied to the tokens, mean cross-entropy over all positions, backward,
AdamW.
"""

import importlib
import importlib.util
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks import training_steps
from fnn import models, optim, rules

RATE, DECAY = 1e-3, 1e-2


class Job(NamedTuple):
    """A transformer and the shape of its batches."""

    depth: int
    width: int
    heads: int
    vocabulary: int
    time: int
    batch: int


JOBS = {"transformer": Job(depth=4, width=192, heads=6, vocabulary=65, time=128, batch=32)}


def run(jobs: dict[str, Job], rounds: int, *, seconds: float, scale: float, peers: bool) -> dict[str, dict[str, Any]]:
    """Time the steps of each job with its batch scaled, print a table, and return its rows."""
    found = {}
    for name, job in jobs.items():
        found[name] = compare(name, job._replace(batch=math.ceil(scale * job.batch)), rounds, seconds, peers)
    training_steps.show(found)
    return found


def compare(name: str, job: Job, rounds: int, limit: float, peers: bool) -> dict[str, Any]:
    """Return the figures of one job: milliseconds of each program, ratios, seconds of compilation, memory."""
    ids = jnp.asarray(np.random.default_rng(0).integers(0, job.vocabulary, (job.batch, job.time + 1)), jnp.int32)
    net = models.gpt(job.vocabulary, job.time, depth=job.depth, width=job.width, heads=job.heads, logits=False)
    params, state = net.init(jax.random.key(0), jax.ShapeDtypeStruct((job.batch, job.time), jnp.int32))
    leaves = in_order(params)

    def loss(params, state, ids, key):
        x, state = net.apply(params, state, ids[:, :-1], key=key, train=True)
        return rules.linear_cross_entropy(x, models.gpt_head(params), ids[:, 1:]), (state, {})

    optimizer = optim.adamw(RATE, weight_decay=DECAY)
    programs = training_steps.fnn_programs(loss, optimizer, params, state, ids)
    if peers and training_steps.has_flax():
        flax = importlib.import_module("experiments.benchmarks.sequences_flax")
        programs["flax"] = flax.program(job, leaves, ids)
    torch = timed = None
    if peers and importlib.util.find_spec("torch"):
        module = importlib.import_module("experiments.benchmarks.sequences_torch")
        torch, timed = module.program(job, leaves, ids), module.timed
    return training_steps.compare(name, programs, torch, timed, rounds, seconds=limit)


def in_order(params: Any) -> list[np.ndarray]:
    """Return the parameters in the order in which the peers use them, block by block: Q, K and V side by side."""

    def joined(block):
        attention = block.attention
        qkv = jax.tree.map(lambda *parts: jnp.concatenate(parts, -1), attention.q, attention.k, attention.v)
        return block._replace(attention=(qkv, attention.out))

    blocks = [joined(block) for block in params.blocks]
    return [np.asarray(leaf) for leaf in jax.tree.leaves((params.embedding, params.positions, blocks, params.norm))]
