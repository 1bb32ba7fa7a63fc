"""How good are the outputs? Accuracy, top-k, confusion matrix, overlap, mean squared error. None is differentiated.

Arguments are arrays of JAX or of NumPy. Labels are integers, or one-hot rows of the logits' shape.
"""

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, Num

from fnn import rules

AnyArray = Array | np.ndarray


def accuracy(logits: Float[AnyArray, "*batch classes"], labels: Num[AnyArray, "..."]) -> Float[Array, ""]:
    """Return the fraction of rows whose largest logit is the label's.

    >>> import jax.numpy as jnp
    >>> float(accuracy(jnp.array([[0.1, 0.9], [0.8, 0.2]]), jnp.array([1, 1])))
    0.5
    """
    scores, classes = _scores_and_classes("accuracy", logits, labels)
    return (scores.argmax(-1) == classes).mean()


def top_k_accuracy(
    logits: Float[AnyArray, "*batch classes"], labels: Num[AnyArray, "..."], *, k: int = 5
) -> Float[Array, ""]:
    """Return the fraction of rows where fewer than k logits are larger than the label's."""
    if not 1 <= k <= logits.shape[-1]:
        raise ValueError(f"top_k_accuracy: k = {k} of {logits.shape[-1]} classes, wanted 1 <= k <= classes.")
    scores, classes = _scores_and_classes("top_k_accuracy", logits, labels)
    own = jnp.take_along_axis(scores, classes[..., None], -1)
    return ((scores > own).sum(-1) < k).mean()


def confusion_matrix(
    logits: Float[AnyArray, "*batch classes"], labels: Num[AnyArray, "..."]
) -> Int[Array, "classes classes"]:
    """Return the counts of (label, prediction): rows are what was wanted, columns what was answered."""
    scores, classes = _scores_and_classes("confusion_matrix", logits, labels)
    size = scores.shape[-1]
    wanted, answered = classes.reshape(-1), scores.argmax(-1).reshape(-1)
    rows = (wanted[:, None] == lax.broadcasted_iota(wanted.dtype, (1, size), 1)).astype(jnp.float32)
    columns = (answered[:, None] == lax.broadcasted_iota(answered.dtype, (1, size), 1)).astype(jnp.float32)
    return jnp.rint(rows.T @ columns).astype(jnp.int32)


def intersection_over_union(
    logits: Float[AnyArray, "*batch classes"], labels: Num[AnyArray, "..."]
) -> Float[Array, " classes"]:
    """Return of each class |label and answer| / |label or answer|, over all rows, which are pixels in a segmentation.

    A class that is neither label nor answer has 1: there is nothing to find, and nothing was found. Also called the
    Jaccard index; its mean over the classes is known as mIoU.

    >>> import jax.numpy as jnp
    >>> intersection_over_union(jnp.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]]), jnp.array([0, 1, 1])).tolist()
    [0.5, 0.5]
    """
    counts = confusion_matrix(logits, labels).astype(jnp.float32)
    both = jnp.diagonal(counts)
    either = counts.sum(0) + counts.sum(1) - both
    return jnp.where(either == 0, 1.0, both / jnp.maximum(either, 1.0))


def mean_squared_error(outputs: Float[AnyArray, "..."], targets: Float[AnyArray, "..."]) -> Float[Array, ""]:
    """Return the mean of (output - target)²."""
    return rules.squared_error(jnp.asarray(outputs), jnp.asarray(targets))


def default_metrics(outputs: Array, y: Array) -> dict[str, Array]:
    """Return loss and accuracy for integer labels, the mean squared error for anything else.

    A single output a row is a number and no distribution over classes, whatever the labels are.
    """
    if jnp.issubdtype(y.dtype, jnp.integer) and outputs.shape[:-1] == y.shape and outputs.shape[-1] > 1:
        return {"loss": rules.softmax_cross_entropy(outputs, y), "accuracy": accuracy(outputs, y)}
    return {"loss": mean_squared_error(outputs, y.astype(outputs.dtype).reshape(outputs.shape))}


def _scores_and_classes(name: str, logits: AnyArray, labels: AnyArray) -> tuple[Array, Array]:
    """Return the logits, and the labels as integers, or say how their shapes do not fit."""
    scores, given = jnp.asarray(logits), jnp.asarray(labels)
    classes = given.argmax(-1) if given.shape == scores.shape else given
    if classes.shape != scores.shape[:-1]:
        raise ValueError(
            f"{name}: logits have shape {scores.shape} and labels {given.shape}, wanted labels "
            f"{scores.shape[:-1]} or one-hot rows {scores.shape}."
        )
    return scores, classes
