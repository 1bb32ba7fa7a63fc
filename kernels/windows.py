"""The geometry of sliding windows, which convolution, pooling and im2col share, and the two moves that it needs.

Along one spatial axis of size n, padded to n + low + high, the window at output position o covers the padded entries

    i = o stride + j dilation,   j = 0, ..., window - 1,   o = 0, ..., (n + low + high - extent) // stride
    extent = (window - 1) dilation + 1

`view` reads entry j of every window: a strided slice of the padded input, (batch, *outputs, channels). `overlap_add` is
the adjoint of all views together: it adds a piece for each j back where the view was read. The entries of one residue
i mod stride form a phase; within a phase the pieces are shifted by whole positions, so nothing is scattered:

    dX[stride m + p] = Σ_j piece_j[m - (j dilation) // stride]  over the j with (j dilation) mod stride = p

Arrays are (batch, *spatial, channels), with one to three spatial axes.
Source: Dumoulin and Visin (2016), "A guide to convolution arithmetic for deep learning", arXiv:1603.07285.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

Size = int | tuple[int, ...]
"""A number for every spatial axis, or one for each."""

Padding = str | int | tuple[int | tuple[int, int], ...]
"""'SAME', 'VALID', entries on both sides of every spatial axis, or for each axis entries or a (low, high) pair."""


class Windows(NamedTuple):
    """Where the windows lie: one entry for each spatial axis in every field."""

    sizes: tuple[int, ...]
    """Of the input, without padding."""
    window: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]

    @property
    def padded(self) -> tuple[int, ...]:
        """The sizes of the padded input."""
        return tuple(n + low + high for n, (low, high) in zip(self.sizes, self.padding, strict=True))

    @property
    def extent(self) -> tuple[int, ...]:
        """The entries from the first to the last of a window, both included."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.window, self.dilation, strict=True))

    @property
    def outputs(self) -> tuple[int, ...]:
        """How many windows there are along each axis."""
        return tuple((n - e) // s + 1 for n, e, s in zip(self.padded, self.extent, self.stride, strict=True))

    @property
    def entries(self) -> list[tuple[int, ...]]:
        """The entries j of a window, in row-major order."""
        return list(itertools.product(*map(range, self.window)))

    @property
    def size(self) -> int:
        """How many entries a window has."""
        return math.prod(self.window)

    def along(self, axes: slice) -> "Windows":
        """Return the windows along some of the axes alone."""
        return Windows(self.sizes[axes], self.window[axes], self.stride[axes], self.padding[axes], self.dilation[axes])

    @property
    def is_partition(self) -> bool:
        """Whether every entry of the unpadded input lies in exactly one window, but for a rest at the end."""
        return self.window == self.stride and set(self.dilation) == {1} and not any(map(any, self.padding))


def windows(
    name: str, sizes: Sequence[int], window: Size, stride: Size, padding: Padding, dilation: Size = 1
) -> Windows:
    """Return the windows over an input of those spatial sizes; `name` is the operation that a ValueError names.

    'SAME' gives ceil(n / stride) windows, the smaller half of the padding low, as TensorFlow and XLA do.
    """
    sizes = tuple(sizes)
    each = [positive(name, what, value, len(sizes)) for what, value in _named(window, stride, dilation)]
    found = Windows(sizes, each[0], each[1], ((0, 0),) * len(sizes), each[2])
    found = found._replace(padding=_padding(name, padding, found))
    if 0 in sizes:
        raise ValueError(f"{name}: the spatial axes have sizes {sizes}, wanted no empty axis.")
    if any(e > n for e, n in zip(found.extent, found.padded, strict=True)):
        dilated = f" with dilation {found.dilation} spans {found.extent}" if set(found.dilation) != {1} else ""
        raise ValueError(
            f"{name}: the window {found.window}{dilated} is larger than the padded input {found.padded} (spatial sizes "
            f"{sizes}, padding {found.padding}); pad more, or take a smaller window."
        )
    return found


def transposed(
    name: str,
    sizes: Sequence[int],
    window: Size,
    stride: Size,
    padding: Padding,
    output_padding: Size,
    dilation: Size = 1,
) -> Windows:
    """Return the windows that there are `sizes` of: those of the convolution whose transpose has an input of `sizes`.

    `padding` is that of the convolution, so it is cut from the transpose's output; 'SAME' gives sizes · stride.
    The sizes of the result are the transpose's outputs, and its high padding is negative where they go on beyond what
    the windows reach.
    """
    count = tuple(sizes)
    axes = len(count)
    k, s, d = (positive(name, what, value, axes) for what, value in _named(window, stride, dilation))
    extra = output_padding if isinstance(output_padding, tuple) else (output_padding,) * axes
    fits = [_is_whole(more) and 0 <= more < max(each) for more, *each in zip(extra, s, d, strict=False)]
    if len(extra) != axes or not all(fits):
        raise ValueError(
            f"{name}: output_padding = {output_padding}, wanted numbers >= 0 and below the stride {s} or dilation {d}."
        )
    if 0 in count:
        raise ValueError(f"{name}: the spatial axes have sizes {count}, wanted no empty axis.")
    extent = Windows(count, k, s, ((0, 0),) * axes, d).extent
    spanned = tuple((n - 1) * each + e for n, each, e in zip(count, s, extent, strict=True))
    if padding == "SAME":
        same = [n * each for n, each in zip(count, s, strict=True)]
        lows = [max(have - want, 0) // 2 for have, want in zip(spanned, same, strict=True)]
    else:
        pairs = _padding(name, padding, Windows(count, k, s, ((0, 0),) * axes, d))
        same = [n - low - high for n, (low, high) in zip(spanned, pairs, strict=True)]
        lows = [low for low, _ in pairs]
    full = tuple(n + more for n, more in zip(same, extra, strict=True))
    if any(n < 1 for n in full):
        raise ValueError(f"{name}: padding {padding} leaves nothing of the {spanned} outputs; pad less.")
    # What is added at the end is padding that is not cut; more than there is of it makes the high padding negative.
    pairs = tuple((low, have - low - n) for low, have, n in zip(lows, spanned, full, strict=True))
    return Windows(full, k, s, pairs, d)


def positive(name: str, what: str, value: Size, axes: int) -> tuple[int, ...]:
    """Return one positive number for each spatial axis, or say what is wrong with the value."""
    each = value if isinstance(value, tuple) else (value,) * axes
    if len(each) != axes or not all(_is_whole(v) and v > 0 for v in each):
        raise ValueError(
            f"{name}: {what} = {value}, wanted a positive number, or a tuple of {axes}, one for each spatial axis."
        )
    return each


def pad(x: Array, where: Windows, value: float = 0.0) -> Array:
    """Return x with its spatial axes padded."""
    if not any(map(any, where.padding)):
        return x
    return lax.pad(
        x, jnp.asarray(value, x.dtype), ((0, 0, 0), *((low, high, 0) for low, high in where.padding), (0, 0, 0))
    )


def unpad(x: Array, where: Windows) -> Array:
    """Return x without the padding: the adjoint of `pad`."""
    without = tuple((-low, -high) for low, high in where.padding)
    return pad(x, where._replace(padding=without))


def view(padded: Array, where: Windows, entry: Sequence[int]) -> Array:
    """Return entry j of every window of the padded input: (batch, *outputs, channels)."""
    begin = [j * d for j, d in zip(entry, where.dilation, strict=True)]
    end = [b + (o - 1) * s + 1 for b, o, s in zip(begin, where.outputs, where.stride, strict=True)]
    shape = padded.shape
    return lax.slice(padded, (0, *begin, 0), (shape[0], *end, shape[-1]), (1, *where.stride, 1))


def overlap_add(piece: Callable[[tuple[int, ...]], Array], where: Windows) -> Array:
    """Return Σ_j of piece(j) added where entry j of every window was read: (batch, *sizes, channels).

    ``piece(j)`` is (batch, *outputs, channels) and is asked for once for each entry of the window.
    """
    length = tuple(-(-n // s) for n, s in zip(where.padded, where.stride, strict=True))
    pieces: dict[tuple[int, ...], list[Array]] = {}
    for entry in where.entries:
        reached = [j * d for j, d in zip(entry, where.dilation, strict=True)]
        phase = tuple(r % s for r, s in zip(reached, where.stride, strict=True))
        shift = [r // s for r, s in zip(reached, where.stride, strict=True)]
        rest = [n - q - o for n, q, o in zip(length, shift, where.outputs, strict=True)]
        part = piece(entry)
        moved = lax.pad(
            part,
            jnp.zeros((), part.dtype),
            ((0, 0, 0), *((q, r, 0) for q, r in zip(shift, rest, strict=True)), (0, 0, 0)),
        )
        pieces.setdefault(phase, []).append(moved)
    some = next(iter(pieces.values()))[0]
    phases = {
        phase: sum(pieces[phase][1:], pieces[phase][0]) if phase in pieces else jnp.zeros_like(some)
        for phase in itertools.product(*map(range, where.stride))
    }
    whole = interleave(phases, where.stride)
    # What no window reaches has no gradient: the interleaved phases may end before the padded input does, or after.
    short = [max(n - m, 0) for n, m in zip(where.padded, whole.shape[1:-1], strict=True)]
    if any(short):
        whole = lax.pad(whole, jnp.zeros((), whole.dtype), ((0, 0, 0), *((0, r, 0) for r in short), (0, 0, 0)))
    return unpad(lax.slice(whole, (0,) * whole.ndim, (whole.shape[0], *where.padded, whole.shape[-1])), where)


def unfold(x: Array, where: Windows) -> Array:
    """Return every window's entries, X_j at [..., *j, :]: (batch, *outputs, *window, channels)."""
    padded = pad(x, where)
    views = jnp.stack([view(padded, where, entry) for entry in where.entries], -2)
    return views.reshape(*views.shape[:-2], *where.window, views.shape[-1])


def fold(pieces: Array, where: Windows) -> Array:
    """Return the sum of all windows' entries where they were read, the adjoint of `unfold`."""
    return overlap_add(lambda entry: pieces[(..., *entry, slice(None))], where)


def interleave(phases: dict[tuple[int, ...], Array], stride: tuple[int, ...]) -> Array:
    """Return Y with Y[stride m + p] = phases[p][m]: (batch, *(stride m), channels)."""
    for axis in reversed(range(len(stride))):
        heads = dict.fromkeys(phase[:axis] for phase in phases)
        joined = {}
        for head in heads:
            parts = [phases[(*head, p)] for p in range(stride[axis])]
            if len(parts) == 1:
                joined[head] = parts[0]
                continue
            stacked = jnp.stack(parts, axis + 2)
            shape = parts[0].shape
            joined[head] = stacked.reshape(*shape[: axis + 1], shape[axis + 1] * stride[axis], *shape[axis + 2 :])
        phases = joined
    return phases[()]


def _named(window: Size, stride: Size, dilation: Size):
    return ("window", window), ("stride", stride), ("dilation", dilation)


def _padding(name: str, padding: Padding, where: Windows) -> tuple[tuple[int, int], ...]:
    axes = len(where.sizes)
    if padding == "VALID":
        return ((0, 0),) * axes
    if padding == "SAME":
        totals = [
            max((-(-n // s) - 1) * s + e - n, 0)
            for n, s, e in zip(where.sizes, where.stride, where.extent, strict=True)
        ]
        return tuple((total // 2, total - total // 2) for total in totals)
    each: tuple[Any, ...] = padding if isinstance(padding, tuple) else (padding,) * axes
    pairs: tuple[Any, ...] = tuple(pair if isinstance(pair, tuple) else (pair, pair) for pair in each)
    whole = all(len(pair) == 2 and all(_is_whole(number) and number >= 0 for number in pair) for pair in pairs)
    if len(pairs) != axes or not whole:
        raise ValueError(
            f"{name}: padding = {padding!r}, wanted 'SAME', 'VALID', a number of entries >= 0, or a tuple of {axes}, "
            "one for each spatial axis, each a number or a (low, high) pair."
        )
    return pairs


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
