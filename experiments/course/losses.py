"""The lectures' losses, drawn with their derivatives; the slips named.

    python -m experiments course.losses

Source: 001_171d02eb1ec43db7.txt, slide "Loss Functions"; 002_342234af0f95f09b.txt, slides "Quantify Error : Loss
Function", "Mean Squared Error Loss", "Multi-Class Classification with NN and SoftMax Function", "Binary (Sigmoid) Cross
Entropy Loss (Statistical Learning)" and "Evaluating the Error".
Wall time: 3 s. Expect: the ten losses of the batch agree; three of the five printed formulas slip.

The text of the slides has lost minus signs (its squared error reads (ŷ_i y_i)²), so two of the slips may be no more
than that: the cross-entropy L = y_i log(ŷ_i) and the hinge L = max(0, y ŷ + 1).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from rich.table import Table

from experiments.course.lecture import Number, show
from experiments.runner import console, save
from fnn import rules
from fnn.inspect.pictures.canvas import Figure, canvas

PROBABILITIES = (0.2, 1.0, 0.7, 0.9, 0.9, 1.0, 1.0, 1.0, 0.9, 1.0)
"""What the slide's network gives the right class of each image in the batch."""
PRINTED = ("1.61", "0", "0.356", "0.105", "0.105", "0", "0", "0", "0.105", "0")
"""The slide's -log of each."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.losses`."""

    out: Path = Path("runs/course/losses")
    """Folder for the picture and the metrics."""


class Loss(NamedTuple):
    """A loss of the slide "Loss Functions": a function of the prediction ŷ and the target y."""

    name: str
    formula: str
    rule: Callable[..., Any]
    printed: Callable[[float, float], float]
    """What the slide's formula gives."""
    answer: tuple[float, float]
    """A prediction and a target to compute both for."""
    span: tuple[float, float]
    """The predictions over which it is drawn."""
    slip: str = ""
    """What is wrong with the printed formula, if anything."""


def right_class(prediction, target):
    """Cross-entropy of two classes with the probabilities ŷ and 1 - ŷ and the targets y and 1 - y."""
    return rules.cross_entropy(jnp.stack([prediction, 1 - prediction]), jnp.stack([target, 1 - target]))


LOSSES = (
    Loss("squared error", "(ŷ - y)²", rules.squared_error, lambda p, y: (p - y) ** 2, (2, 1), (-1, 3)),
    Loss("absolute error", "|ŷ - y|", rules.absolute_error, lambda p, y: abs(p - y), (2, 1), (-1, 3)),
    Loss(
        "binary cross-entropy",
        "-(y log ŷ + (1 - y) log(1 - ŷ))",
        rules.binary_cross_entropy,
        lambda p, y: -(y * np.log(p) + (1 - y) * np.log(1 - y)),
        (0.8, 0),
        (0.01, 0.99),
        "log(1 - y) for log(1 - ŷ): a wrong answer to y = 0 costs nothing",
    ),
    Loss(
        "cross-entropy",
        "-Σ y log ŷ",
        right_class,
        lambda p, y: y * np.log(p),
        (0.8, 1),
        (0.01, 0.99),
        "no minus sign: the less probable the right class, the smaller the loss",
    ),
    Loss(
        "hinge",
        "max(0, 1 - y ŷ)",
        rules.hinge,
        lambda p, y: max(0, y * p + 1),
        (2, 1),
        (-2, 3),
        "+ y ŷ for - y ŷ: right answers cost, wrong ones are free",
    ),
)


def batch_losses(reduction: str):
    """Cross-entropy of the ten images: rows of the right class's probability and of all the others'."""
    p = jnp.array(PROBABILITIES)
    return rules.cross_entropy(jnp.stack([p, 1 - p], 1), jnp.zeros(len(p), jnp.int32), reduction=reduction)


def numbers() -> list[Number]:
    """The losses of the ten images."""
    with jax.enable_x64(True):
        losses = np.abs(batch_losses("none"))  # -log 1 is -0
    cells = enumerate(zip(PROBABILITIES, losses, PRINTED, strict=True))
    return [Number(f"-log {p}, image {image}", float(loss), printed) for image, (p, loss, printed) in cells]


def means() -> dict[str, float]:
    """J = 1/n Σ of the losses of the examples, for the three batches of the slides, which leave it to the reader."""
    with jax.enable_x64(True):
        passed, answers = jnp.array([1.0, 0.0, 1.0]), jnp.array([0.1, 0.8, 0.6])
        scores = jnp.log(answers / (1 - answers))
        grades, guesses = jnp.array([90.0, 20.0, 95.0]), jnp.array([30.0, 80.0, 85.0])
        return {
            "ten_images": float(batch_losses("mean")),
            "will_I_pass": float(rules.binary_cross_entropy(answers, passed)),
            "will_I_pass_from_scores": float(rules.sigmoid_cross_entropy(scores, passed)),
            "final_grades_MSE": float(rules.squared_error(guesses, grades)),
        }


def formulas() -> Table:
    """Return the table of the five losses beside what the printed formulas give for one answer."""
    table = Table("loss", "ŷ", "y", "value", "as printed", "slip", title="the five losses, one answer each")
    for loss in LOSSES:
        p, y = loss.answer
        here, printed = float(loss.rule(jnp.float32(p), jnp.float32(y))), loss.printed(p, y)
        table.add_row(
            f"{loss.name}\n{loss.formula}", f"{p:g}", f"{y:g}", f"{here:.3f}", f"{printed + 0:.3f}", loss.slip
        )
    return table


def curves() -> Figure:
    """Draw each loss and its derivative over the predictions, and the ten images on the cross-entropy."""
    figure = canvas(12, 6.4)
    *panels, last = figure.subplots(2, 3).flat
    for axes, loss in zip(panels, LOSSES, strict=True):
        x = jnp.linspace(*loss.span, 401)
        y = loss.answer[1]
        value, slope = jax.jit(jax.vmap(jax.value_and_grad(loss.rule)))(x, jnp.full_like(x, y))
        low, high = np.min([value, slope]), np.max([value, slope])
        axes.plot(x, value, label="loss")
        axes.plot(x, slope, "--", label="its derivative")
        axes.set(title=f"{loss.name}, y = {y}", xlabel="score ŷ" if loss.name == "hinge" else "prediction ŷ")
        axes.set_ylim(max(-8.0, low - 0.3), min(8.0, high + 0.3))
        axes.axhline(0, color="0.6", linewidth=1, zorder=0)
    panels[0].legend()
    x = np.linspace(0.1, 1, 300)
    last.plot(x, -np.log(x))
    for p in sorted(set(PROBABILITIES)):
        images = ", ".join(str(image) for image, q in enumerate(PROBABILITIES) if q == p)
        last.plot(p, -np.log(p), "o", label=f"-log {p:.1f} = {-np.log(p) + 0:.3f}: {images}")
    last.legend(title="images")
    last.set(title="-log p of the lecture's ten images", xlabel="probability p of the right class")
    for axes in (*panels, last):
        axes.grid(alpha=0.3)
    return figure


def run(settings: Settings) -> dict[str, float]:
    """Print the batch's losses and the five formulas, draw every loss."""
    counts = show("the batch of ten images: -log of the right class's probability", numbers())
    console.print(formulas())
    save(curves(), settings.out / "losses")
    return {**counts, **means(), "slips_in_formulas": sum(bool(loss.slip) for loss in LOSSES)}
