"""The CTC loss: a sequence of labels against frames that nobody has aligned to it. Kernel: `fnn.kernels.ctc`."""

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer
from jaxtyping import Array, Float, Int

from fnn.kernels import ctc as kernel
from fnn.rules.losses.loss import loss


@loss
def ctc(
    logits: Float[Array, "batch time classes"],
    labels: Int[Array, "batch longest"],
    logit_lengths: Int[Array, " batch"] | None = None,
    label_lengths: Int[Array, " batch"] | None = None,
    *,
    blank: int = 0,
    zero_infinity: bool = False,
):
    """ℓ = -log Z, Z the probability of the labels under all alignments; dz_t[c] = dℓ (P_t[c] - Σ_{s of c} γ_t(s)).

    logits z: (batch, time, classes), one class the blank; P = softmax(z), taken here. labels: (batch, longest)
    integers, each row padded at its end by anything; logit_lengths, label_lengths: (batch,), full by default. An
    alignment gives each frame a class such that, repeats of a class taken together and the blanks then left out, the
    labels remain. γ_t(s) is the posterior probability of standing at place s of the labels in frame t;
    `fnn.kernels.ctc` has the recurrences. Frames past a length count for nothing and may hold anything. A row without
    labels is all blanks; without frames besides, its loss is 0.

    Labels without an alignment, as they are more than the frames or repeat without room for a blank between, or need a
    logit of -inf, cost +inf and have gradient 0; with `zero_infinity` 0 and 0, so that a mean stays finite. The mean
    is over the rows. PyTorch's divides each row by its number of labels first, which `weights` of 1 / number with
    reduction="sum" do here.

    Keeps the logits, labels and lengths, the probabilities α of the places in each frame, time · (2 longest + 1)
    numbers a row, and per frame the maximum and the log-sum of the softmax. β is not needed beside α.

    Raises ValueError for shapes that do not fit, no frames, a blank that is no class, and, where the numbers are known,
    for lengths outside the axis and labels that are no class or the blank. In a compiled program such a row is NaN,
    with gradient 0. Source: Graves, Fernández, Gomez, Schmidhuber (2006), "Connectionist temporal classification".

    >>> import jax.numpy as jnp
    >>> logits = jnp.log(jnp.array([[[0.4, 0.6], [0.3, 0.7]]]))    # the blank, and class 1
    >>> round(float(jnp.exp(-ctc(logits, jnp.array([[1]])))), 2)   # 1 1, 1 -, - 1:  0.6 0.7 + 0.6 0.3 + 0.4 0.7
    0.88
    """
    logit_lengths, label_lengths = _check(logits, labels, logit_lengths, label_lengths, blank)
    value, kept = kernel.forward(logits, labels, logit_lengths, label_lengths, blank)
    if zero_infinity:
        value = jnp.where(value == jnp.inf, 0.0, value)
    wrong = _wrong(logits, labels, logit_lengths, label_lengths, blank)
    return jnp.where(wrong, jnp.nan, value), (logits, labels, logit_lengths, label_lengths, kept)


@ctc.each_backward
def ctc_backward(saved, dvalues, *, blank):
    """dz = dℓ (P - Σ γ)."""
    logits, labels, logit_lengths, label_lengths, kept = saved
    wrong = _wrong(logits, labels, logit_lengths, label_lengths, blank)
    dlogits = kernel.backward(logits, labels, logit_lengths, label_lengths, blank, kept, dvalues)
    return jnp.where(wrong[:, None, None], 0.0, dlogits), None, None, None


def _check(logits, labels, logit_lengths, label_lengths, blank: int) -> tuple[Array, Array]:
    """Return the lengths, full where they are None, or say what does not fit."""
    if logits.ndim != 3 or labels.ndim != 2 or labels.shape[0] != logits.shape[0]:
        raise ValueError(
            f"ctc: logits have shape {logits.shape} and labels {labels.shape}, wanted (batch, time, classes) and "
            "(batch, longest)."
        )
    batch, time, classes = logits.shape
    if time == 0:
        raise ValueError(f"ctc: logits have shape {logits.shape}, without a frame; wanted a time of 1 or more.")
    if not 0 <= blank < classes:
        raise ValueError(f"ctc: blank = {blank}, wanted one of the {classes} classes of the logits, 0..{classes - 1}.")
    lengths = []
    for name, given, most in (
        ("logit_lengths", logit_lengths, time),
        ("label_lengths", label_lengths, labels.shape[1]),
    ):
        if given is not None and (given.shape != (batch,) or not jnp.issubdtype(given.dtype, jnp.integer)):
            raise ValueError(f"ctc: {name} are {given.dtype} of shape {given.shape}, wanted integers ({batch},).")
        lengths.append(jnp.full(batch, most, jnp.int32) if given is None else given.astype(jnp.int32))
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        raise ValueError(f"ctc: labels are {labels.dtype}, wanted integers.")
    if not any(isinstance(x, Tracer) for x in (labels, *lengths)):
        _check_numbers(np.asarray(labels), np.asarray(lengths[0]), np.asarray(lengths[1]), time, classes, blank)
    return lengths[0], lengths[1]


def _check_numbers(labels, logit_lengths, label_lengths, time: int, classes: int, blank: int) -> None:
    for name, lengths, most in (("logit", logit_lengths, time), ("label", label_lengths, labels.shape[1])):
        wrong = (lengths < 0) | (lengths > most)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ValueError(
                f"ctc: {name}_lengths of row {row} is {lengths[row]}, wanted 0..{most}, as long as the axis."
            )
    wrong = (np.arange(labels.shape[1]) < label_lengths[:, None]) & (
        (labels < 0) | (labels >= classes) | (labels == blank)
    )
    if wrong.any():
        row, place = np.argwhere(wrong)[0].tolist()
        raise ValueError(
            f"ctc: label {labels[row, place]} of row {row} at place {place}, wanted a class 0..{classes - 1} other "
            f"than the blank, {blank}; padding stands past label_lengths."
        )


def _wrong(logits, labels, logit_lengths, label_lengths, blank: int) -> Array:
    """Return which rows have a length outside the axis, or a label that is no class or the blank."""
    given = lax.broadcasted_iota(jnp.int32, labels.shape, 1) < label_lengths[:, None]
    wrong = (given & ((labels < 0) | (labels >= logits.shape[-1]) | (labels == blank))).any(1)
    for lengths, most in ((logit_lengths, logits.shape[1]), (label_lengths, labels.shape[1])):
        wrong |= (lengths < 0) | (lengths > most)
    return wrong
