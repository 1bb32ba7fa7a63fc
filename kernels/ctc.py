"""Connectionist temporal classification: all alignments of a label sequence to the frames, summed in log space.

A sequence y_1 ... y_N stands in the frames t = 1 ... T with blanks anywhere: between its labels, and there must be one
between two that are equal. Its states are the N + 1 blanks ∅_0 ... ∅_N and the labels; an alignment stays in a state or
goes on, and with P the probabilities of the frames

    a_t(i) = P_t[∅]   (a_{t-1}(i) + b_{t-1}(i))                                     at blank i,  b(0) = 0
    b_t(i) = P_t[y_i] (b_{t-1}(i) + a_{t-1}(i-1) + b_{t-1}(i-1) [y_i ≠ y_{i-1}])     at label i

from a_0(0) = 1. The probability of the sequence is Z = a_T(N) + b_T(N). With α all of these together,

    γ_t(s) = Σ_{s'} γ_{t+1}(s') α_t(s) / Σ_{s before s'} α_t(s)     in state s in frame t, given the sequence
    dz_t[c] = P_t[c] - Σ_{s of class c} γ_t(s)                      of -log Z, by the logits of P

from γ_T, which is what the two ends have of Z. This γ is the paper's α β / (P Z): with α kept, β need not be made. Its
factors are the shares of the terms in the sums above, so all the exponentials are taken at once, outside the scan,
which only multiplies and adds; and γ_t sums to 1 however long the sequence, where α and β would lose digits apart.

The forward scan runs on log P_t[s] less the greatest of the frame: the normaliser of P drops out, and the logarithms
stay small, where the paper's fall with each frame. An impossible state is NOTHING, not -inf: log-sums and their
derivatives then need no exceptions. Frames past a length keep the state as it is.

In the scans the examples stand side by side on the last axis, behind the states: a step from state to state is then
one from row to row, and the exponentials, which are nearly all of the forward scan, go many at once (on a CPU twice as
fast as with the states last). Kept are α, time · (2N + 1) numbers a row, the normaliser and Z; to make α again would
cost that scan once more.

Graves, Fernández, Gomez, Schmidhuber (2006), "Connectionist temporal classification".
"""

import functools
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
    """What a scan runs over: log P of the states, less the greatest of the frame, and whether there is such a frame."""

    blank: Float[Array, "time 1 *batch"]
    label: Float[Array, "time labels *batch"]
    present: Bool[Array, "time 1 *batch"]


Alphas = tuple[Float[Array, "time blanks *batch"], Float[Array, "time labels *batch"]]
Kept = tuple[Alphas, tuple[Float[Array, "*batch time"], Float[Array, "*batch time"]], Float[Array, "*batch"]]


def forward(
    logits: Float[Array, "*batch time classes"],
    labels: Int[Array, "*batch labels"],
    logit_lengths: Int[Array, "*batch"],
    label_lengths: Int[Array, "*batch"],
    blank: int,
) -> tuple[Float[Array, "*batch"], Kept]:
    """Return -log Z, +inf where there is no alignment; and log α of all frames, the softmax's normaliser, log Z."""
    norm = normaliser(logits, -1)
    frames, best = _frames(logits, labels, logit_lengths, label_lengths, blank)
    begin = (*_begin(labels, best.dtype), _penalty(labels, best.dtype))
    (a, b, _), states = lax.scan(_forth, begin, frames)
    ends = _log_sum(a, _pad(b, (1, 0), NOTHING))
    end = jnp.where(_index(ends) == label_lengths[None], ends, 0.0).sum(0)
    maximum, log_total = (jnp.moveaxis(x, -1, 0) for x in norm)
    log_total = jnp.where(log_total == -jnp.inf, jnp.nan, log_total)  # a frame of -inf alone has no probabilities
    total = end + jnp.where(frames.present, best - (maximum + log_total)[:, None], 0.0).sum((0, 1))
    return jnp.where(_impossible(total), jnp.inf, -total), (states, norm, total)


def backward(
    logits: Float[Array, "*batch time classes"],
    labels: Int[Array, "*batch labels"],
    logit_lengths: Int[Array, "*batch"],
    label_lengths: Int[Array, "*batch"],
    blank: int,
    kept: Kept,
    dvalues: Float[Array, "*batch"],
) -> Float[Array, "*batch time classes"]:
    """Return dz = dℓ (P - Σ γ), and 0 in the frames past a length and where there is no alignment."""
    (a, b), (maximum, log_total), total = kept
    end_a, end_b = _softmax(a[-1], _pad(b[-1], (1, 0), NOTHING))
    at_end = _index(end_a) == label_lengths[None]
    end = jnp.where(at_end, end_a, 0.0), jnp.where(at_end, end_b, 0.0)[1:]
    present = _present(logit_lengths, logits.shape[-2])
    _, (g_a, g_b) = lax.scan(_back, end, (_shares(a, b, labels), present), reverse=True)
    occupancy = jnp.concatenate([g_a.sum(1, keepdims=True), g_b], 1)
    symbols = jnp.concatenate([jnp.full((*labels.shape[:-1], 1), blank, labels.dtype), labels], -1)
    one_hot = distribution(symbols, logits.shape[-1], 0.0, occupancy.dtype)
    # A product, and not sums by index: those are contended additions, slow on a GPU and in no fixed order.
    occupied = jnp.matmul(jnp.moveaxis(occupancy, (0, 1), (-2, -1)), one_hot, precision=lax.Precision.HIGHEST)
    # A class that no state has gets nothing, not even the NaN of others.
    occupied = jnp.where((one_hot > 0).any(-2, keepdims=True), occupied, 0.0)
    p = jnp.exp(wide(logits) - maximum[..., None] - log_total[..., None])
    counts = jnp.moveaxis(present, (0, 1), (-2, -1)) & ~_impossible(total)[..., None, None]
    return jnp.where(counts, dvalues[..., None, None] * (p - occupied), 0.0)


