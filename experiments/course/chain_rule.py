"""The chain rule: each derivative of the slides by hand beside the rules'.

    python -m experiments course.chain_rule

Source: 002_342234af0f95f09b.txt, slides "Calculus background: how to compute gradients?" and "Composite
Differentiation"; 001_171d02eb1ec43db7.txt, slide "Parameter Train", "Chain Rule".
Wall time: 5 s. Expect: every formula is exact or close but one: the slide's dJ/dx_i takes the sum over j out of the
product, so that dJ/da_j, which has an index j of its own, is left without one; it must be the sum of the products.
Each step of gradient descent on w1²/a² + w2²/b² leaves its contour line at a right angle.

J is the logarithm of the likelihood, to be made large; the cross-entropy is -J.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.runner import console, save, say
from fnn import check, optim, rules
from fnn.inspect import graph, pictures

A, B = 2.0, 1.0
"""The a and b of the ellipse z = w1²/a² + w2²/b²."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.chain_rule`."""

    inputs: int = 4
    """M + 1, the number of x_i."""
    hidden: int = 3
    """D + 1, the number of z_j."""
    seed: int = 0
    """Seed of the inputs and the weights."""
    out: Path = Path("runs/course/chain_rule")
    """Folder for the pictures and the metrics."""


class Network(NamedTuple):
    """The slide's inputs: x_i, alpha_ji, beta_j and the wanted answer y*."""

    x: Any
    alpha: Any
    beta: Any
    wanted: Any


def network(inputs: int, hidden: int, seed: int) -> Network:
    """Draw a network and an example."""
    draw = np.random.default_rng(seed).normal
    return Network(draw(size=inputs), draw(size=(hidden, inputs)), draw(size=hidden), 1.0)


def stages(n: Network) -> dict[str, tuple[Any, Callable[[Any], Any]]]:
    """Return by name each quantity of the slide, and J as a function of it: what comes after it, by the rules."""
    J_y = lambda y: rules.multiply(rules.binary_cross_entropy(y, n.wanted), jnp.array(-1.0))  # noqa: E731
    J_b = lambda b: J_y(rules.sigmoid(b))  # noqa: E731
    J_beta = lambda beta: J_b(rules.dot(beta, z))  # noqa: E731
    J_z = lambda z: J_b(rules.dot(n.beta, z))  # noqa: E731
    J_a = lambda a: J_z(rules.sigmoid(a))  # noqa: E731
    J_alpha = lambda alpha: J_a(rules.linear(n.x, alpha.T))  # noqa: E731
    J_x = lambda x: J_a(rules.linear(x, n.alpha.T))  # noqa: E731
    a = rules.linear(n.x, n.alpha.T)
    z = rules.sigmoid(a)
    b = rules.dot(n.beta, z)
    y = rules.sigmoid(b)
    return {
        **{"y": (y, J_y), "b": (b, J_b), "beta": (n.beta, J_beta), "z": (z, J_z), "a": (a, J_a)},
        **{"alpha": (n.alpha, J_alpha), "x": (n.x, J_x)},
    }


def by_rules(n: Network) -> dict[str, np.ndarray]:
    """Return by name the gradient of J with respect to each quantity of the slide, in float64."""
    with jax.enable_x64(True):
        found = jax.jit(lambda n: {name: jax.grad(f)(at) for name, (at, f) in stages(n).items()})(n)
        return {name: np.asarray(slope) for name, slope in found.items()}


def by_hand(n: Network) -> tuple[dict[str, Any], Any]:
    """Return the slide's derivatives, formula by formula, dJ/dx put right; and dJ/dx_i as the slide has it."""
    a = n.alpha @ n.x
    z = 1 / (1 + np.exp(-a))
    b = n.beta @ z
    y = 1 / (1 + np.exp(-b))
    dJ_dy = n.wanted / y + (1 - n.wanted) / (y - 1)
    dJ_db = dJ_dy * np.exp(-b) / (np.exp(-b) + 1) ** 2
    dJ_dbeta = dJ_db * z
    dJ_dz = dJ_db * n.beta
    dJ_da = dJ_dz * np.exp(-a) / (np.exp(-a) + 1) ** 2
    dJ_dalpha = dJ_da[:, None] * n.x[None, :]
    dJ_dx = (dJ_da[:, None] * n.alpha).sum(0)
    slide = dJ_da[:, None] * n.alpha.sum(0)[None, :]  # one for each j, where dJ/dx_i is one number
    found = {"y": dJ_dy, "b": dJ_db, "beta": dJ_dbeta, "z": dJ_dz, "a": dJ_da, "alpha": dJ_dalpha, "x": dJ_dx}
    return found, slide


def ellipse(w):
    """Z = w1²/a² + w2²/b², for w (..., 2)."""
    return rules.sum(rules.divide(rules.square(w), jnp.array([A**2, B**2], w.dtype)), axis=-1)


