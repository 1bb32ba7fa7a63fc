"""The rows of the conformance table for connectionist temporal classification, against the sum over all alignments."""

import itertools

import numpy as np
from cases import Case, normal, uniform
from loss_cases import reduced

from fnn import rules


def said(path, blank):
    """Return what an alignment says: repetitions merged, then blanks dropped."""
    return [c for place, c in enumerate(path) if c != blank and (place == 0 or path[place - 1] != c)]


def ctc(z, labels, logit_lengths=None, label_lengths=None, blank=0, zero_infinity=False):
    batch, time, classes = z.shape
    logit_lengths = [time] * batch if logit_lengths is None else logit_lengths
    label_lengths = [labels.shape[1]] * batch if label_lengths is None else label_lengths
    p = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
    losses = []
    for row in range(batch):
        wanted, total = list(labels[row, : label_lengths[row]]), 0.0
        for path in itertools.product(range(classes), repeat=int(logit_lengths[row])):
            if said(path, blank) == wanted:
                total += np.prod([p[row, t, c] for t, c in enumerate(path)])
        losses.append(0.0 if total == 0 and zero_infinity else -np.log(total))
    return np.array(losses)


REFERENCE = reduced(ctc, 2)
LOGITS, LABELS = normal("ctc", 2, 4, 3), np.array([[1, 1], [2, 1]])

CTC: list[Case] = [
    Case(rules.ctc, "a repeated label", (LOGITS, LABELS), {}, REFERENCE, length=12),
    Case(
        rules.ctc,
        "lengths, weighted",
        (
            LOGITS,
            np.array([[1, 0], [0, -1]]),
            uniform("weights", 2, low=0.2, high=1.7),
            np.array([4, 3]),
            np.array([2, 1]),
        ),
        {"blank": 2},
        REFERENCE,
        length=12,
    ),
    Case(
        rules.ctc,
        "one time, no label",
        (LOGITS[:, :1], LABELS[:, :1], None, None, np.array([1, 0])),
        {"reduction": "none"},
        REFERENCE,
        length=12,
    ),
    Case(
        rules.ctc,
        "a row too short for its labels",
        (LOGITS, LABELS, None, np.array([2, 4]), None),  # 1, blank, 1 needs three times
        {"zero_infinity": True},
        REFERENCE,
        length=12,
    ),
]
