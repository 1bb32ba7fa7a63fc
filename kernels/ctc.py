"""Connectionist temporal classification: all alignments of a label sequence to the frames, summed in log space.

A sequence y_1 ... y_N stands in the frames t = 1 ... T with blanks anywhere: between its labels, and there must be one
between two that are equal. Its states are the N + 1 blanks ∅_0 ... ∅_N and the labels; an alignment stays in a state or
goes on, and with P the probabilities of the frames

    a_t(i) = P_t[∅]   (a_{t-1}(i) + b_{t-1}(i))                                     at blank i,  b(0) = 0
    b_t(i) = P_t[y_i] (b_{t-1}(i) + a_{t-1}(i-1) + b_{t-1}(i-1) [y_i ≠ y_{i-1}])     at label i

from a_0(0) = 1. The probability of the sequence is Z = a_T(N) + b_T(N). The paper's β is the same recurrence on the
frames and the labels turned round, so one scan makes both, side by side, in half of the steps. With them

    γ_t(s) = α_t(s) β_t(s) / (P_t[s] Z)             the probability that the alignment is in state s in frame t
    dz_t[c] = P_t[c] - Σ_{s of class c} γ_t(s)      of -log Z, by the logits of P

γ_t is made to sum to 1 over s, as it does by its meaning, so what the states of one frame share cancels. Hence the
scan runs on log P_t[s] less the greatest of the frame: the normaliser of P drops out, and the logarithms stay small
where the paper's fall with every frame, and would lose a digit every ten.

An impossible state is NOTHING, not -inf: log-sums and their derivatives then need no exceptions. Frames past a length
keep the state as it is. Graves, Fernández, Gomez, Schmidhuber (2006), "Connectionist temporal classification".
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from fnn.kernels.cross_entropy import distribution
from fnn.kernels.numerics import wide
from fnn.kernels.softmax import normaliser

NOTHING = -1e30
"""The logarithm of nothing: float32 can add it up over 10⁷ frames, and no number of finite logits comes near it."""


class Frames(NamedTuple):
    """What a scan runs over: the logarithms of what the states have in each frame, and whether there is such a one."""

    blank: Float[Array, "time *batch 1"]
    label: Float[Array, "time *batch labels"]
    present: Bool[Array, "time *batch 1"]


def forward(
    logits: Float[Array, "*batch time classes"],
    labels: Int[Array, "*batch labels"],
    logit_lengths: Int[Array, "*batch"],
    label_lengths: Int[Array, "*batch"],
    blank: int,
) -> tuple[Float[Array, "*batch"], tuple[Float[Array, "*batch time"], Float[Array, "*batch time"]]]:
    """Return -log Z, +inf where there is no alignment, and the normaliser (m, s) of the logits."""
    norm = normaliser(logits, -1)
    frames, best = _frames(logits, labels, logit_lengths, label_lengths, blank)
    step, begin = _recurrence(frames, _skips(labels), jnp.zeros_like(label_lengths))
    last, _ = lax.scan(lambda state, frame: (step(state, frame), None), begin, frames)
    total = _total(last, label_lengths, best, norm, frames.present)
    return jnp.where(total < NOTHING / 2, jnp.inf, -total), norm


def backward(
    logits: Float[Array, "*batch time classes"],
    norm: tuple[Float[Array, "*batch time"], Float[Array, "*batch time"]],
    labels: Int[Array, "*batch labels"],
    logit_lengths: Int[Array, "*batch"],
    label_lengths: Int[Array, "*batch"],
    blank: int,
    dvalues: Float[Array, "*batch"],
) -> Float[Array, "*batch time classes"]:
    """Return dz = dℓ (P - Σ γ), and 0 in the frames past a length and where there is no alignment."""
    frames, best = _frames(logits, labels, logit_lengths, label_lengths, blank)
    # The two chains stand on axis 0 of the batch. Turned round, a sequence begins at the blank behind its padding.
    both = Frames(*(jnp.stack([x, x[::-1, ..., ::-1]], 1) for x in frames))
    skips = jnp.stack([_skips(labels), _skips(labels[..., ::-1])])
    starts = jnp.stack([jnp.zeros_like(label_lengths), labels.shape[-1] - label_lengths])
    step, begin = _recurrence(both, skips, starts)
    (last_a, last_b), (a, b) = lax.scan(lambda state, frame: (step(state, frame),) * 2, begin, both)
    at_blank = a[:, 0] + a[::-1, 1, ..., ::-1] - frames.blank
    at_label = b[:, 0] + b[::-1, 1, ..., ::-1] - frames.label
    top = lax.stop_gradient(jnp.maximum(_greatest(at_blank), _greatest(at_label)))
    at_blank, at_label = jnp.exp(at_blank - top).sum(-1, keepdims=True), jnp.exp(at_label - top)
    share = jnp.concatenate([at_blank, at_label], -1) / (at_blank + at_label.sum(-1, keepdims=True))
    symbols = jnp.concatenate([jnp.full((*labels.shape[:-1], 1), blank, labels.dtype), labels], -1)
    one_hot = distribution(symbols, logits.shape[-1], 0.0, share.dtype)
    # A product, and not sums by index: those are contended additions, slow on a GPU and in no fixed order.
    occupied = jnp.matmul(jnp.moveaxis(share, 0, -2), one_hot, precision=lax.Precision.HIGHEST)
    maximum, log_total = norm
    p = jnp.exp(wide(logits) - maximum[..., None] - log_total[..., None])
    total = _total((last_a[0], last_b[0]), label_lengths, best, norm, frames.present)
    counts = jnp.moveaxis(frames.present, 0, -2) & ~(total < NOTHING / 2)[..., None, None]
    return jnp.where(counts, dvalues[..., None, None] * (p - occupied), 0.0)


def _frames(logits, labels, logit_lengths, label_lengths, blank) -> tuple[Frames, Float[Array, "time *batch 1"]]:
    """Return the logits of the states less the greatest of the frame, and that: labels of padding have NOTHING."""
    label = wide(jnp.take_along_axis(logits, labels[..., None, :], -1, mode="clip"))
    given = (_index(labels) < label_lengths[..., None])[..., None, :]
    label = jnp.moveaxis(jnp.where(given, jnp.maximum(label, NOTHING), NOTHING), -2, 0)
    of_blank = jnp.moveaxis(jnp.maximum(wide(logits[..., blank : blank + 1]), NOTHING), -2, 0)
    best = lax.stop_gradient(jnp.maximum(of_blank, _greatest(label)))
    present = lax.broadcasted_iota(logit_lengths.dtype, best.shape, 0) < logit_lengths[None, ..., None]
    return Frames(of_blank - best, label - best, present), best


def _recurrence(frames: Frames, skip: Bool[Array, "*batch labels"], start: Int[Array, "*batch"]):
    """Return the step (state, frame) -> state, and the state before the first frame: it stands in the blank `start`."""
    penalty = jnp.where(skip, 0.0, NOTHING).astype(frames.label.dtype)

    def step(state, frame):
        a, b = state
        blank, label, present = frame
        before = _before_each_blank(b)
        new_a = blank + _log_sum(a, before)
        new_b = label + _log_sum(b, a[..., :-1], before[..., :-1] + penalty)
        return jnp.where(present, new_a, a), jnp.where(present, new_b, b)

    b = jnp.full_like(penalty, NOTHING)
    a = jnp.where(_index(_before_each_blank(b)) == start[..., None], 0.0, NOTHING).astype(penalty.dtype)
    return step, (a, b)


def _total(state, label_lengths, best, norm, present) -> Float[Array, "*batch"]:
    """Return log Z: the last blank and the label before it, and what was taken off each frame."""
    a, b = state
    ends = _log_sum(a, _before_each_blank(b))
    end = jnp.where(_index(ends) == label_lengths[..., None], ends, 0.0).sum(-1)
    maximum, log_total = norm
    log_total = jnp.where(log_total == -jnp.inf, jnp.nan, log_total)  # a frame of -inf alone has no probabilities
    taken_off = jnp.moveaxis(best, 0, -2)[..., 0] - maximum - log_total
    return end + jnp.where(jnp.moveaxis(present, 0, -2)[..., 0], taken_off, 0.0).sum(-1)


def _skips(labels: Int[Array, "*batch labels"]) -> Bool[Array, "*batch labels"]:
    """Return whether a label may follow the one before it without a blank."""
    return (labels != jnp.roll(labels, 1, -1)) & (_index(labels) > 0)


def _before_each_blank(b: Float[Array, "*batch labels"]) -> Float[Array, "*batch blanks"]:
    """Return at i the label i, and NOTHING before the first blank."""
    return jnp.concatenate([jnp.full_like(b, NOTHING, shape=(*b.shape[:-1], 1)), b], -1)


def _log_sum(*logarithms: Float[Array, "..."]) -> Float[Array, "..."]:
    top = logarithms[0]
    for x in logarithms[1:]:
        top = jnp.maximum(top, x)
    top = lax.stop_gradient(top)  # it cancels
    return top + jnp.log(sum(jnp.exp(x - top) for x in logarithms))


def _greatest(x: Float[Array, "*batch states"]) -> Float[Array, "*batch 1"]:
    return x.max(-1, keepdims=True, initial=NOTHING)


def _index(x: Array) -> Int[Array, "..."]:
    return lax.broadcasted_iota(jnp.int32, x.shape, x.ndim - 1)
