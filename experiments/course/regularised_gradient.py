"""The lecture's mini-batch algorithm with its regularised gradient.

    python -m experiments course.regularised_gradient

Source: 002_342234af0f95f09b.txt, slide "Optimization: Batch SGD".
Wall time: 2 s. Expect: the parameters by the slide's algorithm, by a penalty in the loss and by a decay in the
optimizer differ by less than 1e-15 in float64.

The slide adds λΘ to the mean gradient of the weights (j ≠ 0) and not of the biases (j = 0). That is the gradient of the
penalty λ/2 Σ w² on the weights alone, and it is what `optim.coupled_weight_decay` adds for the leaves it is given.
"""

from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from experiments.runner import save
from fnn import layers, optim, rules
from fnn.inspect import pictures


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.regularised_gradient`."""

    steps: int = 200
    """Mini-batches."""
    rate: float = 0.5
    """Learning rate α."""
    decay: float = 0.1
    """λ."""
    seed: int = 0
    """Seed of the examples and of the weights."""
    out: Path = Path("runs/course/regularised_gradient")
    """Folder for the picture and the metrics."""


def lecture(theta: list[np.ndarray], x: np.ndarray, y: np.ndarray, rate: float, decay: float) -> list[np.ndarray]:
    """One mini-batch of the slide's algorithm on sigmoid layers, instance by instance; column 0 of Θ is the bias."""
    first, second = theta
    totals = [np.zeros_like(first), np.zeros_like(second)]
    for instance, target in zip(x, y, strict=True):
        a1 = np.concatenate([[1.0], instance])
        a2 = np.concatenate([[1.0], 1 / (1 + np.exp(-first @ a1))])
        a3 = 1 / (1 + np.exp(-second @ a2))
        delta3 = a3 - target
        delta2 = (second.T @ delta3 * a2 * (1 - a2))[1:]
        totals[0] += np.outer(delta2, a1)
        totals[1] += np.outer(delta3, a2)
    updated = []
    for part, total in zip(theta, totals, strict=True):
        weights = np.concatenate([np.zeros((len(part), 1)), part[:, 1:]], axis=1)  # j = 0 does not decay
        updated.append(part - rate * (total / len(x) + decay * weights))
    return updated


def examples(settings: Settings) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Return Θ of a 3-5-1 network, and the mini-batches x (steps, 8, 3) and y (steps, 8, 1)."""
    generator = np.random.default_rng(settings.seed)
    theta = [0.5 * generator.standard_normal(shape) for shape in ((5, 4), (1, 6))]
    x = generator.standard_normal((settings.steps, 8, 3))
    return theta, x, (x.sum(-1, keepdims=True) > 0).astype(np.float64)


def by_hand(settings: Settings) -> np.ndarray:
    """Return all parameters after each mini-batch of the slide's algorithm."""
    theta, *batches = examples(settings)
    path = []
    for x, y in zip(*batches, strict=True):
        theta = lecture(theta, x, y, settings.rate, settings.decay)
        path.append(np.concatenate([part.ravel() for part in theta]))
    return np.array(path)


def by_rules(settings: Settings, optimizer: optim.Optimizer, penalty: float) -> np.ndarray:
    """Return the same of fnn: mean cross-entropy, plus a penalty on the weights, by an optimizer."""
    theta, *batches = examples(settings)
    start = tuple(layers.Dense(jnp.asarray(part[:, 1:].T), jnp.asarray(part[:, 0])) for part in theta)

    def error(params, x, y):
        hidden = rules.sigmoid(rules.linear(x, *params[0]))
        loss = rules.sigmoid_cross_entropy(rules.linear(hidden, *params[1]), y)
        return rules.add(loss, rules.l2_penalty([layer.w for layer in params], strength=penalty))

    def step(state, batch):
        state, params = optimizer.update(state, jax.grad(error)(optimizer.params(state), *batch))
        return state, jnp.concatenate([jnp.column_stack([layer.b, layer.w.T]).ravel() for layer in params])

    batches = tuple(map(jnp.asarray, batches))
    return np.asarray(jax.jit(lambda state: jax.lax.scan(step, state, batches)[1])(optimizer.init(start)))


def paths(settings: Settings) -> dict[str, np.ndarray]:
    """Return the parameters by step, in float64: by hand, by a penalty, by a decay of the weights, and without."""
    plain = optim.sgd(settings.rate)
    decayed = optim.coupled_weight_decay(plain, settings.decay)
    weights_decay = optim.by_leaf(lambda path, leaf: decayed if leaf.ndim == 2 else plain)
    with jax.enable_x64(True):
        return {
            "the slide's algorithm": by_hand(settings),
            "l2_penalty": by_rules(settings, plain, settings.decay),
            "coupled_weight_decay": by_rules(settings, weights_decay, 0.0),
            "no regularisation": by_rules(settings, plain, 0.0),
        }


def run(settings: Settings) -> dict[str, float]:
    """Compare the three ways; draw the length of all parameters with and without."""
    if settings.steps < 1:
        raise ValueError(f"steps = {settings.steps}, wanted at least 1.")
    found = paths(settings)
    slide = found["the slide's algorithm"]
    lengths = {name: np.linalg.norm(path, axis=1) for name, path in found.items()}
    save(pictures.curves(lengths, x_label="mini-batch", y_label="length of the parameters"), settings.out / "lengths")
    differences = {f"difference_of_{name}": float(np.abs(found[name] - slide).max()) for name in list(found)[1:3]}
    ends = {
        "length_regularised": lengths["the slide's algorithm"][-1],
        "length_without": lengths["no regularisation"][-1],
    }
    return {**differences, **{name: float(value) for name, value in ends.items()}}
