"""The lecture's exercise solved: a 2-2-3 network with softmax cross-entropy.

    python -m experiments course.exercise

Source: 002_342234af0f95f09b.txt, slide "Exercises : Represent the following NN model as a computational graph and
build a python code to update w and b"; the loss: slide "Categorical (Softmax) Cross Entropy Loss".
Wall time: 5 s. Expect: by hand and by the rules the same to 1e-12; the loss falls from 6.07 to below 0.001.

What the text leaves to the figure, and how it is read here:

Edges. Ten weights fit 2-2-3 in the order of their sources: w1, w2 from x1 to h1, h2; w3, w4 from x2; w5, w6, w7 from h1
to the three outputs; w8, w9, w10 from h2. The numbers are, but for signs, those of StatQuest's network for irises, and
its edges are these.
Hidden nodes. The text names no function for them: they are sigmoids, the lecture's neuron everywhere else. (With ReLU,
as in that network, h1 would be 0 here, and w1, w3, w5, w6, w7 and b1 without a gradient.)
S(z). The three stand at the outputs, before a loss that is the softmax cross-entropy, -Σ t log S(z): S is the softmax
and its three values are the probabilities. Were it a sigmoid whose value is the score of another softmax, all scores
would lie from 0 to 1, and the loss could not fall below log(1 + 2/e) = 0.5514: that is trained and drawn as well.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from rich.table import Table

from experiments.runner import console, save, say
from fnn import check, optim, rules
from fnn.inspect import graph, pictures

X, TARGET = (-0.04, -0.42), (0.0, 1.0, 0.0)
"""The slide's input and target."""
LEAST = float(np.log(1 + 2 / np.e))
"""The least loss of scores that lie from 0 to 1."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.exercise`."""

    rate: float = 0.5
    """Learning rate; the slide names none."""
    updates: int = 2000
    """How many updates are done after the one that is printed."""
    out: Path = Path("runs/course/exercise")
    """Folder for the pictures and the metrics."""


class Weights(NamedTuple):
    """The slide's weights and biases, as the rows of w1..w4 and w5..w10 leave x1, x2 and h1, h2."""

    hidden: Any
    """w1 w2 / w3 w4."""
    hidden_bias: Any
    """b1, b2."""
    output: Any
    """w5 w6 w7 / w8 w9 w10."""
    output_bias: Any
    """b3, b4, b5."""


def start() -> Weights:
    """Return the weights that the slide prints."""
    hidden, output = [[-2.5, -1.5], [0.6, 0.4]], [[-0.1, 2.4, -2.2], [-1.5, -5.2, 3.7]]
    return Weights(*map(np.array, (hidden, [-1.6, 0.7], output, [0.0, 0.0, 1.0])))


def scores(w: Weights):
    """Return the sums that reach the output nodes, before S(z)."""
    x = jnp.asarray(X, w.hidden.dtype)
    return rules.linear(rules.sigmoid(rules.linear(x, w.hidden, w.hidden_bias)), w.output, w.output_bias)


def loss(w: Weights):
    """Return the cross-entropy of the softmax of the scores: S(z) and CCE as one rule."""
    return rules.softmax_cross_entropy(scores(w), jnp.asarray(TARGET, w.hidden.dtype))


def by_gates(x1, x2, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, b1, b2, b3, b4, b5):
    """Return the same gate by gate: the exercise's computational graph.

    Only t2 is 1, so -Σ t log S(z) is -log S(z2), where S(z2) = exp(z2) / (exp(z1) + exp(z2) + exp(z3)).
    """

    def neuron(x, u, y, v, b):
        return rules.add(rules.add(rules.multiply(x, u), rules.multiply(y, v)), b)

    h1 = rules.sigmoid(neuron(x1, w1, x2, w3, b1))
    h2 = rules.sigmoid(neuron(x1, w2, x2, w4, b2))
    e1 = rules.exp(neuron(h1, w5, h2, w8, b3))
    e2 = rules.exp(neuron(h1, w6, h2, w9, b4))
    e3 = rules.exp(neuron(h1, w7, h2, w10, b5))
    S2 = rules.divide(e2, rules.add(rules.add(e1, e2), e3))
    return rules.multiply(rules.log(S2), jnp.array(-1.0))


def loss_of_sigmoids(w: Weights):
    """Return what it would be if S were the sigmoid, and its values the scores of CCE's softmax."""
    return rules.softmax_cross_entropy(rules.sigmoid(scores(w)), jnp.asarray(TARGET, w.hidden.dtype))


