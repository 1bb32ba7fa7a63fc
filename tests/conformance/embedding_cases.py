"""The rows of the conformance table for embeddings, and for what picks rows by integers."""

import numpy as np
from cases import Case, generator, normal, uniform
from loss_cases import reduced, softmax_cross_entropy

from fnn import rules


def embedding(ids, w, padding_id=None):
    return np.stack([w[i] for i in ids.reshape(-1)]).reshape(*ids.shape, w.shape[1])


def embedding_without(ids, w, padding_id):
    """Hold the row of the padding fast, as the gradient does."""
    fixed = np.where(np.arange(len(w))[:, None] == padding_id, TABLE, w)
    return embedding(ids, fixed)


def head(x, w, targets, b=None, a=None, label_smoothing=0.0, ignore_label=None, soft_cap=None):
    z = x @ w if b is None else x @ w + b
    z = z if soft_cap is None else soft_cap * np.tanh(z / soft_cap)
    return softmax_cross_entropy(z, targets, a, label_smoothing, ignore_label)


def softmax(z):
    p = np.exp(z - z.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def route(z, k=1, normalise=True):
    experts = np.argsort(-z, axis=-1, kind="stable")[..., :k]
    p = np.take_along_axis(softmax(z), experts, -1)
    return p / p.sum(-1, keepdims=True) if normalise else p, experts


def balance_loss(z, experts):
    count = z.shape[-1]
    f = np.array([(experts == e).mean() for e in range(count)])
    return count * (f * softmax(z).reshape(-1, count).mean(0)).sum()


def slots(experts, num_experts, capacity):
    """Return {(token, choice): (expert, slot)} by handing out the slots one by one."""
    taken, found = [0] * num_experts, {}
    for j in range(experts.shape[1]):
        for t in range(experts.shape[0]):
            e = experts[t, j]
            if taken[e] < capacity:
                found[t, j] = (e, taken[e])
                taken[e] += 1
    return found


def dispatch(x, experts, num_experts, capacity):
    y = np.zeros((num_experts, capacity, x.shape[1]))
    for (t, _), slot in slots(experts, num_experts, capacity).items():
        y[slot] = x[t]
    return y


def combine(y, weights, experts):
    z = np.zeros((len(weights), y.shape[2]))
    for (t, j), slot in slots(experts, *y.shape[:2]).items():
        z[t] += weights[t, j] * y[slot]
    return z


IDS = generator("ids").integers(0, 4, size=(2, 3))
TABLE = normal("table", 5, 3)

EMBEDDING: list[Case] = [
    Case(rules.embedding, "one id", (np.asarray(2), TABLE), {}, embedding),
    Case(rules.embedding, "every id twice", (np.array([0, 3, 3, 0, 4]), TABLE), {}, embedding, length=2),
    Case(rules.embedding, "padding", (IDS, TABLE), {"padding_id": 1}, embedding, embedding_without, length=6),
]

LCE, LINEAR_CROSS_ENTROPY = rules.linear_cross_entropy, reduced(head, 3)
X, W, B = normal("features", 4, 2), normal("head", 2, 5), normal("head bias", 5)
LABELS, IGNORED = np.array([4, 0, 3, 0]), np.array([2, -100, 0, 2])
WEIGHTS, CLASS_WEIGHTS = uniform("weights", 4, low=0.2, high=1.7), uniform("class weights", 5, low=0.3, high=2.0)
EVERYTHING = {"label_smoothing": 0.2, "ignore_label": -100, "soft_cap": 2.0}

HEADS: list[Case] = [
    Case(LCE, "mean", (X, W, LABELS), {}, LINEAR_CROSS_ENTROPY, length=12),
    Case(LCE, "sum weighted", (X, W, LABELS, WEIGHTS, B), {"reduction": "sum"}, LINEAR_CROSS_ENTROPY, length=12),
    Case(
        LCE,
        "everything",
        (X, W, IGNORED, WEIGHTS, B, CLASS_WEIGHTS),
        EVERYTHING,
        LINEAR_CROSS_ENTROPY,
        length=12,
    ),
    Case(
        LCE,
        "everything, none",
        (X.reshape(2, 2, 2), W, IGNORED.reshape(2, 2), WEIGHTS[:2], B, CLASS_WEIGHTS),
        EVERYTHING | {"reduction": "none"},
        LINEAR_CROSS_ENTROPY,
        length=12,
    ),
]

ROUTER = normal("router", 4, 3) + np.array([0.0, 0.4, 0.8])
CHOSEN = np.array([[2, 1], [2, 0], [1, 2], [2, 1]])
BUFFERS, SHARES = normal("buffers", 3, 2, 2), uniform("shares", 4, 2, low=0.2, high=0.8)

ROUTING: list[Case] = [
    Case(rules.route, "mixtral", (ROUTER.reshape(2, 2, 3),), {"k": 2}, route, length=3),
    Case(rules.route, "switch", (ROUTER,), {"k": 1, "normalise": False}, route, length=3),
    Case(rules.balance_loss, "two of three", (ROUTER, CHOSEN), {}, balance_loss, length=12),
    Case(rules.dispatch, "with drops", (normal("tokens", 4, 2), CHOSEN), {"num_experts": 3, "capacity": 2}, dispatch),
    Case(rules.combine, "with drops", (BUFFERS, SHARES, CHOSEN), {}, combine, length=2),
]
