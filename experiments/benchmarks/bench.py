"""Speed and memory of fnn against plain jax.numpy on the jobs of the lectures.

    python -m experiments bench

Each comparison checks first that both programs compute the same, then runs them in turn in one process and reports
the median ratio of a round. On two cores of an AMD EPYC (Zen 4), idle, it takes 20 seconds; expect an Adam ratio of
0.80, an SGD ratio of 0.94, and 61 of 76 rules that keep less than autodiff.
The images are random: the time of a step does not depend on what it sees.
"""

import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.table import Table

from experiments.benchmarks import baselines, residuals
from experiments.benchmarks.measure import interleave, need_equal, ratio
from experiments.runner import console
from fnn import data, layers, optim, rules, train
from fnn.train.epoch import Epoch
from fnn.train.step import metric_shapes


@dataclasses.dataclass(frozen=True)
class Bench:
    """Settings of the benchmark."""

    out: Path = Path("runs/bench")
    """Folder for the figures."""
    rounds: int = 7
    """How often the programs run in turn; one round is one epoch of each."""
    examples: int = 60_000
    """How many images of 28x28 an epoch has."""
    seed: int = 0
    """Seed of the images and of the networks."""


def run(settings: Bench) -> dict[str, Any]:
    """Run every comparison, print the tables, and return the ratios."""
    examples = images(settings.examples, settings.seed)
    found = {
        **adam_job(settings, examples),
        **sgd_job(settings, examples),
        **import_time(settings.rounds),
        **residual_bytes(),
    }
    (settings.out / "bench.json").write_text(json.dumps(found, indent=2) + "\n")
    return found


def images(count: int, seed: int) -> data.Examples:
    """Return random images and labels of MNIST's shape, on the device."""
    generator = np.random.default_rng(seed)
    x = generator.random((count, 784), np.float32)
    y = generator.integers(0, 10, count).astype(np.int32)
    return data.Examples(jnp.asarray(x), jnp.asarray(y))


def adam_job(settings: Bench, examples: data.Examples) -> dict[str, Any]:
    """784-128-ReLU-dropout 0.2-10, Adam, batch 32: an epoch of fnn against a scan with autodiff."""
    net = layers.serial(layers.dense(128), layers.relu(), layers.dropout(0.2), layers.dense(10))
    job = Job(net, optim.adam(1e-3, eps=1e-7), examples, 32, settings.seed)
    params = baselines.init(jax.random.key(settings.seed), (784, 128, 10))
    some = jax.tree.map(lambda leaf: leaf[:100], examples)
    plain = jax.value_and_grad(baselines.dropout_loss)(params, *some, None)
    need_equal("784-128-10", job.value_and_grads(params, some), plain, terms=784)

    zeros = jax.tree.map(jnp.zeros_like, params)
    step_count = jnp.zeros((), jnp.int32)

    def baseline(carry):
        return baselines.adam_epoch(carry, jax.random.key(1), *examples, batch_size=32)[0]

    seconds = interleave(
        {"fnn": job.run, "autodiff": baseline},
        {"fnn": job.start(), "autodiff": (params, zeros, zeros, step_count)},
        settings.rounds,
    )
    steps = settings.examples // 32
    show("784-128-ReLU-dropout-10, Adam, batch 32, an epoch", seconds, steps)
    return {
        "adam_ratio": round(ratio(seconds, "fnn", "autodiff"), 3),
        "adam_microseconds_a_step": round(median(seconds["fnn"]) / steps * 1e6, 1),
        "adam_compile_seconds": round(job.compile_seconds, 2),
        "adam_traces": job.traces,
    }


def sgd_job(settings: Bench, examples: data.Examples) -> dict[str, Any]:
    """784-16-16-10, SGD, batch 10: an epoch of fnn against a scan whose backward is written by hand."""
    net = layers.serial(layers.dense(16), layers.relu(), layers.dense(16), layers.relu(), layers.dense(10))
    job = Job(net, optim.sgd(0.01), examples, 10, settings.seed)
    params = baselines.init(jax.random.key(settings.seed), (784, 16, 16, 10))
    some = jax.tree.map(lambda leaf: leaf[:100], examples)
    by_hand = baselines.relu_loss_and_grads(params, *some)
    need_equal("784-16-16-10", job.value_and_grads(params, some), by_hand, terms=784)

    def baseline(params):
        return baselines.sgd_epoch(params, jax.random.key(1), *examples, batch_size=10)[0]

    seconds = interleave(
        {"fnn": job.run, "by hand": baseline}, {"fnn": job.start(), "by hand": params}, settings.rounds
    )
    steps = settings.examples // 10
    show("784-16-16-10, SGD, batch 10, an epoch", seconds, steps)
    return {
        "sgd_ratio": round(ratio(seconds, "fnn", "by hand"), 3),
        "sgd_microseconds_a_step": round(median(seconds["fnn"]) / steps * 1e6, 1),
    }


