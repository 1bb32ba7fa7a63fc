"""Softmax cross-entropy of a linear layer, chunk by chunk of rows: the logits of all rows never stand in memory.

x: (rows, features), w: (features, classes), b: (classes,), integer targets: (rows,). For each chunk of rows

    S = X·W + b,   Z = c tanh(S / c) if there is a soft cap c, else S
    ℓ, m, s as `fnn.kernels.cross_entropy` has them of Z, with u = a t, t the smoothed one-hot rows of the targets
    dZ = E f Σ u / Σ E - f u with E = exp(Z - m), so P Σ u - u times f, by one exponential a logit
    dS = dZ (1 - (Z / c)²),   dX = dS·Wᵀ,   dW += Xᵀ·dS,   db += Σ dS,   da += Σ f t (-log P)

where f_i is the derivative of the loss by ℓ_i. It is known before ℓ is where the loss is a mean or a sum, so one pass
with three products makes value and gradients: the logits need not be made again. Logits, statistics and sums are in
float32 or wider; dS enters the products in x's dtype, as everywhere.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Integer

from fnn.kernels import cross_entropy, linear
from fnn.kernels.numerics import wide, wide_dtype
from fnn.kernels.softmax import normaliser, powers_of

Rows = Float[Array, " rows"]


class Head(NamedTuple):
    """What all chunks share, or its gradients; None of what is not there."""

    w: Float[Array, "features classes"]
    b: Float[Array, " classes"] | None
    class_weights: Float[Array, " classes"] | None


class Options(NamedTuple):
    """The static configuration."""

    label_smoothing: float = 0.0
    soft_cap: float | None = None


def chunk_rows(rows: int, classes: int) -> int:
    """Return how many rows a chunk takes, such that the chunks are equal, or the last is shorter by a few rows.

    Each chunk reads and writes dW once more. One of 24 MB of logits, with what is made of them, stays below the 32 MB
    from which on the C library gets memory anew from the system at each call: of 1024 rows and 32000 classes, 256
    features, float32, 16, 24 and 32 MB take 0.88, 0.83 and 0.86 of what autodiff takes, each in a process of its own.
    A GPU wants longer products.
    """
    entries = 6 * 2**20 if jax.default_backend() == "cpu" else 2**26
    most = max(entries // max(classes, 1), 128)
    chunks = -(-rows // most)
    return max(-(-rows // max(chunks, 1)), 1)


def class_blocks(classes: int) -> int:
    """Return by how many blocks of classes a chunk's dW is added: of 4096 on a CPU, whose caches hold a part of dW."""
    return -(-classes // 4096) if jax.default_backend() == "cpu" else 1


def values(x: Float[Array, "rows features"], head: Head, targets: Integer[Array, " rows"], options: Options) -> Rows:
    """Return ℓ; a target that is no class counts as none."""

    def chunk(carry, pair):
        x, targets = pair
        z = _scores(x, head, options.soft_cap)
        own = _of_labels(z, targets)
        return carry, _costs(z, own, normaliser(z, -1), targets, head.class_weights, options.label_smoothing)

    return _over_chunks(chunk, (), (x, targets), head.w.shape[1])[1]


def values_and_gradients(
    x: Float[Array, "rows features"], head: Head, targets: Integer[Array, " rows"], factors: Rows, options: Options
) -> tuple[Rows, Float[Array, "rows features"], Head]:
    """Return ℓ, and the gradients of Σ f ℓ by x and by the head, in the accumulation dtype."""
    factors, largest = _levelled(factors, x.dtype)

    def chunk(sums, row):
        x, targets, factors = row
        z = _scores(x, head, options.soft_cap)
        own = _of_labels(z, targets)
        maximum, powers = powers_of(z, -1, own)
        total = powers.sum(-1)
        norm = maximum[:, 0], jnp.log(total)
        value = _costs(z, own, norm, targets, head.class_weights, options.label_smoothing)
        t = cross_entropy.distribution(targets, z.shape[1], options.label_smoothing, z.dtype)
        u = t if head.class_weights is None else t * head.class_weights.astype(z.dtype)[None]
        share = factors / total if head.class_weights is None else factors * u.sum(-1) / total
        ds = powers * share[:, None] - factors[:, None] * u
        if options.soft_cap is not None:
            ds = ds * (1 - jnp.square(z / options.soft_cap))
        da = None if head.class_weights is None else _class_sums(factors, t * cross_entropy.surprisal(z, norm, t))
        db = None if head.b is None else ds.sum(0)
        ds = ds.astype(x.dtype)
        db, da = jax.tree.map(lambda total, part: total + part * largest, sums[1:], (db, da))
        dx = linear.product(ds, head.w, ((1,), (1,))) * largest
        return Head(_plus_products(sums.w, x, ds, largest), db, da), (value, dx)

    none = jax.tree.map(lambda p: jnp.zeros(p.shape, wide_dtype(p.dtype)), head)
    sums, (value, dx) = _over_chunks(chunk, none, (x, targets, factors), head.w.shape[1])
    return value, dx, sums


def _scores(x: Array, head: Head, soft_cap: float | None) -> Float[Array, "rows classes"]:
    """Return Z of a chunk."""
    z = linear.product(x, head.w, ((1,), (0,)))
    if head.b is not None:
        z = z + wide(head.b).astype(z.dtype)[None]
    return z if soft_cap is None else soft_cap * jnp.tanh(z / soft_cap)


def _of_labels(z: Array, targets: Array) -> Float[Array, "rows 1"]:
    """Return the logit of each row's label; of the nearest class if it names none."""
    return jnp.take_along_axis(z, _nearest(targets, z.shape[1])[:, None], 1)


def _nearest(targets: Array, classes: int) -> Array:
    return jnp.clip(targets, 0, classes - 1)


def _costs(
    z: Array,
    own: Array,
    norm: tuple[Array, Array],
    targets: Array,
    class_weights: Array | None,
    label_smoothing: float,
) -> Rows:
    """Return ℓ from the one logit that a target names, and from the row's mean where targets are smoothed.

    `cross_entropy.forward` gives the same for any distribution, but reads all logits once more.
    """
    maximum, log_total = norm
    cost = log_total - (own[:, 0] - maximum)
    a = None if class_weights is None else class_weights.astype(z.dtype)
    if a is not None:
        weight = a[_nearest(targets, z.shape[1])]
        cost = jnp.where(weight == 0, 0.0, weight * cost)
    if not label_smoothing:
        return cost
    row = None if a is None else jnp.broadcast_to(a, z.shape)
    each = cross_entropy.surprisal(z, norm, row)
    mean = (each if row is None else row * each).mean(-1)
    return (1 - label_smoothing) * cost + label_smoothing * mean


def _plus_products(
    dw: Float[Array, "features classes"], x: Array, ds: Array, scale
) -> Float[Array, "features classes"]:
    """Return dW + scale Xᵀ·dS, block by block of classes in place: the product of all is as large as dW itself.

    The blocks are equal; the last may begin among classes that have been added, whose dS counts as 0 then.
    """
    classes = ds.shape[1]
    blocks = class_blocks(classes)
    if blocks < 2:
        return dw + linear.backward_weight(x, ds) * scale
    size = -(-classes // blocks)

    def add(block, dw):
        first = jnp.minimum(block * size, classes - size)
        part = lax.dynamic_slice_in_dim(ds, first, size, 1)
        if blocks * size > classes:
            part = jnp.where(first + jnp.arange(size, dtype=first.dtype) < block * size, 0, part)
        total = lax.dynamic_slice_in_dim(dw, first, size, 1) + linear.backward_weight(x, part) * scale
        return lax.dynamic_update_slice_in_dim(dw, total, first, 1)

    return lax.fori_loop(0, blocks, add, dw)


def _class_sums(factors: Rows, costs: Float[Array, "rows classes"]) -> Float[Array, " classes"]:
    """Return Σ f t (-log P) over the rows; a row that does not count adds nothing, though it cost infinity."""
    return factors @ jnp.where((factors == 0)[:, None], 0.0, costs)


def _levelled(factors: Rows, dtype) -> tuple[Rows, Float[Array, ""] | float]:
    """Divide the factors by the largest where dS is to be float16, which a mean over many rows would underflow."""
    if dtype != jnp.float16:
        return factors, 1.0
    largest = lax.stop_gradient(jnp.abs(factors).max(initial=0))
    largest = jnp.where((largest > 0) & jnp.isfinite(largest), largest, 1.0)
    return factors / largest, largest


def _over_chunks(chunk, carry, rows, classes: int):
    """Scan ``chunk(carry, rows) -> (carry, outputs)`` over chunks of the rows.

    Each chunk takes rows from all over, so that a batch that is sharded over devices stays so in every chunk. Rows of
    zeros fill up the last one: with a factor of 0 they add nothing.
    """
    length = rows[0].shape[0]
    size = chunk_rows(length, classes)
    chunks = -(-length // size)
    if chunks == 1:
        return chunk(carry, rows)

    def split(a):
        a = jnp.pad(a, [(0, chunks * size - length)] + [(0, 0)] * (a.ndim - 1))
        return a.reshape(size, chunks, *a.shape[1:]).swapaxes(0, 1)

    def join(a):
        return a.swapaxes(0, 1).reshape(chunks * size, *a.shape[2:])[:length]

    carry, outputs = lax.scan(chunk, carry, jax.tree.map(split, rows))
    return carry, jax.tree.map(join, outputs)
