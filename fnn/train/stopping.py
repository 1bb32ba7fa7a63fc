"""When to stop before the last epoch: criteria on the history, each a function that returns a reason or None.

Source of the first two: the stopping criteria of the lectures on back-propagation; of patience: Prechelt (1998),
"Early stopping: but when?".
"""

from collections.abc import Callable

from fnn.train.history import History

Criterion = Callable[[History], str | None]


def change_below(threshold: float, *, metric: str = "loss") -> Criterion:
    """Stop when the metric changes by less than `threshold` from one epoch to the next."""
    _need_positive("change_below", threshold)

    def criterion(history: History) -> str | None:
        values = history.values(metric)
        if len(values) < 2 or not abs(values[-1] - values[-2]) < threshold:
            return None
        return f"{metric} changed by {abs(values[-1] - values[-2]):.3g} in an epoch, less than {threshold:g}"

    return criterion


def below(threshold: float, *, metric: str = "loss") -> Criterion:
    """Stop when the metric falls below `threshold`."""

    def criterion(history: History) -> str | None:
        value = history.values(metric)[-1]
        return f"{metric} {value:.3g} is below {threshold:g}" if value < threshold else None

    return criterion


def patience(epochs: int, *, metric: str = "test_loss") -> Criterion:
    """Stop when the metric has not improved for `epochs` epochs; by default the loss on the held-out examples.

    Smaller is better, except for a metric whose name ends with "accuracy". The best epoch's parameters are in the
    result's ``best``.
    """
    if epochs < 1:
        raise ValueError(f"patience: epochs = {epochs}, wanted at least 1.")

    def criterion(history: History) -> str | None:
        best = history.best_epoch(metric)
        if len(history.rows) - best < epochs:
            return None
        return f"{metric} has not improved for {epochs} epochs; its best was epoch {best}"

    return criterion


def _need_positive(name: str, threshold: float) -> None:
    if not threshold > 0:
        raise ValueError(f"{name}: threshold = {threshold}, wanted a positive number.")