class Job:
    """A network and its training, as `train.fit` runs it."""

    def __init__(
        self, net: layers.Layer, optimizer: optim.Optimizer, examples: data.Examples, batch_size: int, seed: int
    ):
        self.net, self.optimizer, self.key = net, optimizer, jax.random.key(seed)

        self.traces, self.speed = 0, None

        def loss(params, state, batch, key):
            self.traces += 1
            logits, state = net.apply(params, state, batch.x, key=key, train=True)
            return rules.softmax_cross_entropy(logits, batch.y), (state, {})

        batch = jax.tree.map(lambda leaf: leaf[:batch_size], examples)
        state = self.start()
        shapes = metric_shapes(loss, optimizer.params(state.optimizer), state.model, batch, self.key)
        self.epoch = Epoch(loss, optimizer, examples, len(examples.x), batch_size, shapes)
        self.traces = 0
        began = time.perf_counter()
        jax.block_until_ready(self.epoch.advance(state, self.epoch.zeros(), self.epoch.order(state), 0, 0))
        self.compile_seconds = time.perf_counter() - began

    def start(self) -> train.TrainState:
        """Return a new train state."""
        params, state = self.net.init(self.key, jax.ShapeDtypeStruct((1, 784), jnp.float32))
        return train.start(self.optimizer, params, state, self.key)

    def run(self, state: train.TrainState) -> train.TrainState:
        """Train one epoch, in chunks, as fit does after its first."""
        state, row = self.epoch.run(state, self.epoch.order(state), lambda state, done, row: None, self.speed)
        self.speed = row["samples_per_second"]
        return state

    def value_and_grads(self, params: list, examples: data.Examples) -> tuple[Any, list]:
        """Return loss and gradients of the network in evaluation, with params and gradients as [(w, b), ...]."""
        state = self.start()
        inner, model = self.optimizer.params(state.optimizer), state.model
        filled = tuple(layers.Dense(*params.pop(0)) if entry else entry for params in [list(params)] for entry in inner)

        def loss(filled):
            logits, _ = self.net.apply(filled, model, examples.x)
            return rules.softmax_cross_entropy(logits, examples.y)

        value, grads = jax.value_and_grad(loss)(filled)
        return value, [tuple(entry) for entry in grads if entry]


def import_time(rounds: int) -> dict[str, Any]:
    """Milliseconds that `import fnn` adds to `import jax`, each in new interpreters, in turn."""
    program = "import time, jax, jax.numpy; began = time.perf_counter(); import fnn; print(time.perf_counter() - began)"
    runs = [subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout]
    runs += [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        for _ in range(rounds)
    ]
    return {"import_milliseconds": round(1000 * median(map(float, runs[1:])), 1)}


def residual_bytes() -> dict[str, Any]:
    """Print what each rule keeps for its backward; return how many keep less than autodiff, and which keep more."""
    rows = residuals.table()
    heads = ("rule", "bytes", "autodiff", "new bytes", "autodiff")
    table = Table(*heads, title="bytes kept for the backward, for each entry of the input", title_justify="left")
    for row in rows:
        table.add_row(row.rule, *(f"{value:.2f}" for value in row[1:]))
    console.print(table)
    return {
        "rules": len(rows),
        "rules_that_keep_less": sum(row.total < row.autodiff_total or row.new < row.autodiff_new for row in rows),
        "rules_that_keep_more": [row.rule for row in rows if row.new > row.autodiff_new],
    }


def show(title: str, seconds: dict[str, list[float]], steps: int) -> None:
    """Print microseconds a step of each program."""
    table = Table("program", "median", "fastest", title=f"{title}: microseconds a step", title_justify="left")
    for name, values in seconds.items():
        table.add_row(name, f"{median(values) / steps * 1e6:.1f}", f"{min(values) / steps * 1e6:.1f}")
    console.print(table)