def by_hand(w: Weights) -> tuple[dict[str, np.ndarray], Weights]:
    """Go both ways in NumPy, formula by formula; return what flows forward and back, and the gradient."""
    x, t = np.array(X), np.array(TARGET)
    net_h = x @ w.hidden + w.hidden_bias
    h = 1 / (1 + np.exp(-net_h))
    z = h @ w.output + w.output_bias
    S = np.exp(z) / np.exp(z).sum()
    CCE = -(t * np.log(S)).sum()
    dz = S - t
    dh = w.output @ dz
    dnet_h = dh * h * (1 - h)
    gradient = Weights(np.outer(x, dnet_h), dnet_h, np.outer(h, dz), dz)
    forward = {"net h": net_h, "h": h, "z": z, "S(z)": S, "CCE": np.array([CCE])}
    return forward | {"dCCE/dz = S - t": dz, "dCCE/dh": dh, "dCCE/dnet h": dnet_h}, gradient


def by_rules(w: Weights) -> tuple[float, Weights]:
    """Return the loss and its gradient by the rules, in float64."""
    with jax.enable_x64(True):
        value, gradient = jax.jit(jax.value_and_grad(loss))(Weights(*map(jnp.asarray, w)))
        return float(value), Weights(*map(np.asarray, gradient))


def gradient_by_gates(w: Weights) -> dict[str, float]:
    """Return the gradient of `by_gates` by the slide's names, in float64."""
    with jax.enable_x64(True):
        slopes = jax.jit(jax.grad(by_gates, tuple(range(2, 17))))(*X, *named(w).values())
        return dict(zip(named(w), map(float, slopes), strict=True))


def updated(w: Weights, gradient: Weights, rate: float) -> Weights:
    """Return w - rate dCCE/dw for all weights and biases."""
    return Weights(*(a - rate * b for a, b in zip(w, gradient, strict=True)))


def named(w: Weights) -> dict[str, float]:
    """Return the numbers by the slide's names, w1 to w10 and b1 to b5."""
    weights, biases = [*w.hidden.ravel(), *w.output.ravel()], [*w.hidden_bias, *w.output_bias]
    found = {f"w{k}": weight for k, weight in enumerate(weights, 1)}
    return {name: float(number) for name, number in (found | {f"b{k}": b for k, b in enumerate(biases, 1)}).items()}


def train(f: Callable, rate: float, updates: int) -> np.ndarray:
    """Return the loss before each update, and after the last."""
    descent = optim.sgd(rate)

    def update(state, _):
        value, slope = jax.value_and_grad(f)(descent.params(state))
        return descent.update(state, slope)[0], value

    state = descent.init(Weights(*(jnp.asarray(part, jnp.float32) for part in start())))
    state, losses = jax.jit(lambda state: jax.lax.scan(update, state, length=updates))(state)
    return np.append(np.asarray(losses), float(f(descent.params(state))))


def run(settings: Settings) -> dict[str, float]:
    """Print every number of both passes and of the update; draw the graph; train."""
    if settings.updates < 1:
        raise ValueError(f"updates = {settings.updates}, wanted 1 or more.")
    w = start()
    passes, mine = by_hand(w)
    value, gradient = by_rules(w)
    table = Table("", "", title="both passes by hand", title_justify="left", show_header=False)
    for name, numbers in passes.items():
        table.add_row(name, "  ".join(f"{number: .8f}" for number in numbers))
    console.print(table)
    table = Table("", "now", "dCCE/d(.)", f"after, rate {settings.rate}", title="one update", title_justify="left")
    after = named(updated(w, gradient, settings.rate))
    for (name, now), slope in zip(named(w).items(), named(gradient).values(), strict=True):
        table.add_row(name, f"{now:g}", f"{slope:.8f}", f"{after[name]:.8f}")
    console.print(table)
    say(f"the gradient by hand beside the rules:\n{check.compare(mine, gradient)}")
    gates = gradient_by_gates(w)
    say(f"gate by gate beside the rules:\n{check.compare(gates, named(gradient))}")

    save(graph(by_gates, *X, *named(w).values()).figure(), settings.out / "graph")
    losses = {f"S the {name}": train(f, settings.rate, settings.updates) for name, f in FUNCTIONS.items()}
    losses["log(1 + 2/e)"] = np.full(settings.updates + 1, LEAST)
    save(pictures.curves(losses, x_label="update", y_label="CCE", log=True), settings.out / "loss")
    gap = max(float(np.abs(a - b).max()) for a, b in zip(mine, gradient, strict=True))
    softmax, sigmoid = (float(line[-1]) for line in list(losses.values())[:2])
    return {"CCE": value, "widest_gap": gap, "trained": softmax, "trained_with_sigmoids": sigmoid}


FUNCTIONS = {"softmax": loss, "sigmoid": loss_of_sigmoids}
"""Both readings of S(z)."""
