"""PyTorch's side of the vision benchmark: the same operations, LeNet and ResNet-18 with their steps."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks.operations import Case
from experiments.benchmarks.torch_timing import time_both, torch
from experiments.benchmarks.torch_timing import timed as timed
from experiments.benchmarks.training_steps import Program
from experiments.benchmarks.vision_steps import MOMENTUM, RATE

nn = torch.nn


def time_case(case: Case, arguments: tuple[Any, ...], ours: Any, rounds: int) -> list[float]:
    """Return the seconds of forward and backward of the case, channels last, `rounds` times."""
    arrays = [a for a in arguments if not jnp.issubdtype(a.dtype, jax.dtypes.prng_key)]
    *tensors, dy = [tensor(np.asarray(a), weights=0 < i < len(arrays) - 1) for i, a in enumerate(arrays)]
    return time_both(case, tensors, dy, ours, rounds)


def tensor(a: np.ndarray, *, weights: bool):
    """Return an image with its channels second, or weights as (out, in, *window); what has no window as it is."""
    if a.ndim < 3:
        return torch.tensor(a)
    moved = a.transpose(-1 % a.ndim, -2 % a.ndim, *range(a.ndim - 2)) if weights else np.moveaxis(a, -1, 1)
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    return torch.tensor(moved).contiguous(memory_format=formats.get(a.ndim, torch.contiguous_format))


def lenet(classes: int):
    """LeNet-5, with ReLU and max-pool."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, classes),
    )


class Flatten(nn.Module):
    """Flatten with the channels last, as the others do."""

    def forward(self, x):
        """Return (batch, height · width · channels)."""
        return x.permute(0, 2, 3, 1).flatten(1)


def convolution(inputs: int, features: int, window: int, stride: int = 1):
    """A convolution and its batch norm."""
    return nn.Sequential(
        nn.Conv2d(inputs, features, window, stride, window // 2, bias=False), nn.BatchNorm2d(features, eps=1e-5)
    )


class Block(nn.Module):
    """A block of ResNet-18."""

    def __init__(self, inputs: int, features: int, stride: int):
        super().__init__()
        self.first, self.second = convolution(inputs, features, 3, stride), convolution(features, features, 3)
        same = stride == 1 and inputs == features
        self.shortcut = nn.Identity() if same else convolution(inputs, features, 1, stride)

    def forward(self, x):
        """Return ReLU(body(x) + shortcut(x))."""
        return (self.second(self.first(x).relu()) + self.shortcut(x)).relu()


def resnet18(classes: int):
    """ResNet-18."""
    blocks, inputs = [], 64
    for number in range(4):
        features = 64 * 2**number
        blocks += [Block(inputs, features, 2 if number else 1), Block(features, features, 1)]
        inputs = features
    stem = (convolution(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes))


NETWORKS = {"lenet": lenet, "resnet18": resnet18}


def program(net, leaves: Sequence[np.ndarray], x: np.ndarray, labels: np.ndarray) -> Program:
    """Return torch's training step on one batch, from parameters in the order in which the network uses them."""
    net = net.to(memory_format=torch.channels_last).train()
    with torch.no_grad():
        for parameter, leaf in zip(net.parameters(), leaves, strict=True):
            parameter.copy_(tensor(leaf, weights=leaf.ndim > 2) if leaf.ndim != 2 else torch.tensor(leaf.T))
    optimizer = torch.optim.SGD(net.parameters(), RATE, MOMENTUM)
    images, classes = tensor(x, weights=False), torch.tensor(labels).long()

    def step(state):
        optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(net(images), classes)
        loss.backward()
        optimizer.step()
        return state, loss.detach()

    return Program(None, step)
