"""The rows of the conformance table for the gates of a graph, products of matrices, reductions and penalties."""

import numpy as np
from cases import Case, clear_of, generator, normal, uniform

from fnn import rules

# Every way in which two shapes can broadcast: equal, one axis stretched, both, an axis added, a scalar.
SHAPES = {
    "equal": ((3, 4), (3, 4)),
    "row": ((3, 4), (4,)),
    "scalar": ((), (3, 4)),
    "outer": ((3, 1), (1, 4)),
    "both and added": ((2, 1, 4), (3, 1)),
}


def tenths(name: str, *shape: int) -> np.ndarray:
    return np.asarray(generator(name).integers(-20, 20, size=shape) / 10)


def signed(name: str, *shape: int) -> np.ndarray:
    """Numbers of either sign with a size in [0.5, 2]."""
    return uniform(name, *shape, low=0.5, high=2.0) * np.sign(normal("sign of " + name, *shape))


def pairs(rule, reference, left, right) -> list[Case]:
    return [
        Case(rule, label, (left("x", *x), right("y", *y)), {}, reference, length=12) for label, (x, y) in SHAPES.items()
    ]


def positive(name: str, *shape: int) -> np.ndarray:
    return uniform(name, *shape, low=0.5, high=2.5)


def apart(name: str, *shape: int) -> np.ndarray:
    return tenths(name, *shape) + 0.05


GATES: list[Case] = [
    *pairs(rules.add, lambda x, y: x + y, normal, normal),
    *pairs(rules.subtract, lambda x, y: x - y, normal, normal),
    *pairs(rules.multiply, lambda x, y: x * y, normal, normal),
    *pairs(rules.divide, lambda x, y: x / y, normal, signed),
    *pairs(rules.maximum, lambda x, y: np.where(x > y, x, y), tenths, apart),
    *pairs(rules.minimum, lambda x, y: np.where(x < y, x, y), tenths, apart),
    *pairs(rules.power, lambda x, y: x**y, positive, normal),
    Case(rules.power, "integers", (signed("base", 2, 3), np.array([[-2, 0, 1], [2, 3, -1]])), {}, lambda x, y: x**y),
    Case(rules.copy, "default", (normal("copied", 3, 4),), {}, lambda x, count=2: (x,) * count, length=2),
    Case(rules.copy, "count=3", (normal("copied", 4),), {"count": 3}, lambda x, count=2: (x,) * count, length=3),
    Case(rules.copy, "count=1", (normal("copied", 4),), {"count": 1}, lambda x, count=2: (x,) * count),
]


def linear(x, w, b=None):
    y = np.tensordot(x, w, 1)
    return y if b is None else y + b


def bilinear(x1, x2, w, b=None):
    y = np.einsum("...i,ijk,...j->...k", x1, w, x2)
    return y if b is None else y + b


W, B = normal("w", 5, 3), normal("b", 3)
W3 = normal("w3", 3, 4, 2, scale=0.7)
BATCHES = {"no batch axis": (), "one batch axis": (4,), "two batch axes": (2, 3)}

PRODUCTS: list[Case] = [
    *(
        Case(
            rules.linear,
            f"{label}, {'bias' if bias else 'no bias'}",
            (normal("x", *batch, 5), W, *bias),
            {},
            linear,
            length=6,
        )
        for label, batch in BATCHES.items()
        for bias in ((), (B,))
    ),
    Case(rules.linear, "bias None", (normal("x", 4, 5), W, None), {}, linear, length=6),
    *(
        Case(
            rules.bilinear,
            f"{label}, {'bias' if bias else 'no bias'}",
            (normal("x1", *batch, 3), normal("x2", *batch, 4), W3, *bias),
            {},
            bilinear,
            length=24,
        )
        for (label, batch), bias in zip(BATCHES.items(), [(), (normal("b2", 2),), (normal("b2", 2),)], strict=True)
    ),
    Case(rules.matmul, "matrices", (normal("x", 3, 4), normal("y", 4, 2)), {}, np.matmul, length=4),
    Case(rules.matmul, "stacks", (normal("x", 2, 3, 4), normal("y", 2, 4, 2)), {}, np.matmul, length=4),
    Case(rules.matmul, "stretched", (normal("x", 2, 1, 3, 4), normal("y", 3, 4, 2)), {}, np.matmul, length=12),
    Case(rules.matmul, "a stack and a matrix", (normal("x", 2, 3, 4), normal("y", 4, 2)), {}, np.matmul, length=8),
]

X3 = normal("summed", 2, 3, 4)
AXES = [{}, {"axis": 1}, {"axis": (0, -1), "keepdims": True}, {"axis": (), "keepdims": False}]


def label_of(static) -> str:
    return ", ".join(f"{k}={v}" for k, v in static.items()) or "default"


REDUCTIONS: list[Case] = [
    *(Case(rules.sum, label_of(static), (X3,), static, np.sum, length=24) for static in AXES),
    *(Case(rules.mean, label_of(static), (X3,), static, np.mean, length=24) for static in AXES),
    Case(rules.dot, "vectors", (normal("x", 5), normal("y", 5)), {}, np.dot, length=5),
    Case(rules.dot, "rows", (normal("x", 2, 3, 4), normal("y", 2, 3, 4)), {}, lambda x, y: (x * y).sum(-1), length=4),
]

TREE = {"w": clear_of(normal("weights", 3, 4), 0.0), "rest": (clear_of(normal("biases", 4), 0.0), np.array(0.7))}


def over_leaves(function):
    def reference(params, strength=1.0):
        leaves = (params["w"], *params["rest"]) if isinstance(params, dict) else (params,)
        return strength * sum(function(leaf).sum() for leaf in leaves)

    return reference


PENALTIES: list[Case] = [
    Case(rule, label, (params,), static, over_leaves(function), length=17)
    for rule, function in ((rules.l1_penalty, np.abs), (rules.l2_penalty, lambda w: w**2 / 2))
    for label, params, static in (("tree", TREE, {}), ("one array, strength", TREE["w"], {"strength": 0.3}))
]
