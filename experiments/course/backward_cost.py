"""What the backward costs beside the forward: FLOPs, time and memory.

    python -m experiments course.backward_cost

Source: 000_7abd68c40c0610f4.txt, slide "Training summary".
Wall time: 15 s. Expect: a backward of 2 - F1 / F forwards, F1 the first layer's part of F, which needs no dX: near 1
for one hidden layer, near 2 for many, in time somewhat more since its products are of transposed matrices;
activations that pass weights, gradients and optimizer together as the batch grows. XLA reserves one layer more than
predicted for sigmoid (for a small batch less: it works in the memory of the gradients), and on a CPU twice as much for
ReLU: it prefers to compute max(Z, 0) again and so keeps the product for it, beside the output for the next layer.

ResNet-50's memory (float16, batch 256: about 15 GB, 12 GB of it activations) is the lecture's; our count beside it
is of two arrays a convolution: its output for the batch normalisation, and the normalised one for the next.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from rich.table import Table

from experiments.benchmarks.measure import interleave, ratio
from experiments.course.gemm import device
from experiments.runner import console, key, save
from fnn import layers, optim, rules
from fnn.check.residuals import flops, nbytes
from fnn.inspect import pictures, summary

CLASSES = 10
NAMES = ("weights", "gradients", "Adam's m and v", "activations", "batch · Σ widths · 4", "XLA, sigmoid", "XLA, ReLU")
"""What the fields of `Memory` are called in its table."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.backward_cost`."""

    widths: tuple[int, ...] = (256, 1024)
    """Features of the input and of each hidden layer of the networks that are timed."""
    depths: tuple[int, ...] = (1, 2, 4, 8)
    """Hidden layers of the networks that are timed."""
    batch: int = 1024
    """Rows of the batch that is timed."""
    memory_width: int = 512
    """Features of the network whose memory is measured."""
    memory_depth: int = 8
    """Its hidden layers."""
    batches: tuple[int, ...] = (64, 256, 1024, 4096, 16384)
    """Rows of the batches at which its memory is measured; nothing is run."""
    rounds: int = 9
    """How often the programs are timed in turn."""
    seed: int = 0
    """Seed of the weights and of the numbers."""
    out: Path = Path("runs/course/backward_cost")
    """Folder for the pictures and the metrics."""


class Network(NamedTuple):
    """A multilayer perceptron and the shapes of what its loss takes."""

    net: layers.Layer
    loss: Callable[..., Any]
    """Of (params, x, labels)."""
    shapes: tuple[Any, Any, Any]
    """Of params, x and labels."""


def perceptron(activation: layers.Layer, width: int, depth: int, batch: int) -> Network:
    """Return `depth` hidden layers of `width`, and a softmax cross-entropy over 10 classes; x has `width` features."""
    hidden = [part for _ in range(depth) for part in (layers.dense(width), activation)]
    net = layers.serial(*hidden, layers.dense(CLASSES))
    x = jax.ShapeDtypeStruct((batch, width), jnp.float32)
    params, state = jax.eval_shape(lambda key: net.init(key, x), key(0))

    def loss(params, x, labels):
        return rules.softmax_cross_entropy(net.apply(params, state, x)[0], labels)

    return Network(net, loss, (params, x, jax.ShapeDtypeStruct((batch,), jnp.int32)))


class Cost(NamedTuple):
    """FLOPs of a network's passes, by XLA's count."""

    forward: int
    backward: int
    """To the gradients of the parameters."""
    with_input: float
    """Backward over forward if the gradient of the input is computed too."""
    formula: float
    """2 - F1 / F, from the matrix products alone."""


def cost(network: Network, width: int, depth: int) -> Cost:
    """Count: per product of the forward one for dW, and one for dX but in the first layer.

    >>> relu = layers.relu()
    >>> counted = [cost(perceptron(relu, 64, depth, 32), 64, depth) for depth in (1, 2, 8)]
    >>> [round(c.backward / c.forward, 1) for c in counted], [round(c.formula, 1) for c in counted]
    ([1.1, 1.5, 1.9], [1.1, 1.5, 1.9])
    """
    params, x, labels = network.shapes
    value, pull = jax.eval_shape(lambda p, x, y: jax.vjp(lambda p: network.loss(p, x, y), p), params, x, labels)
    total = summary(network.net, x).total
    first, products = width * width, depth * width * width + width * CLASSES
    return Cost(
        flops(network.loss, params, x, labels),
        flops(lambda pull, dy: pull(dy), pull, value),
        total.backward_flops / total.forward_flops,
        2 - first / products,
    )


def time_ratio(network: Network, rounds: int, seed: int) -> float:
    """Return the seconds of loss and gradient over those of the loss, less 1: the backward in forwards."""
    generator = np.random.default_rng(seed)
    _, x, labels = network.shapes
    params, _ = network.net.init(key(seed), x)
    data = (
        jnp.asarray(generator.standard_normal(x.shape, np.float32)),
        jnp.asarray(generator.integers(0, CLASSES, labels.shape), jnp.int32),
    )
    forward, both = jax.jit(network.loss), jax.jit(jax.value_and_grad(network.loss))
    np.testing.assert_allclose(forward(params, *data), both(params, *data)[0], rtol=1e-5)
    programs = {"forward": lambda _: forward(params, *data), "both": lambda _: both(params, *data)}
    return ratio(interleave(programs, dict.fromkeys(programs), rounds), "both", "forward") - 1


class Memory(NamedTuple):
    """Bytes of a training step."""

    weights: int
    gradients: int
    adam: int
    """m and v."""
    kept: int
    """Activations: what `fnn.inspect.summary` counts, less the input."""
    formula: int
    """batch · sum of the hidden widths · 4."""
    sigmoid: int
    """Work memory of XLA's compiled gradient with sigmoid."""
    relu: int
    """The same with ReLU."""

    @property
    def share(self) -> float:
        """Return the activations' share of weights, gradients, optimizer and activations."""
        return self.kept / (self.weights + self.gradients + self.adam + self.kept)


