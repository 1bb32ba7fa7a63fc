"""The rows of the conformance table for convolution: loops over places and entries of the window in NumPy."""

import numpy as np
from cases import Case, normal

from fnn import rules


def each(value, axes: int) -> tuple:
    return value if isinstance(value, tuple) else (value,) * axes


def geometry(sizes, window, stride, padding, dilation):
    """Return for each axis (low padding, outputs, stride, dilation)."""
    axes = []
    given = padding if isinstance(padding, tuple) else (padding,) * len(sizes)
    strides, dilations = each(stride, len(sizes)), each(dilation, len(sizes))
    for n, k, s, d, pair in zip(sizes, window, strides, dilations, given, strict=True):
        extent = (k - 1) * d + 1
        if pair == "SAME":
            total = max((-(-n // s) - 1) * s + extent - n, 0)
            low, high = total // 2, total - total // 2
        else:
            low, high = (0, 0) if pair == "VALID" else pair if isinstance(pair, tuple) else (pair, pair)
        axes.append((low, (n + low + high - extent) // s + 1, s, d))
    return axes


def places(sizes, window, axes):
    """Yield (output index, entry of the window, input index) of all that is inside."""
    for o in np.ndindex(*(outputs for _, outputs, _, _ in axes)):
        for j in np.ndindex(*window):
            i = tuple(a * s + b * d - low for a, b, (low, _, s, d) in zip(o, j, axes, strict=True))
            if all(0 <= index < n for index, n in zip(i, sizes, strict=True)):
                yield o, j, i


def product(x, w, groups):
    """X·W on the last axis, run by run of features."""
    rows = np.split(x, groups, -1), np.split(w, groups, -1)
    return np.concatenate([a @ b for a, b in zip(*rows, strict=True)], -1)


def conv(x, w, b=None, stride=1, padding="VALID", dilation=1, groups=1):
    sizes, window = x.shape[1:-1], w.shape[:-2]
    axes = geometry(sizes, window, stride, padding, dilation)
    y = np.zeros((len(x), *(outputs for _, outputs, _, _ in axes), w.shape[-1]))
    for o, j, i in places(sizes, window, axes):
        y[(slice(None), *o)] += product(x[(slice(None), *i)], w[j], groups)
    return y if b is None else y + b


def conv_transpose(x, w, b=None, stride=1, padding="VALID", output_padding=0, dilation=1, groups=1):
    window, count = w.shape[:-2], x.shape[1:-1]
    axes, sizes = [], []
    extras = each(output_padding, len(count))
    given = padding if isinstance(padding, tuple) else (padding,) * len(count)
    for n, k, s, d, pair, more in zip(
        count, window, each(stride, len(count)), each(dilation, len(count)), given, extras, strict=True
    ):
        full = (n - 1) * s + (k - 1) * d + 1
        if pair == "SAME":
            low, size = max(full - n * s, 0) // 2, n * s
        else:
            low, high = (0, 0) if pair == "VALID" else pair if isinstance(pair, tuple) else (pair, pair)
            size = full - low - high + more
        axes.append((low, n, s, d))
        sizes.append(size)
    y = np.zeros((len(x), *sizes, w.shape[-1]))
    for o, j, i in places(sizes, window, axes):
        y[(slice(None), *i)] += product(x[(slice(None), *o)], w[j], groups)
    return y if b is None else y + b


def im2col(x, window, stride=1, padding="VALID", dilation=1):
    sizes = x.shape[1:-1]
    window = each(window, len(sizes))
    axes = geometry(sizes, window, stride, padding, dilation)
    y = np.zeros((len(x), *(outputs for _, outputs, _, _ in axes), *window, x.shape[-1]))
    for o, j, i in places(sizes, window, axes):
        y[(slice(None), *o, *j)] = x[(slice(None), *i)]
    return y


def col2im(x, size, stride=1, padding="VALID", dilation=1):
    window = x.shape[len(size) + 1 : -1]
    y = np.zeros((len(x), *size, x.shape[-1]))
    for o, j, i in places(size, window, geometry(size, window, stride, padding, dilation)):
        y[(slice(None), *i)] += x[(slice(None), *o, *j)]
    return y


def case(rule, reference, label: str, shapes, length: int, **static) -> Case:
    arguments = tuple(normal(f"{rule.name} {label} {i}", *shape, scale=1.0) for i, shape in enumerate(shapes))
    return Case(rule, label, arguments, static, reference, length=length)


CONVOLUTION: list[Case] = [
    case(
        rules.conv,
        conv,
        "all options",
        ((2, 4, 5, 4), (2, 2, 2, 4), (4,)),
        24,
        stride=(1, 2),
        padding=((1, 0), 1),
        dilation=(2, 1),
        groups=2,
    ),
    case(rules.conv, conv, "same, strided", ((1, 5, 4, 2), (3, 3, 2, 3)), 18, stride=2, padding="SAME"),
    case(rules.conv, conv, "pointwise", ((2, 3, 5, 2), (1, 1, 2, 3), (3,)), 30, stride=2),
    case(rules.conv, conv, "depthwise", ((2, 4, 3, 2), (3, 2, 1, 4)), 24, padding="SAME", groups=2),
    case(rules.conv, conv, "line", ((2, 6, 2), (3, 2, 3)), 12, dilation=2, padding=2),
    case(rules.conv, conv, "volume", ((1, 3, 2, 3, 2), (2, 2, 2, 2, 2)), 16, padding="SAME"),
    case(
        rules.conv_transpose,
        conv_transpose,
        "all options",
        ((2, 2, 3, 4), (3, 2, 2, 4), (4,)),
        60,
        stride=(2, 3),
        padding=((1, 0), 1),
        output_padding=(1, 0),
        dilation=(1, 2),
        groups=2,
    ),
    case(rules.conv_transpose, conv_transpose, "same", ((1, 3, 2, 2), (4, 3, 2, 3)), 24, stride=2, padding="SAME"),
    case(rules.conv_transpose, conv_transpose, "line", ((2, 3, 2), (2, 2, 1)), 12, stride=3),
    case(
        rules.im2col,
        im2col,
        "all options",
        ((2, 4, 5, 2),),
        6,
        window=(2, 3),
        stride=(2, 1),
        padding=1,
        dilation=(2, 1),
    ),
    case(
        rules.col2im,
        col2im,
        "all options",
        ((2, 2, 5, 2, 3, 2),),
        6,
        size=(4, 5),
        stride=(2, 1),
        padding=1,
        dilation=(2, 1),
    ),
]
