"""When to stop: small change, enough epochs, or generalisation.

    python -m experiments course.stopping

Source: 003_9c929969f18cf115.txt, slide "Stopping criteria".
Wall time: 4 s. Expect: the slide's range for the change, 0.1 to 0.01, stops within a few epochs, and 0.0001 on the
plateau before the network has found the bend of the moons; the best network for new examples comes at epoch 190, and
by the last epoch, with nearly every example learned by heart, it is gone.

The average squared error of one answer between 0 and 1 starts near 0.25, so it cannot change by 0.1 an epoch for long:
the slide's range wants an error that is summed over many outputs. What range is small depends on the error's own size.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from rich.table import Table

from experiments.runner import console, key, save
from fnn import data, layers, optim, rules, train
from fnn.inspect import pictures
from fnn.train.stopping import Criterion


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `course.stopping`."""

    changes: tuple[float, ...] = (0.1, 0.01, 0.0001)
    """Stop when the average squared error changes by less than this in an epoch."""
    adequate: float = 0.1
    """Stop when the error on the examples kept back is below this."""
    patience: int = 80
    """Stop when the error on the examples kept back has not improved for so many epochs."""
    epochs: int = 600
    """The maximum number of epochs."""
    examples: int = 60
    """Examples to learn from; the fewer, the more there is to learn by heart."""
    hidden: int = 32
    """Units of each of the two hidden layers."""
    rate: float = 0.003
    """Adam's rate."""
    seed: int = 0
    """The data, the start and the orders."""
    out: Path = Path("runs/course/stopping")
    """Folder for the pictures and the metrics."""


def network(settings: Settings) -> layers.Layer:
    """Return the network: two inputs, two hidden layers of tanh units, one output between 0 and 1."""
    hidden = (layer for _ in range(2) for layer in (layers.dense(settings.hidden), layers.tanh()))
    return layers.serial(*hidden, layers.dense(1), layers.sigmoid())


def metrics(outputs, y):
    """Return the average squared error and the accuracy; outputs (batch, 1), y (batch,) of 0 and 1."""
    right = (outputs[:, 0] > 0.5) == (y == 1)
    return {"loss": rules.squared_error(outputs[:, 0], y), "accuracy": right.mean(dtype=jnp.float32)}


def criteria(settings: Settings) -> dict[str, Criterion]:
    """Return the slide's criteria by name; the maximum number of epochs is not among them."""
    changes = {f"change below {change:g}": train.change_below(change) for change in settings.changes}
    return {
        **changes,
        f"test error below {settings.adequate:g}": train.below(settings.adequate, metric="test_loss"),
        f"test error not better for {settings.patience}": train.patience(settings.patience),
    }


def stop_epoch(criterion: Criterion, history: train.History) -> int | None:
    """Return the first epoch after which the criterion would have ended the run, None if it never would."""
    for epoch in range(1, len(history.rows) + 1):
        if criterion(train.History(history.rows[:epoch])):
            return epoch
    return None


def learn(settings: Settings, stop: tuple = ()) -> train.Result:
    """Train on the moons for all epochs, or until a criterion stops it."""
    start = key(settings.seed)
    examples = data.two_moons(settings.examples, noise=0.3, seed=settings.seed)
    kept_back = data.two_moons(1000, noise=0.3, seed=settings.seed + 1)
    net = network(settings)

    def loss(params, state, batch, key):
        outputs, state = net.apply(params, state, batch.x, train=True)
        return metrics(outputs, batch.y)["loss"], (state, {})

    return train.fit(
        net,
        loss,
        optim.adam(settings.rate),
        examples,
        epochs=settings.epochs,
        batch_size=16,
        key=start,
        evaluate=kept_back,
        metrics=metrics,
        stop=stop,
        progress=False,
    )


def run(settings: Settings) -> dict[str, float]:
    """Train once, and say where each criterion would have stopped."""
    chosen = criteria(settings)
    history = learn(settings).history
    stops = {name: stop_epoch(criterion, history) for name, criterion in chosen.items()}
    stops[f"maximum of {settings.epochs} epochs"] = settings.epochs
    table = Table("criterion", "stops at epoch", "error", "test error", "test accuracy", title_justify="left")
    best = history.best_epoch("test_loss")
    for name, epoch in {**stops, "(the best epoch)": best}.items():
        row = history.rows[(epoch or settings.epochs) - 1]
        cells = (f"{row[metric]:.3f}" for metric in ("loss", "test_loss", "test_accuracy"))
        table.add_row(name, *((str(epoch), *cells) if epoch else ("never",)))
    console.print(table)

    values = {"error": history.values("loss"), "test error": history.values("test_loss")}
    epochs = np.array(history.values("epoch"))
    figure = pictures.curves(values, x=epochs, x_label="epoch", y_label="average squared error", log_x=True)
    colours = ("#2ca02c", "#98df8a", "#bcbd22", "#9467bd", "#e377c2", "0.5")
    for colour, (name, epoch) in zip(itertools.cycle(colours), stops.items(), strict=False):
        if epoch:
            figure.axes[0].axvline(epoch, color=colour, linestyle="dashed", label=f"{epoch}: {name}")
    figure.legends[0].remove()
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    figure.set_size_inches(6.4, 4.8)
    save(figure, settings.out / "stops")
    names = *(f"change_{change:g}" for change in settings.changes), "adequate", "patience", "maximum"
    found = {f"epoch_{name}": epoch for name, epoch in zip(names, stops.values(), strict=True) if epoch}
    return {**found, "best_epoch": best, "best_test_error": min(values["test error"])}