def memory(width: int, depth: int, batch: int) -> Memory:
    """Measure what a step needs, by shapes and by what XLA's compiler reserves; nothing is run."""
    reserved = []
    for activation in (layers.sigmoid(), layers.relu()):
        network = perceptron(activation, width, depth, batch)
        analysis = jax.jit(jax.value_and_grad(network.loss)).lower(*network.shapes).compile().memory_analysis()
        reserved.append(0 if analysis is None else analysis.temp_size_in_bytes)
    params, x, _ = network.shapes
    weights = sum(map(nbytes, jax.tree.leaves(params)))
    state: Any = jax.eval_shape(optim.adam().init, params)
    adam = sum(map(nbytes, jax.tree.leaves((state.m, state.v))))
    kept = summary(network.net, x).total.bytes_kept - nbytes(x)
    return Memory(weights, weights, adam, kept, batch * depth * width * 4, *reserved)


def resnet50(batch: int, itemsize: int) -> int:
    """Return the bytes of two arrays for each convolution of ResNet-50 at 224 x 224.

    >>> f"{resnet50(256, 2) / 1e9:.1f} GB"
    '10.8 GB'
    """
    outputs = 112**2 * 64
    for blocks, side, width in ((3, 56, 64), (4, 28, 128), (6, 14, 256), (3, 7, 512)):
        outputs += side**2 * (blocks * (width + width + 4 * width) + 4 * width)  # and the shortcut's convolution
    return 2 * outputs * batch * itemsize


def run(settings: Settings) -> dict[str, float]:
    """Count and time the backward, measure the memory; print tables and draw both."""
    for name in ("widths", "depths", "batches"):
        if not getattr(settings, name) or min(getattr(settings, name)) < 1:
            raise ValueError(f"{name} = {getattr(settings, name)}, wanted numbers of 1 or more.")
    found = compare(settings)
    by_batch = memories(settings)
    largest = by_batch[max(by_batch)]
    deepest = f"{max(settings.widths)} wide", max(settings.depths)
    names = ("counted", "formula", "measured")
    return {
        **{f"ratio_{name}": value for name, value in zip(names, found[deepest[0]][deepest[1]], strict=True)},
        "activations_share": largest.share,
        "xla_over_kept_sigmoid": largest.sigmoid / largest.kept,
        "xla_over_kept_relu": largest.relu / largest.kept,
    }


def compare(settings: Settings) -> dict[str, dict[int, tuple[float, float, float]]]:
    """Return (counted, formula, measured) backward over forward by width and depth, after they are shown."""
    table = Table("network", "forward GFLOP", "backward", "with the input's", "without", "2 - F1/F", "time")
    table.title, table.title_justify = f"backward over forward, batch {settings.batch}, on {device()}", "left"
    found: dict[str, dict[int, tuple[float, float, float]]] = {}
    for width in settings.widths:
        for depth in settings.depths:
            network = perceptron(layers.relu(), width, depth, settings.batch)
            counted, measured = cost(network, width, depth), time_ratio(network, settings.rounds, settings.seed)
            one = counted.backward / counted.forward, counted.formula, measured
            found.setdefault(f"{width} wide", {})[depth] = one
            gigas = f"{counted.forward / 1e9:.3g}", f"{counted.backward / 1e9:.3g}", f"{counted.with_input:.3f}"
            table.add_row(f"{depth} x {width}", *gigas, *(f"{value:.3f}" for value in one))
    console.print(table)
    lines = {
        **{f"FLOPs, {name}": [one[0] for one in rows.values()] for name, rows in found.items()},
        **{f"time, {name}": [one[2] for one in rows.values()] for name, rows in found.items()},
    }
    title = f"The backward's cost on {device()}"
    figure = pictures.curves(
        lines, x=settings.depths, x_label="hidden layers", y_label="backward over forward", title=title
    )
    save(figure, settings.out / "ratio")
    return found


def memories(settings: Settings) -> dict[int, Memory]:
    """Return the memory by batch, after it is shown."""
    width, depth = settings.memory_width, settings.memory_depth
    found = {batch: memory(width, depth, batch) for batch in sorted(settings.batches)}
    title = f"MB of a training step: {depth} hidden layers of {width}, {device()}"
    table = Table("batch", *map(str, found), title=title, title_justify="left")
    for name, sizes in zip(NAMES, zip(*found.values(), strict=True), strict=True):
        table.add_row(name, *(f"{size / 1e6:.3g}" for size in sizes))
    table.add_row("activations' share of the first four", *(f"{one.share:.0%}" for one in found.values()))
    console.print(table)
    here = f"{resnet50(256, 2) / 1e9:.1f} GB by our count of its convolutions"
    console.print(f"ResNet-50, float16, batch 256: the lecture's 12 GB of activations in 15 GB; {here}.")
    lines = {
        "weights, gradients, Adam": [(one.weights + one.gradients + one.adam) / 1e6 for one in found.values()],
        NAMES[4]: [one.formula / 1e6 for one in found.values()],
        "XLA, sigmoid": [one.sigmoid / 1e6 for one in found.values()],
        "XLA, ReLU": [one.relu / 1e6 for one in found.values()],
    }
    title = f"Memory of {depth} hidden layers of {width}"
    figure = pictures.curves(lines, x=list(found), log=True, log_x=True, x_label="batch", y_label="MB", title=title)
    figure.set_size_inches(8, 3.8)  # room for the numbers of the batches
    save(figure, settings.out / "memory")
    return found
