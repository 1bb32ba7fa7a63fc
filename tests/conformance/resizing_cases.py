"""The rows of the conformance table for up-sampling, pixel shuffle, padding and concatenation."""

import itertools
from typing import Any

import numpy as np
from cases import Case, normal

from fnn import rules

NUMPY: dict[str, Any] = {"zeros": "constant", "reflect": "reflect", "circular": "wrap", "replicate": "edge"}


def each(value, axes: int) -> tuple:
    return value if isinstance(value, tuple) else (value,) * axes


def upsample_nearest(x, factor):
    for axis, r in enumerate(each(factor, x.ndim - 2), start=1):
        x = np.repeat(x, r, axis)
    return x


def upsample_linear(x, factor, align_corners=False):
    """Interpolate between the entries as between points of a curve, which goes on level beyond its ends."""
    for axis, r in enumerate(each(factor, x.ndim - 2), start=1):
        n = x.shape[axis]
        places = np.linspace(0, n - 1, n * r) if align_corners else (np.arange(n * r) + 0.5) / r - 0.5
        x = np.apply_along_axis(lambda curve, n=n, places=places: np.interp(places, np.arange(n), curve), axis, x)
    return x


def pixel_shuffle(x, factor):
    factors = each(factor, x.ndim - 2)
    block, channels = int(np.prod(factors)), x.shape[-1] // int(np.prod(factors))
    y = np.empty((len(x), *(n * r for n, r in zip(x.shape[1:-1], factors, strict=True)), channels))
    for number, phase in enumerate(itertools.product(*map(range, factors))):
        places = tuple(slice(p, None, r) for p, r in zip(phase, factors, strict=True))
        for c in range(channels):
            y[(slice(None), *places, c)] = x[..., c * block + number]
    return y


def pixel_unshuffle(x, factor):
    factors = each(factor, x.ndim - 2)
    block = int(np.prod(factors))
    y = np.empty((len(x), *(n // r for n, r in zip(x.shape[1:-1], factors, strict=True)), x.shape[-1] * block))
    for number, phase in enumerate(itertools.product(*map(range, factors))):
        places = tuple(slice(p, None, r) for p, r in zip(phase, factors, strict=True))
        for c in range(x.shape[-1]):
            y[..., c * block + number] = x[(slice(None), *places, c)]
    return y


def pad(x, padding, mode="zeros"):
    pairs = [pair if isinstance(pair, tuple) else (pair, pair) for pair in each(padding, x.ndim - 2)]
    return np.pad(x, [(0, 0), *pairs, (0, 0)], mode=NUMPY[mode])


def rows(rule, reference, length, *cases) -> list[Case]:
    return [
        Case(rule, ", ".join(f"{k}={v}" for k, v in static.items()), (normal("x", *shape),), static, reference, None, n)
        for shape, static, n in ((*case, length)[:3] for case in cases)
    ]


RESIZING: list[Case] = [
    *rows(
        rules.upsample_nearest,
        upsample_nearest,
        6,
        ((1, 3, 2), {"factor": 2}),
        ((2, 2, 3, 1), {"factor": (3, 2)}),
        ((1, 1, 2, 2, 1), {"factor": (2, 1, 2)}),
    ),
    *rows(
        rules.upsample_linear,
        upsample_linear,
        24,
        ((1, 4, 2), {"factor": 3}),
        ((2, 2, 3, 1), {"factor": (2, 3), "align_corners": True}),
        ((1, 3, 1, 2), {"factor": 2, "align_corners": False}),
        ((1, 2, 1, 3, 1), {"factor": (2, 3, 1), "align_corners": True}),
    ),
    *rows(
        rules.pixel_shuffle,
        pixel_shuffle,
        1,
        ((2, 3, 4), {"factor": 2}),
        ((1, 2, 1, 12), {"factor": (3, 2)}),
    ),
    *rows(
        rules.pixel_unshuffle,
        pixel_unshuffle,
        1,
        ((2, 4, 2), {"factor": 2}),
        ((1, 3, 4, 2), {"factor": (3, 2)}),
    ),
]

PADDING: list[Case] = [
    *rows(
        rules.pad,
        pad,
        9,
        ((2, 3, 2), {"padding": 2}),
        ((1, 4, 3, 1), {"padding": (3, (0, 1)), "mode": "reflect"}),
        ((2, 2, 3, 1), {"padding": ((2, 1), 3), "mode": "circular"}),
        ((1, 1, 3, 2), {"padding": ((0, 2), 3), "mode": "replicate"}),
        ((1, 2, 3, 2, 1), {"padding": (1, (2, 0), 1), "mode": "reflect"}),
        ((1, 2, 3, 1), {"padding": ((1, 0), 2), "mode": "zeros"}),
    ),
    Case(rules.concatenate, "default", ((normal("a", 2, 3), normal("b", 2, 1)),), {}, lambda xs: np.concatenate(xs, 1)),
    Case(
        rules.concatenate,
        "axis=1",
        ((normal("a", 2, 1, 2), normal("b", 2, 2, 2), normal("c", 2, 0, 2)),),
        {"axis": 1},
        np.concatenate,
    ),
    Case(rules.concatenate, "one", ((normal("a", 4),),), {"axis": 0}, np.concatenate),
]