# The steps of the scans stand here, and close over nothing, so that a call outside jit finds them compiled.


def _forth(state, frame):
    """From the α of a frame to those of the next."""
    a, b, penalty = state
    blank, label, present = frame
    before = _pad(b, (1, 0), NOTHING)
    new_a = jnp.where(present, blank + _log_sum(a, before), a)
    new_b = jnp.where(present, label + _log_sum(b, a[:-1], before[:-1] + penalty), b)
    return (new_a, new_b, penalty), (new_a, new_b)


def _back(state, frame):
    """From the γ of a frame, which is put down, to those of the frame before."""
    g_a, g_b = state
    (stay_a, from_b, stay_b, from_a, skip), present = frame
    to_a = g_a * stay_a + _pad(g_b * from_a, (0, 1), 0.0)
    to_before = g_a * from_b + _pad(g_b * skip, (0, 1), 0.0)
    to_b = g_b * stay_b + to_before[1:]
    return (jnp.where(present, to_a, g_a), jnp.where(present, to_b, g_b)), state


def _shares(a, b, labels) -> tuple[Float[Array, "time states *batch"], ...]:
    """Return what each term has of its sum: stay in the blank, from label to blank, stay in the label, enter it, skip.

    They are made of the terms alone, so that those of one sum are together 1 to the last digit.
    """
    begin_a, begin_b = _begin(labels, a.dtype)
    last_a, last_b = (jnp.concatenate([first[None], x[:-1]]) for first, x in ((begin_a, a), (begin_b, b)))
    before = _pad(last_b, (1, 0), NOTHING, axis=1)
    skip = before[:, :-1] + _penalty(labels, a.dtype)[None]
    return *_softmax(last_a, before), *_softmax(last_b, last_a[:, :-1], skip)


def _frames(logits, labels, logit_lengths, label_lengths, blank) -> tuple[Frames, Float[Array, "time 1 *batch"]]:
    """Return the logits of the states less the greatest of the frame, and that: labels of padding have NOTHING."""
    label = jnp.take_along_axis(logits, labels[..., None, :], -1, mode="clip")
    label, of_blank = (
        jnp.maximum(wide(jnp.moveaxis(z, (-2, -1), (0, 1))), NOTHING) for z in (label, logits[..., blank : blank + 1])
    )
    label = jnp.where((_index(label[0]) < label_lengths[None])[None], label, NOTHING)
    best = lax.stop_gradient(jnp.maximum(of_blank, label.max(1, keepdims=True, initial=NOTHING)))
    return Frames(of_blank - best, label - best, _present(logit_lengths, best.shape[0])), best


def _present(logit_lengths: Int[Array, "*batch"], time: int) -> Bool[Array, "time 1 *batch"]:
    frame = lax.broadcasted_iota(logit_lengths.dtype, (time, 1, *logit_lengths.shape), 0)
    return frame < logit_lengths[None, None]


def _begin(labels, dtype) -> tuple[Float[Array, "blanks *batch"], Float[Array, "labels *batch"]]:
    """Return log α before the first frame: it stands in the first blank."""
    b = jnp.full((labels.shape[-1], *labels.shape[:-1]), NOTHING, dtype)
    return _pad(b, (1, 0), 0.0), b


def _penalty(labels: Int[Array, "*batch labels"], dtype) -> Float[Array, "labels *batch"]:
    """Return 0 where a label may follow the one before it without a blank, else NOTHING."""
    label = jnp.moveaxis(labels, -1, 0)
    may = (label != jnp.roll(label, 1, 0)) & (_index(label) > 0)
    return jnp.where(may, 0.0, NOTHING).astype(dtype)


def _impossible(total: Float[Array, "*batch"]) -> Bool[Array, "*batch"]:
    return total < NOTHING / 2


def _log_sum(*logarithms: Float[Array, "..."]) -> Float[Array, "..."]:
    top, powers = _powers(logarithms)
    return top + jnp.log(sum(powers))


def _softmax(*logarithms: Float[Array, "..."]) -> list[Float[Array, "..."]]:
    _, powers = _powers(logarithms)
    total = sum(powers)
    return [power / total for power in powers]


def _powers(logarithms: tuple[Float[Array, "..."], ...]) -> tuple[Float[Array, "..."], list[Float[Array, "..."]]]:
    """Return the greatest, entry by entry, and the exponentials of what each lies below it."""
    top = lax.stop_gradient(functools.reduce(jnp.maximum, logarithms))  # it cancels
    return top, [jnp.exp(x - top) for x in logarithms]


def _pad(x: Float[Array, "..."], widths: tuple[int, int], value: float, axis: int = 0) -> Float[Array, "..."]:
    """Return x with so many entries of the value before and after it on the axis of the states."""
    config = [(0, 0, 0)] * x.ndim
    config[axis] = (*widths, 0)
    return lax.pad(x, jnp.asarray(value, x.dtype), config)


def _index(x: Array) -> Int[Array, "..."]:
    return lax.broadcasted_iota(jnp.int32, x.shape, 0)
