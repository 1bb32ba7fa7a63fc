"""The 3-level network from scratch: each dE/d(.) by hand, then XOR.

    python -m experiments course.three_levels

Source: 004_3d7c4cf9f16fd877.txt, slides "3-level feedforward neural network", "Build a 3-level neural network from
scratch", "Forward propogation" and "Summary".
Wall time: 5 s. Expect: every formula agrees with the rules, and the network learns XOR. No number is printed there;
the slides' slips are in letters, and the program prints them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.runner import key, save, say
from fnn import check, data, optim, rules
from fnn.inspect import graph, pictures

SLIPS = (
    '"Output layer weighted sum: HS[N2]" and "In matrix form: HS = HO x W1 + B2": OS is meant, HS is the hidden one.',
    '"OO[N2] = [OO_1, ..., OO_N1]": the last is OO_N2, and so the notation page has it (as OUT_N2).',
    '"Hidden layer biases: B2[N2]": B2 belongs to the output layer.',
    "The notation page calls the biases B0[N1] and B1[N2], all formulas B1[N1] and B2[N2]: these are used here.",
    "The matrix of dE/dW1, printed again, has dE/dOS_N1 at its lower right: dE/dOS_N2, as the first time.",
    '"replacing OO with HO, OS with HS, B2 with B1 and W2 with W1": W1 with W0, there is no W2; and HO with IN.',
    '"dE/dIN = dE/dO W^T, dE/dW = IN^T dE/dO, dE/dB = dE/dY": all three take dE/dS, S the weighted sum before sigmoid.',
)
"""What the slides write and what they mean."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.three_levels`."""

    hidden: int = 3
    """N1, the units of the hidden level, for XOR."""
    rate: float = 2.0
    """Learning rate of each row's update."""
    epochs: int = 3000
    """How often the four rows are seen, in order."""
    seed: int = 0
    """Seed of the starting weights."""
    out: Path = Path("runs/course/three_levels")
    """Folder for the pictures and the metrics."""


class Weights(NamedTuple):
    """The slides' W0 (N0, N1), B1 (N1,), W1 (N1, N2), B2 (N2,)."""

    W0: Any
    B1: Any
    W1: Any
    B2: Any


class Levels(NamedTuple):
    """What flows between the levels: IN (N0,), HS and HO (N1,), OS and OO (N2,)."""

    IN: Any
    HS: Any
    HO: Any
    OS: Any
    OO: Any


def forward(w: Weights, IN, added: Levels | None = None) -> Levels:
    """Return the levels by the rules, each with `added`: what is added to a wire has the wire's own gradient."""
    plus = lambda x, name: x if added is None else rules.add(x, getattr(added, name))  # noqa: E731
    IN = plus(IN, "IN")
    HS = plus(rules.linear(IN, w.W0, w.B1), "HS")
    HO = plus(rules.sigmoid(HS), "HO")
    OS = plus(rules.linear(HO, w.W1, w.B2), "OS")
    return Levels(IN, HS, HO, OS, plus(rules.sigmoid(OS), "OO"))


def error(w: Weights, IN, Y, added: Levels | None = None):
    """E = 1/N2 Σ (OO_i - Y_i)²."""
    return rules.squared_error(forward(w, IN, added).OO, Y)


def by_rules(w: Weights, IN, Y) -> tuple[Weights, Levels]:
    """Return dE/d(weights) and dE/d(levels) by the rules."""
    zeros = jax.tree.map(jnp.zeros_like, forward(w, IN))
    return jax.jit(jax.grad(error, (0, 3)))(w, IN, Y, zeros)


