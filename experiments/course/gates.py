"""The gates of a computational graph: add, multiply, copy and max.

    python -m experiments course.gates

Source: 002_342234af0f95f09b.txt, slides "Forward computational Operators", "Forward and Backpropagation Operators",
"Computational Graph" and "Computational Graph Backpropagation".
Wall time: 3 s. Expect: add distributes its gradient, multiply swaps its inputs, copy adds, max routes; and
f = (x + y) z at (-2, 5, -4) is -12 with the gradients -4, -4, 3.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from rich.table import Table

from experiments.course.lecture import Number, show
from experiments.runner import console, save
from fnn import rules
from fnn.inspect import graph

POINT = (-2.0, 5.0, -4.0)
"""The lecture's x, y and z."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.gates`."""

    out: Path = Path("runs/course/gates")
    """Folder for the pictures and the metrics."""


class Gate(NamedTuple):
    """A gate with numbers: what goes in, and the gradient that comes from above."""

    f: Callable[..., Any]
    inputs: tuple[float, ...]
    above: Any
    says: str

    def backward(self) -> tuple[Any, tuple[Any, ...]]:
        """Return the output, and the gradient of each input by the gate's rule."""
        y, pull = jax.vjp(self.f, *map(jnp.asarray, self.inputs))
        return y, pull(jax.tree.map(jnp.asarray, self.above))


GATES = {
    "add": Gate(rules.add, (3.0, 4.0), 2.0, "distributes: dx = dz, dy = dz"),
    "multiply": Gate(rules.multiply, (2.0, 3.0), 5.0, "swaps: dx = dz y, dy = dz x"),
    "copy": Gate(rules.copy, (7.0,), (4.0, 2.0), "adds: dx = dz1 + dz2"),
    "max": Gate(rules.maximum, (4.0, 5.0), 9.0, "routes: all to the larger"),
}
"""The slides' four gates; the numbers are ours."""


def example(x, y, z):
    """Return f = (x + y) z: an add gate, q = x + y, then a multiply gate."""
    return rules.multiply(rules.add(x, y), z)


def four_gates(x, y, z):
    """Return max(x y, x + z): x is copied, and goes by one way only, the one that max takes."""
    x1, x2 = rules.copy(x)
    return rules.maximum(rules.multiply(x1, y), rules.add(x2, z))


def two_products(x, w):
    """Return L = q1 + q2 with q_i = x_i w_i."""
    (x1, x2), (w1, w2) = x, w
    return rules.add(rules.multiply(x1, w1), rules.multiply(x2, w2))


def numbers() -> list[Number]:
    """Go both ways through (x + y) z at (-2, 5, -4)."""
    x, y, z = POINT
    q, q_gate = jax.vjp(rules.add, x, y)
    f, f_gate = jax.vjp(rules.multiply, q, z)
    df_dq, df_dz = f_gate(jnp.ones(()))
    dq_dx, dq_dy = q_gate(jnp.ones(()))
    df_dx, df_dy = q_gate(df_dq)
    return [
        Number("q = x + y", float(q), "3"),
        Number("f = q z", float(f), "-12"),
        Number("dq/dx", float(dq_dx), "1"),
        Number("dq/dy", float(dq_dy), "1"),
        Number("df/dq = z", float(df_dq), "-4"),
        Number("df/dx", float(df_dx), "-4"),
        Number("df/dy", float(df_dy), "-4"),
        Number("df/dz = q", float(df_dz), "3"),
    ]


def show_gates() -> None:
    """Print each gate with its numbers."""
    table = Table("gate", "in", "out", "from above", "gradients", "it", title="the gates", title_justify="left")
    for name, gate in GATES.items():
        y, slopes = gate.backward()
        table.add_row(name, *map(plain, (gate.inputs, y, gate.above, slopes)), gate.says)
    console.print(table)


def plain(tree: Any) -> str:
    """Return numbers as a person writes them."""
    return ", ".join(f"{float(leaf):g}" for leaf in jax.tree.leaves(tree))


def run(settings: Settings) -> dict[str, float]:
    """Print the gates and the lecture's numbers, and draw the graphs with both passes' numbers."""
    show_gates()
    counts = show("f = (x + y) z at (-2, 5, -4)", numbers())
    x, w = (2.0, -1.0), (0.5, 3.0)
    slopes = jax.grad(two_products, argnums=1)(x, w)
    console.print(f"L = x1 w1 + x2 w2 at x = ({plain(x)}), w = ({plain(w)}): dL/dw = ({plain(slopes)}), which is x.")
    console.print('The slide writes "d(x1*w1)/dq1" for the local gradient; d(x1*w1)/dw1 = x1 is meant, as it goes on.')
    save(graph(example, *POINT).figure(), settings.out / "example")
    save(graph(four_gates, 2.0, 3.0, 1.0).figure(), settings.out / "four_gates")
    save(graph(two_products, x, w).figure(), settings.out / "two_products")
    for name, gate in GATES.items():
        save(graph(gate.f, *gate.inputs, cotangent=gate.above).figure(), settings.out / name)
    return {**counts, "dL_dw1": float(slopes[0]), "dL_dw2": float(slopes[1])}
