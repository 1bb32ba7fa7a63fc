"""Training steps of LeNet-5 and ResNet-18: fnn against Flax with Optax, and against PyTorch, from the same parameters.

A step is the forward with batch statistics, softmax cross-entropy, backward, stochastic gradient descent with momentum.
"""

import importlib
import importlib.util
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks import training_steps
from fnn import layers, models, optim, rules

RATE, MOMENTUM = 0.01, 0.9


class Job(NamedTuple):
    """A network and what it learns from."""

    net: layers.Layer
    images: tuple[int, ...]
    """Shape of a batch."""
    classes: int


JOBS: dict[str, Job] = {
    "lenet": Job(models.lenet(), (128, 28, 28, 1), 10),
    "resnet18": Job(models.resnet18(), (8, 64, 64, 3), 1000),
}


def run(jobs: dict[str, Job], rounds: int, *, seconds: float, scale: float, peers: bool) -> dict[str, dict[str, Any]]:
    """Time the steps of each job with its batch scaled, print a table, and return its rows."""
    found = {}
    for name, job in jobs.items():
        batch, *rest = job.images
        found[name] = compare(name, job._replace(images=(math.ceil(scale * batch), *rest)), rounds, seconds, peers)
    training_steps.show(found)
    return found


def compare(name: str, job: Job, rounds: int, limit: float, peers: bool) -> dict[str, Any]:
    """Return the figures of one job: milliseconds of each program, ratios, seconds of compilation."""
    generator = np.random.default_rng(0)
    x = generator.standard_normal(job.images, np.float32)
    labels = generator.integers(0, job.classes, job.images[0]).astype(np.int32)
    params, state = job.net.init(jax.random.key(0), jax.ShapeDtypeStruct(x.shape, x.dtype))
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(params)]

    batch = (jnp.asarray(x), jnp.asarray(labels))
    optimizer = optim.momentum(RATE, mu=MOMENTUM)
    programs = training_steps.fnn_programs(loss_of(job.net), optimizer, params, state, batch)
    if peers and training_steps.has_flax():
        flax = importlib.import_module("experiments.benchmarks.vision_flax")
        programs["flax"] = flax.program(flax.NETWORKS[name](job.classes), leaves, x, labels)
    torch = timed = None
    if peers and importlib.util.find_spec("torch"):
        module = importlib.import_module("experiments.benchmarks.vision_torch")
        torch, timed = module.program(module.NETWORKS[name](job.classes), leaves, x, labels), module.timed
    return training_steps.compare(name, programs, torch, timed, rounds, seconds=limit)


def loss_of(net: layers.Layer) -> Any:
    """Return the cross-entropy of the network on a batch of images and labels."""

    def loss(params, state, batch, key):
        x, labels = batch
        logits, state = net.apply(params, state, x, key=key, train=True)
        return rules.softmax_cross_entropy(logits, labels), (state, {})

    return loss