def composite(theta1, theta2):
    """Z = f(w1, w2) at w1 = θ1 + θ2, w2 = θ1 θ2: each θ goes both ways, and its gradient is the sum of both."""
    w1, w2 = rules.add(theta1, theta2), rules.multiply(theta1, theta2)
    a2, b2 = jnp.array(A**2), jnp.array(B**2)
    return rules.add(rules.divide(rules.square(w1), a2), rules.divide(rules.square(w2), b2))


def composite_by_hand(theta1: float, theta2: float) -> tuple[float, float]:
    """Return df/dθ_k = df/dw1 dw1/dθ_k + df/dw2 dw2/dθ_k for both θ."""
    df_dw1, df_dw2 = 2 * (theta1 + theta2) / A**2, 2 * theta1 * theta2 / B**2
    return df_dw1 * 1 + df_dw2 * theta2, df_dw1 * 1 + df_dw2 * theta1


def three_losses(w, x, targets):
    """Return L0, L1, L2 of one neuron's output, three wanted values (the neuron is 001's: x0 to x3, w0 to w3, b)."""
    out = rules.tanh(rules.add(rules.dot(x, w[:4]), w[4]))
    return tuple(rules.half_squared_error(out, target) for target in targets)


def summed_losses(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradients of L0, L1 and L2 (3, 5), and that of L = L0 + L1 + L2 (5,)."""
    draw = np.random.default_rng(seed).normal
    w, x, targets = jnp.asarray(draw(size=5)), jnp.asarray(draw(size=4)), jnp.asarray(draw(size=3))
    each = jax.jit(jax.jacrev(lambda w: jnp.stack(three_losses(w, x, targets))))(w)

    def total(w):
        L0, L1, L2 = three_losses(w, x, targets)
        return rules.add(rules.add(L0, L1), L2)

    return np.asarray(each), np.asarray(jax.jit(jax.grad(total))(w))


def descend(start: tuple[float, float], rate: float, steps: int) -> np.ndarray:
    """Return the points of gradient descent on the ellipse, the start among them."""
    descent = optim.sgd(rate)
    step = lambda state, _: descent.update(state, jax.grad(ellipse)(descent.params(state)))  # noqa: E731
    path = jax.jit(lambda state: jax.lax.scan(step, state, length=steps)[1])(descent.init(jnp.array(start)))
    return np.vstack([start, path])


def run(settings: Settings) -> dict[str, float]:
    """Compare every formula with the rules; draw a graph that goes two ways, and the ellipse's contour lines."""
    if settings.inputs < 1 or settings.hidden < 2:
        wanted = "wanted 1 input or more and 2 hidden units or more, so that there is a sum over j"
        raise ValueError(f"inputs = {settings.inputs} and hidden = {settings.hidden}, {wanted}.")
    with jax.enable_x64(True):
        n = network(settings.inputs, settings.hidden, settings.seed)
        (mine, slide), right = by_hand(n), by_rules(n)
        formulas = check.compare(mine, right)
        say(f"dJ/d(.) by hand, beside the rules:\n{formulas}")
        gap = float(np.abs(slide - right["x"]).max())
        say(f"dJ/dx is {right['x'].round(4).tolist()}; as the slide has it, one of these rows, for j = 0, 1, ...:")
        say("\n".join(f"    {row}" for row in slide.round(4).tolist()) + f"\noff by up to {gap:.3g}: a slip.")

        w = jnp.array([1.5, -0.7])
        ellipses = check.compare([2 * 1.5 / A**2, 2 * -0.7 / B**2], jax.grad(ellipse)(w))
        theta = (0.8, -1.3)
        composites = check.compare(composite_by_hand(*theta), jax.grad(composite, (0, 1))(*theta))
        each, total = summed_losses(settings.seed)
        sums = check.compare(each.sum(0), total)
    titles = {"grad of w1²/a² + w2²/b²": ellipses, "df/dθ, the sum over two ways": composites}
    for title, comparison in (titles | {"dL/dw = dL0/dw + dL1/dw + dL2/dw": sums}).items():
        say(f"{title}:\n{comparison}")
    console.print("001 writes f'(out) for the neuron's slope; it is f' at the input of f: f'(in).")
    save(graph(composite, *theta).figure(), settings.out / "composite")
    paths = {f"rate {rate}": descend((-2.5, 1.4), rate, 25) for rate in (0.1, 0.3, 0.9)}
    span = ((-3.0, 3.0), (-2.0, 2.0))
    surface = pictures.error_surface(ellipse, span, paths=paths, minima=[(0, 0)], title="z = w1²/4 + w2²")
    save(surface, settings.out / "ellipse")
    ok = all((formulas, ellipses, composites, sums))
    return {"right": int(ok), "formulas": len(mine), "slip_off_by": gap}
