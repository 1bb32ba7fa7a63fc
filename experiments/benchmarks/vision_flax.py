"""Flax's side of the vision benchmark: LeNet and ResNet-18 by linen, their steps by Optax."""

import importlib
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks.training_steps import Program, compile_step
from experiments.benchmarks.vision_steps import MOMENTUM, RATE

# By name, for they are no dependencies: this module is imported only where they are.
nn: Any = importlib.import_module("flax.linen")
optax: Any = importlib.import_module("optax")


class LeNet(nn.Module):
    """LeNet-5, with ReLU and max-pool."""

    classes: int

    @nn.compact
    def __call__(self, x):
        """Return the logits of x (batch, 28, 28, channels)."""
        x = nn.max_pool(nn.relu(nn.Conv(6, (5, 5), padding=2)(x)), (2, 2), (2, 2))
        x = nn.max_pool(nn.relu(nn.Conv(16, (5, 5), padding=0)(x)), (2, 2), (2, 2))
        x = x.reshape(len(x), -1)
        x = nn.relu(nn.Dense(120)(x))
        x = nn.relu(nn.Dense(84)(x))
        return nn.Dense(self.classes)(x)


class ResNet18(nn.Module):
    """ResNet-18 in training."""

    classes: int

    @nn.compact
    def __call__(self, x):
        """Return the logits of x (batch, height, width, channels)."""

        def convolution(x, features, window, stride=1):
            strides, padding = (stride, stride), window // 2
            x = nn.Conv(features, (window, window), strides, padding, use_bias=False)(x)
            return nn.BatchNorm(use_running_average=False, momentum=0.9, epsilon=1e-5)(x)

        def block(x, features, stride):
            y = convolution(nn.relu(convolution(x, features, 3, stride)), features, 3)
            return nn.relu(y + (x if y.shape == x.shape else convolution(x, features, 1, stride)))

        x = nn.max_pool(nn.relu(convolution(x, 64, 7, 2)), (3, 3), (2, 2), ((1, 1), (1, 1)))
        for number in range(4):
            x = block(x, 64 * 2**number, 2 if number else 1)
            x = block(x, 64 * 2**number, 1)
        return nn.Dense(self.classes)(x.mean((1, 2)))


NETWORKS = {"lenet": LeNet, "resnet18": ResNet18}


def program(net: Any, leaves: Sequence[np.ndarray], x: Any, labels: Any) -> Program:
    """Return Flax's training step on one batch, from parameters in the order in which the network uses them."""
    batch = (jnp.asarray(x), jnp.asarray(labels))
    variables = net.init(jax.random.key(0), batch[0])
    params = filled(variables["params"], iter(leaves))
    statistics = variables.get("batch_stats", {})
    optimizer = optax.sgd(RATE, MOMENTUM)

    def step(state, batch):
        params, statistics, memory = state
        x, labels = batch

        def loss(params):
            logits, changed = net.apply({"params": params, "batch_stats": statistics}, x, mutable=["batch_stats"])
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), changed

        (value, changed), grads = jax.value_and_grad(loss, has_aux=True)(params)
        updates, memory = optimizer.update(grads, memory, params)
        return (optax.apply_updates(params, updates), changed.get("batch_stats", {}), memory), value

    return compile_step(step, (params, statistics, optimizer.init(params)), batch)


def filled(params: Any, leaves: Iterator[np.ndarray]) -> Any:
    """Return params with the leaves in their places: Flax's dictionaries keep the order in which they were made."""
    if isinstance(params, dict):
        return {name: filled(entry, leaves) for name, entry in params.items()}
    leaf = next(leaves)
    if leaf.shape != params.shape:
        raise ValueError(f"a parameter of Flax is {params.shape}, fnn's in its place {leaf.shape}.")
    return jnp.asarray(leaf)