def by_hand(w: Weights, IN: np.ndarray, Y: np.ndarray) -> tuple[Weights, Levels]:
    """Return the same by the slides' formulas, in their order, put right."""
    sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    N2 = len(Y)
    HS = IN @ w.W0 + w.B1
    HO = sigmoid(HS)
    OS = HO @ w.W1 + w.B2
    OO = sigmoid(OS)

    dE_OO = 2 / N2 * (OO - Y)
    dE_OS = 2 / N2 * (OO - Y) * OO * (1 - OO)
    dE_B2 = dE_OS
    dE_W1 = HO[:, None] @ dE_OS[None, :]
    dE_HO = dE_OS @ w.W1.T
    dE_HS = dE_HO * HO * (1 - HO)
    dE_B1 = dE_HS
    dE_W0 = IN[:, None] @ dE_HS[None, :]
    dE_IN = dE_HS @ w.W0.T
    return Weights(dE_W0, dE_B1, dE_W1, dE_B2), Levels(dE_IN, dE_HS, dE_HO, dE_OS, dE_OO)


def draw(sizes: tuple[int, int, int], seed: int) -> Weights:
    """Return weights drawn from a Gaussian, and biases of zero."""
    N0, N1, N2 = sizes
    first, second = jax.random.split(key(seed))
    W0, W1 = jax.random.normal(first, (N0, N1)), jax.random.normal(second, (N1, N2))
    return Weights(W0, jnp.zeros(N1), W1, jnp.zeros(N2))


def learn(settings: Settings) -> tuple[Weights, np.ndarray]:
    """Learn XOR as the slides say, an update after each row; return the weights and each epoch's mean error."""
    table = data.xor_gate()
    x, y = jnp.asarray(table.x), jnp.asarray(table.y, jnp.float32)[:, None]
    descent = optim.sgd(settings.rate)

    def row(state, example):
        E, slope = jax.value_and_grad(error)(descent.params(state), *example)
        return descent.update(state, slope)[0], E

    def epoch(state, _):
        state, errors = jax.lax.scan(row, state, (x, y))
        return state, errors.mean()

    state = descent.init(draw((2, settings.hidden, 1), settings.seed))
    state, errors = jax.jit(lambda state: jax.lax.scan(epoch, state, length=settings.epochs))(state)
    return descent.params(state), np.asarray(errors)


def run(settings: Settings) -> dict[str, float]:
    """Compare every formula with the rules, print the slips, learn XOR and draw how the hidden units make it."""
    if settings.hidden < 1 or settings.epochs < 1:
        raise ValueError(f"hidden = {settings.hidden} and epochs = {settings.epochs}, wanted 1 or more of each.")
    with jax.enable_x64(True):
        w, IN, Y = draw((3, 4, 2), settings.seed), jnp.array([0.5, -1.0, 2.0]), jnp.array([0.0, 1.0])
        mine, right = by_hand(Weights(*map(np.asarray, w)), np.asarray(IN), np.asarray(Y)), by_rules(w, IN, Y)
        formulas = check.compare(mine, right)
    say(f"dE/d(.) by the slides' formulas beside the rules, N0 = 3, N1 = 4, N2 = 2:\n{formulas}")
    say("\n".join(("what the slides write otherwise:", *(f"  {slip}" for slip in SLIPS))))
    w, errors = learn(settings)
    table = data.xor_gate()
    answer = lambda x: forward(w, x).OO[:, 0]  # noqa: E731
    answers = np.asarray(answer(jnp.asarray(table.x)))
    units = pictures.hidden_regions(lambda x: forward(w, x).HO, answer, table, title="XOR of half-planes")
    save(units, settings.out / "hidden")
    save(pictures.curves({"E": errors}, x_label="epoch", y_label="E", log=True), settings.out / "error")
    start = draw((2, settings.hidden, 1), settings.seed)
    save(graph(error, start, jnp.array([0.0, 1.0]), jnp.array([1.0])).figure(), settings.out / "graph")
    right_rows = int(((answers > 0.5) == table.y).sum())
    return {"formulas": len(formulas.rows), "agree": int(formulas.ok), "error": float(errors[-1]), "rows": right_rows}
