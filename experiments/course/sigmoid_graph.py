"""The graph of a sigmoid neuron, of small gates and of one sigmoid gate.

    python -m experiments course.sigmoid_graph

Source: 002_342234af0f95f09b.txt, slides "Forward Calculation represented as a graph", "Computational Graph" and
"Forward and Backpropagation Code".
Wall time: 3 s. Expect: 0.731 with the local gradient 0.197, and the same gradients from both graphs and from the
slide's flat code. The slide's sum, written with exchanged signs of the weights, is -7 and not the 1 that it prints.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.course.lecture import Number, show
from experiments.runner import save, say
from fnn import check, rules
from fnn.inspect import graph


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.sigmoid_graph`."""

    out: Path = Path("runs/course/sigmoid_graph")
    """Folder for the pictures and the metrics."""


class Neuron(NamedTuple):
    """The lecture's five inputs of f(w, x) = 1 / (1 + exp(-(w0 x0 + w1 x1 + w2)))."""

    w0: Any = 2.0
    x0: Any = -1.0
    w1: Any = -3.0
    x1: Any = -2.0
    w2: Any = -3.0


def weighted_sum(w0, x0, w1, x1, w2):
    """Return s = w0 x0 + w1 x1 + w2."""
    return rules.add(rules.add(rules.multiply(w0, x0), rules.multiply(w1, x1)), w2)


def with_small_gates(w0, x0, w1, x1, w2):
    """Return 1 / (1 + exp(-s)) gate by gate: times -1, exp, plus 1, one divided by it."""
    s, one = weighted_sum(w0, x0, w1, x1, w2), jnp.ones(())
    return rules.divide(one, rules.add(rules.exp(rules.multiply(s, -one)), one))


def with_sigmoid_gate(w0, x0, w1, x1, w2):
    """Return sigmoid(s): four gates as one, whose local gradient (1 - f) f needs nothing but its output."""
    return rules.sigmoid(weighted_sum(w0, x0, w1, x1, w2))


def gradients(f: Callable[..., Any], n: Neuron) -> tuple[Any, Neuron]:
    """Return f and its gradient with respect to each of the five."""
    y, slopes = jax.value_and_grad(f, tuple(range(5)))(*n)
    return y, Neuron(*slopes)


def flat_code(n: Neuron) -> tuple[float, Neuron]:
    """Run the slide's "flat" code, line by line, in plain Python; return L and the gradients."""
    s0 = n.w0 * n.x0
    s1 = n.w1 * n.x1
    s2 = s0 + s1
    s3 = s2 + n.w2
    L = 1 / (1 + np.exp(-s3))

    grad_L = 1.0
    grad_s3 = grad_L * (1 - L) * L
    grad_w2 = grad_s3
    grad_s2 = grad_s3
    grad_s0 = grad_s2
    grad_s1 = grad_s2
    grad_w1 = grad_s1 * n.x1
    grad_x1 = grad_s1 * n.w1
    grad_w0 = grad_s0 * n.x0
    grad_x0 = grad_s0 * n.w0
    return float(L), Neuron(*map(float, (grad_w0, grad_x0, grad_w1, grad_x1, grad_w2)))


def numbers() -> list[Number]:
    """Return the numbers of the graph, and of the hand sum as the slide writes it and as it is meant."""
    with jax.enable_x64(True):
        n = Neuron()
        f, slopes = gradients(with_sigmoid_gate, n)
        local = float(jax.grad(rules.sigmoid)(weighted_sum(*n)))
        products = float(rules.add(rules.multiply(n.w0, n.x0), rules.multiply(n.w1, n.x1)))
        written = n._replace(w0=-2.0, w1=3.0)  # as the slide has them: (-1.0 * -2.0 + -2.0 * 3.0) + -3.0
        as_written = float(written.x0 * written.w0 + written.x1 * written.w1)
        other = "the slide writes the weights -2 and 3; its numbers are those of 2 and -3"
        return [
            Number("x1 w1 + x2 w2, as written", as_written, "4.0", slip=other),
            Number("Z, as written", float(weighted_sum(*written)), "1.0", slip=other),
            Number("Y, as written", float(with_sigmoid_gate(*written)), "0.731", slip=other),
            Number("x1 w1 + x2 w2, as meant", products, "4.0"),
            Number("Z, as meant", float(weighted_sum(*n)), "1.0"),
            Number("Y, as meant", float(f), "0.731"),
            Number("f", float(f), "0.73"),
            Number("(1 - f) f", local, "0.2"),
            Number("(1 - f) f, two places more", local, "0.197"),
            Number("df/dw0", float(slopes.w0), "-0.2"),
            Number("df/dx0", float(slopes.x0), "0.39"),
            Number("df/dw1", float(slopes.w1), "-0.39"),
            Number("df/dx1", float(slopes.x1), "-0.59"),
            Number("df/dw2", float(slopes.w2), "0.2"),
        ]


def run(settings: Settings) -> dict[str, float]:
    """Print the numbers, compare the gradients of both graphs and of the flat code, and draw the graphs."""
    counts = show("the sigmoid neuron, 1 / (1 + exp(-(w0 x0 + w1 x1 + w2)))", numbers())
    with jax.enable_x64(True):
        (_, small), (_, one) = (gradients(f, Neuron()) for f in (with_small_gates, with_sigmoid_gate))
    _, flat = flat_code(Neuron())
    for title, mine in (("small gates beside one sigmoid gate", small), ("flat code beside the sigmoid gate", flat)):
        say(f"{title}:\n{check.compare(mine, one)}")
    save(graph(with_small_gates, *Neuron()).figure(), settings.out / "small_gates")
    save(graph(with_sigmoid_gate, *Neuron()).figure(), settings.out / "sigmoid_gate")
    widest = max(abs(float(b) - float(a)) for other in (small, flat) for a, b in zip(one, other, strict=True))
    return {**counts, "widest_gap": widest}
