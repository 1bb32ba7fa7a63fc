"""The rows of the conformance table for recurrences: step after step, row after row, in NumPy."""

import numpy as np
from cases import Case, generator, normal

from fnn import rules


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def run(step, x, states, lengths):
    """Apply step(x, *states) -> states to each row as far as it goes; the first state is the output."""
    rows, time, last = x.shape[0], x.shape[1], [s.copy() for s in states]
    y = np.zeros((rows, time, states[0].shape[1]))
    for row in range(rows):
        for t in range(time if lengths is None else lengths[row]):
            after = step(x[row, t], *(s[row] for s in last))
            for state, new in zip(last, after, strict=True):
                state[row] = new
            y[row, t] = after[0]
    return y, last


def zeros(state, x, features):
    return np.zeros((x.shape[0], features)) if state is None else state


def rnn(x, w, u, b=None, h0=None, lengths=None, activation="tanh"):
    f = np.tanh if activation == "tanh" else lambda z: np.maximum(z, 0)
    b = 0.0 if b is None else b
    y, (h,) = run(lambda x, h: [f(x @ w + h @ u + b)], x, [zeros(h0, x, len(u))], lengths)
    return y, h


def gru(x, w, u, b=None, recurrent_b=None, h0=None, lengths=None, reset="after"):
    n = len(u)
    b, c = (np.zeros(3 * n) if b is None else b), (0.0 if recurrent_b is None else recurrent_b)

    def step(x, h):
        z = x @ w + b
        r = sigmoid(z[:n] + h @ u[:, :n])
        update = sigmoid(z[n : 2 * n] + h @ u[:, n : 2 * n])
        recurrent = r * (h @ u[:, 2 * n :] + c) if reset == "after" else (r * h) @ u[:, 2 * n :]
        return [update * h + (1 - update) * np.tanh(z[2 * n :] + recurrent)]

    y, (h,) = run(step, x, [zeros(h0, x, n)], lengths)
    return y, h


def lstm(x, w, u, b=None, h0=None, c0=None, lengths=None, peepholes=None, projection=None):
    n = u.shape[1] // 4
    p = np.zeros((3, n)) if peepholes is None else peepholes

    def step(x, h, c):
        a_i, a_f, a_g, a_o = np.split(x @ w + h @ u + (0.0 if b is None else b), 4)
        c_new = sigmoid(a_f + p[1] * c) * c + sigmoid(a_i + p[0] * c) * np.tanh(a_g)
        m = sigmoid(a_o + p[2] * c_new) * np.tanh(c_new)
        return [m if projection is None else m @ projection, c_new]

    y, (h, c) = run(step, x, [zeros(h0, x, len(u)), zeros(c0, x, n)], lengths)
    return y, h, c


def normalised_lstm(z, u, s, k, q, h0=None, c0=None, lengths=None, eps=1e-5):
    n = len(u)

    def norm(x):
        return (x - x.mean()) / np.sqrt(x.var() + eps)

    def step(z, h, c):
        a_i, a_f, a_g, a_o = np.split(z + s * norm(h @ u), 4)
        c_new = sigmoid(a_f) * c + sigmoid(a_i) * np.tanh(a_g)
        return [sigmoid(a_o) * np.tanh(k * norm(c_new) + q), c_new]

    y, (h, c) = run(step, z, [zeros(h0, z, n), zeros(c0, z, n)], lengths)
    return y, h, c


def reverse_sequences(x, lengths=None):
    y = np.empty_like(x)
    for row in range(len(x)):
        n = x.shape[1] if lengths is None else lengths[row]
        y[row] = np.concatenate([x[row, :n][::-1], x[row, n:][::-1]])
    return y


def weights(gates: int, hidden: int = 2, outputs: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    shapes = ((3, gates * hidden), (outputs, gates * hidden), (gates * hidden,))
    return tuple(normal(f"recurrence {gates} {hidden} {shape}", *shape, scale=0.7) for shape in shapes)  # type: ignore


X1, X3, X4 = normal("one step", 2, 1, 3), normal("three steps", 2, 3, 3), normal("four steps", 3, 4, 3)
H2, H3, C3 = normal("h of two rows", 2, 2), normal("h of three rows", 3, 2), normal("c of three rows", 3, 3)
LENGTHS = np.array([4, 0, 2])
W1, U1, B1 = weights(1)
W3, U3, B3 = weights(3)
W4, U4, B4 = weights(4)
WP, UP, BP = weights(4, 3)  # three cells, projected to two outputs
RECURRENT_B = normal("recurrent bias", 2)
PEEPHOLES, PROJECTION = normal("peepholes", 3, 3, scale=0.7), normal("projection", 3, 2, scale=0.7)
Z, U_N = normal("products", 3, 4, 12), normal("normalised", 3, 12)
SCALES = normal("scale of the cell", 3), normal("offset of the cell", 3)
# All units well above the kink, or well below, from step to step.
POSITIVE = np.abs(generator("positive").normal(size=(2, 3, 3))) + 0.5

RECURRENCE: list[Case] = [
    Case(rules.rnn, "one step", (X1, W1, U1), {}, rnn, length=8),
    Case(rules.rnn, "lengths", (X4, W1, U1, B1, H3, LENGTHS), {}, rnn, length=16),
    Case(
        rules.rnn,
        "relu",
        (POSITIVE, np.abs(W1) * np.array([1.0, -1.0]), np.abs(U1) * np.array([0.5, -0.5]), np.array([0.4, -0.4])),
        {"activation": "relu"},
        rnn,
        length=16,
    ),
    Case(rules.gru, "one step", (X1, W3, U3), {}, gru, length=8),
    Case(rules.gru, "after", (X4, W3, U3, B3, RECURRENT_B, H3, LENGTHS), {}, gru, length=24),
    Case(rules.gru, "before", (X3, W3, U3, B3, None, H2, np.array([3, 1])), {"reset": "before"}, gru, length=24),
    Case(
        rules.normalised_lstm,
        "lengths",
        (Z, U_N, normal("scale of the recurrent products", 12), *SCALES, normal("h", 3, 3), C3, LENGTHS),
        {"eps": 0.1},
        normalised_lstm,
        length=36,
    ),
    Case(rules.reverse_sequences, "whole", (X3[..., 0],), {}, reverse_sequences),
    Case(rules.reverse_sequences, "lengths", (X4, LENGTHS), {}, reverse_sequences),
    Case(rules.lstm, "one step", (X1, W4, U4), {}, lstm, length=8),
    Case(rules.lstm, "plain", (X3, W4, U4, B4, H2, normal("c", 2, 2)), {}, lstm, length=24),
    Case(
        rules.lstm,
        "everything",
        (X4, WP, UP, BP, H3, C3, LENGTHS, PEEPHOLES, PROJECTION),
        {},
        lstm,
        length=32,
    ),
]
