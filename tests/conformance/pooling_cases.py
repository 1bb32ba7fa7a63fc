"""The rows of the conformance table for pooling: loops over windows in NumPy."""

import itertools

import numpy as np
from cases import Case, generator

from fnn import rules


def each(value, axes: int) -> tuple:
    return value if isinstance(value, tuple) else (value,) * axes


def windows(x, window, stride, padding, dilation):
    """Yield for each output its index, and those of its window that are no padding: (batch, entries, channels)."""
    sizes, axes = x.shape[1:-1], x.ndim - 2
    k, d = each(window, axes), each(dilation, axes)
    s = k if stride is None else each(stride, axes)
    if padding == "SAME":
        need = [max((-(-n // b) - 1) * b + (a - 1) * c + 1 - n, 0) for n, a, b, c in zip(sizes, k, s, d, strict=True)]
        pairs = [(total // 2, total - total // 2) for total in need]
    else:
        given = each(0 if padding == "VALID" else padding, axes)
        pairs = [pair if isinstance(pair, tuple) else (pair, pair) for pair in given]
    outputs = [
        (n + sum(pair) - (a - 1) * c - 1) // b + 1 for n, a, b, c, pair in zip(sizes, k, s, d, pairs, strict=True)
    ]
    for o in np.ndindex(*outputs):
        places = itertools.product(
            *(
                [p for p in (i * b + j * c - pair[0] for j in range(a)) if 0 <= p < n]
                for i, n, a, b, c, pair in zip(o, sizes, k, s, d, pairs, strict=True)
            )
        )
        yield o, outputs, np.stack([x[(slice(None), *place)] for place in places], 1)


def pooled(x, reduce, *configuration):
    y = None
    for o, outputs, entries in windows(x, *configuration):
        y = np.empty((len(x), *outputs, x.shape[-1])) if y is None else y
        y[(slice(None), *o)] = reduce(entries)
    return y


def max_pool(x, window, stride=None, padding="VALID", dilation=1):
    return pooled(x, lambda entries: entries.max(1), window, stride, padding, dilation)


def average_pool(x, window, stride=None, padding="VALID", dilation=1, count_padding=False):
    size = np.prod(each(window, x.ndim - 2))

    def reduce(entries):
        return entries.sum(1) / (size if count_padding else entries.shape[1])

    return pooled(x, reduce, window, stride, padding, dilation)


def l2_pool(x, window, stride=None, padding="VALID", dilation=1):
    return pooled(x, lambda entries: np.sqrt((entries**2).sum(1)), window, stride, padding, dilation)


def adaptive(x, reduce, size):
    counts = each(size, x.ndim - 2)
    y = np.empty((len(x), *counts, x.shape[-1]))
    for o in np.ndindex(*counts):
        box = tuple(
            slice(int(np.floor(i * n / m)), int(np.ceil((i + 1) * n / m)))
            for i, n, m in zip(o, x.shape[1:-1], counts, strict=True)
        )
        y[(slice(None), *o)] = reduce(x[(slice(None), *box)], axis=tuple(range(1, x.ndim - 1)))
    return y


def apart(name: str, *shape: int) -> np.ndarray:
    """Numbers a tenth apart, none of them zero: no step of the finite differences changes which is the largest."""
    size = int(np.prod(shape))
    return (generator(name).permutation(size) - size // 2 + 0.5).reshape(shape) / 10


def rows(rule, reference, *cases) -> list[Case]:
    return [
        Case(
            rule,
            ", ".join(f"{k}={v}" for k, v in static.items()) or "default",
            (apart(f"pooled {rule.name}", *shape),),
            static,
            reference,
            length=length,
        )
        for shape, static, length in cases
    ]


LINE = ((2, 5, 2), {"window": 2}, 2)
PLANE = ((1, 4, 5, 1), {"window": (3, 2), "stride": (2, 1), "padding": "SAME", "dilation": (1, 2)}, 12)
SPACE = ((1, 3, 2, 3, 1), {"window": 2, "stride": (1, 2, 1), "padding": ((1, 0), 0, 1)}, 16)
COUNTED = (PLANE[0], PLANE[1] | {"count_padding": True}, PLANE[2])
UNEVEN = ((1, 5, 4, 1), {"size": (3, 6)}, 8)
EVEN = ((2, 4, 3, 1), {"size": (2, 1)}, 6)
DEEP = ((1, 3, 2, 4, 1), {"size": (3, 2, 3)}, 36)

POOLING: list[Case] = [
    *rows(rules.max_pool, max_pool, LINE, PLANE, SPACE),
    *rows(rules.average_pool, average_pool, LINE, COUNTED, SPACE),
    *rows(rules.l2_pool, l2_pool, LINE, PLANE, SPACE),
    *rows(rules.global_max_pool, lambda x: x.max(tuple(range(1, x.ndim - 1))), ((2, 3, 2, 2), {}, 2)),
    *rows(rules.global_average_pool, lambda x: x.mean(tuple(range(1, x.ndim - 1))), ((2, 3, 2, 2), {}, 6)),
    *rows(rules.adaptive_max_pool, lambda x, size: adaptive(x, np.max, size), UNEVEN, EVEN, DEEP),
    *rows(rules.adaptive_average_pool, lambda x, size: adaptive(x, np.mean, size), UNEVEN, EVEN, DEEP),
]
