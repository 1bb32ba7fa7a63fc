"""How good are the outputs? Accuracy, top-k, confusion matrix, mean squared error. Nothing here is differentiated."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, Num

from fnn import rules


def accuracy(logits: Float[Array, "*batch classes"], labels: Num[Array, "..."]) -> Float[Array, ""]:
    """Return the fraction of rows whose largest logit is the label's; labels are integers or one-hot rows.

    >>> import jax.numpy as jnp
    >>> float(accuracy(jnp.array([[0.1, 0.9], [0.8, 0.2]]), jnp.array([1, 1])))
    0.5
    """
    return (logits.argmax(-1) == _classes("accuracy", logits, labels)).mean()


def top_k_accuracy(
    logits: Float[Array, "*batch classes"], labels: Num[Array, "..."], *, k: int = 5
) -> Float[Array, ""]:
    """Return the fraction of rows where fewer than k logits are larger than the label's."""
    if not 1 <= k <= logits.shape[-1]:
        raise ValueError(f"top_k_accuracy: k = {k} of {logits.shape[-1]} classes, wanted 1 <= k <= classes.")
    classes = _classes("top_k_accuracy", logits, labels)
    own = jnp.take_along_axis(logits, classes[..., None], -1)
    return ((logits > own).sum(-1) < k).mean()


def confusion_matrix(
    logits: Float[Array, "*batch classes"], labels: Num[Array, "..."]
) -> Int[Array, "classes classes"]:
    """Return the counts of (label, prediction): rows are what was wanted, columns what was answered."""
    size = logits.shape[-1]
    wanted = _classes("confusion_matrix", logits, labels).reshape(-1)
    answered = logits.argmax(-1).reshape(-1)
    rows = (wanted[:, None] == lax.broadcasted_iota(wanted.dtype, (1, size), 1)).astype(jnp.float32)
    columns = (answered[:, None] == lax.broadcasted_iota(answered.dtype, (1, size), 1)).astype(jnp.float32)
    return jnp.rint(rows.T @ columns).astype(jnp.int32)


def mean_squared_error(outputs: Float[Array, "..."], targets: Float[Array, "..."]) -> Float[Array, ""]:
    """Return the mean of (output - target)²."""
    return rules.squared_error(outputs, targets)


def default_metrics(outputs: Array, y: Array) -> dict[str, Array]:
    """Return loss and accuracy for integer labels, the mean squared error for anything else.

    A single output a row is a number and no distribution over classes, whatever the labels are.
    """
    if jnp.issubdtype(y.dtype, jnp.integer) and outputs.shape[:-1] == y.shape and outputs.shape[-1] > 1:
        return {"loss": rules.softmax_cross_entropy(outputs, y), "accuracy": accuracy(outputs, y)}
    return {"loss": mean_squared_error(outputs, y.astype(outputs.dtype).reshape(outputs.shape))}


def _classes(name: str, logits: Array, labels: Array) -> Array:
    classes = labels.argmax(-1) if labels.shape == logits.shape else labels
    if classes.shape != logits.shape[:-1]:
        raise ValueError(
            f"{name}: logits have shape {logits.shape} and labels {labels.shape}, wanted labels "
            f"{logits.shape[:-1]} or one-hot rows {logits.shape}."
        )
    return classes
