"""The worked numbers of the lectures, in float64: the slides on back-propagation, and on networks from scratch.

"Slides" are LAPENNA lecture 4 (Wong and Tomov, University of Tennessee, 2022), whose 2-2-2 network is Mazur's
"A step by step backpropagation example" (2015); "from scratch" is the lecture on artificial neural networks from
scratch that the same course reads.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import rules


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


RATE = 0.5
INPUTS, TARGETS = np.array([0.05, 0.10]), np.array([0.01, 0.99])
W_HIDDEN = np.array([[0.15, 0.25], [0.20, 0.30]])  # w1, w3 leave i1; w2, w4 leave i2
W_OUT = np.array([[0.40, 0.50], [0.45, 0.55]])  # w5, w7 leave h1; w6, w8 leave h2
B_HIDDEN, B_OUT = np.array([0.35, 0.35]), np.array([0.60, 0.60])


def forward(w_hidden, w_out):
    h = rules.sigmoid(rules.linear(jnp.asarray(INPUTS), w_hidden, jnp.asarray(B_HIDDEN)))
    o = rules.sigmoid(rules.linear(h, w_out, jnp.asarray(B_OUT)))
    return h, o


def error(w_hidden, w_out):
    return rules.half_squared_error(forward(w_hidden, w_out)[1], jnp.asarray(TARGETS), reduction="sum")


def near(got, want, digits=1e-13):
    """Full printed precision by default: the log was computed in float64 with e = 2.7182818284, right to 2e-11."""
    np.testing.assert_allclose(np.asarray(got), want, rtol=0, atol=digits)


LOG = 5e-11  # the log's e = 2.7182818284 is short of e by 5e-11


def test_forward_of_the_2_2_2_network():
    """Slides, the printed log of "forward propagation" and of "Error"."""
    h, o = forward(W_HIDDEN, W_OUT)
    near(h, [0.5932699921052087, 0.5968843782577157], LOG)
    near(o, [0.7513650695475076, 0.772928465316421], LOG)
    each = rules.half_squared_error(o, jnp.asarray(TARGETS), reduction="none")
    near(each, [0.2748110831725904, 0.023560025584942117], LOG)
    near(error(W_HIDDEN, W_OUT), 0.29837110875753253, LOG)


def test_backward_of_the_2_2_2_network():
    """Slides, the printed log of "Backpropagation"; grad_w2 there uses i1 for i2, and is half of what is right."""
    _, o = forward(W_HIDDEN, W_OUT)
    grad_o = jax.grad(lambda o: rules.half_squared_error(o, jnp.asarray(TARGETS), reduction="sum"))(o)
    near(grad_o, [0.7413650695475076, -0.21707153468357898], LOG)
    near(jax.vjp(rules.sigmoid, jnp.log(o / (1 - o)))[1](grad_o)[0], [0.13849856162945076, -0.03809823651803844], LOG)
    dw_hidden, dw_out = jax.grad(error, (0, 1))(W_HIDDEN, W_OUT)
    w5, w6, w7, w8 = 0.08216704056448701, 0.08266762784778263, -0.02260254047827904, -0.02274024221678477
    near(dw_out, [[w5, w7], [w6, w8]], LOG)
    w1, w3, w4 = 0.0004385677344703895, 0.0004977127352567136, 0.0009954254705134271
    near(dw_hidden, [[w1, w3], [2 * w1, w4]], LOG)


def test_hidden_cotangents_of_the_2_2_2_network():
    """Slides, grad_h1 and grad_h2 of the log; one figure says -0.019485 for o2's part of it, the text -0.019049119."""
    h, _ = forward(W_HIDDEN, W_OUT)

    def rest(h):
        o = rules.sigmoid(rules.linear(h, jnp.asarray(W_OUT), jnp.asarray(B_OUT)))
        return rules.half_squared_error(o, jnp.asarray(TARGETS), reduction="none")

    by_output = jax.jacrev(rest)(h)
    near(by_output[:, 0], [0.055399425, -0.019049119], 1e-9)
    near(by_output.sum(0), [0.036350306392761086, 0.04137032264833171], LOG)


def test_one_step_of_gradient_descent():
    """Slides, "w1+" to "w8+"; the log's w2+ = 0.19978071613 uses i1, and w2+ = 0.19950143 misprints 0.19956143."""
    dw_hidden, dw_out = jax.grad(error, (0, 1))(W_HIDDEN, W_OUT)
    w5, w6, w7, w8 = 0.35891647971775653, 0.4086661860761087, 0.5113012702391395, 0.5613701211083925
    near(W_OUT - RATE * dw_out, [[w5, w7], [w6, w8]], LOG)
    hidden = W_HIDDEN - RATE * dw_hidden
    w1, w3, w4 = 0.1497807161327648, 0.24975114363237164, 0.29950228726474326
    near(hidden[[0, 0, 1], [0, 1, 1]], [w1, w3, w4], LOG)
    near(hidden[1, 0], 0.19956143, 5e-9)


def test_graph_of_f_equals_x_plus_y_times_z():
    """Slides, "Computational Graph": f = (x + y) z at x = -2, y = 5, z = -4 is -12 with gradients -4, -4, 3."""

    def f(x, y, z):
        return rules.multiply(rules.add(x, y), z)

    assert float(f(-2.0, 5.0, -4.0)) == -12.0
    assert [float(g) for g in jax.grad(f, (0, 1, 2))(-2.0, 5.0, -4.0)] == [-4.0, -4.0, 3.0]


def test_neuron_with_z_equal_to_one():
    """Slides, "Forward Calculation represented as a graph": Z = 4 - 3 = 1 and Y = 0.731; its gradient is 0.2.

    The slide prints the factors with wrong signs, (-1)(-2) + (-2)(3), which is no 4; CS231n, whose graph it is, has
    w = (2, -3), b = -3 and x = (-1, -2).
    """

    def neuron(w, x, b):
        return rules.sigmoid(rules.add(rules.dot(w, x), b))

    w, x, b = jnp.array([2.0, -3.0]), jnp.array([-1.0, -2.0]), jnp.array(-3.0)
    y, pull = jax.vjp(neuron, w, x, b)
    near(y, 0.731, 5e-4)
    dw, dx, db = pull(jnp.ones_like(y))
    near(db, 0.2, 5e-3)  # "[1.00] x [(1 - 0.73)(0.73)] = 0.2"
    near(dw, np.array([-1.0, -2.0]) * 0.19661193324148185)
    near(dx, np.array([2.0, -3.0]) * 0.19661193324148185)


def test_activation_function_example():
    """Slides, "Activation Function Example": g(1 + 3 (-1) - 2 (2)) = g(-6), about 0.002."""
    y = rules.sigmoid(rules.linear(jnp.array([-1.0, 2.0]), jnp.array([[3.0], [-2.0]]), jnp.array([1.0])))
    near(y, [0.002], 5e-4)
    near(y, [1 / (1 + np.exp(6.0))])


def test_cross_entropies_of_the_digits():
    """Slides, "Evaluating the Error": -log of the probability of each label, to the digits printed."""
    wanted = {0.2: 1.61, 1.0: 0.0, 0.7: 0.356, 0.9: 0.105}
    p = np.array(list(wanted))
    rows = jnp.asarray(np.stack([p, 1 - p], -1))
    got = rules.cross_entropy(rows, jnp.zeros(4, int), reduction="none")
    near(got, list(wanted.values()), 1e-3)  # -log 0.7 is 0.35667, which the slide cuts to 0.356
    near(got, -np.log(p))


def test_update_rule_of_one_neuron():
    """From scratch, "A single neuron": zero weights, x = (0, 1), y = 0: E = 0.125 and dE/dw = 0.5 * 0.25 * x."""

    def error(w, b):
        o = rules.sigmoid(rules.linear(jnp.array([0.0, 1.0]), w, b))
        return rules.half_squared_error(o, jnp.zeros(1), reduction="sum")

    w, b = jnp.zeros((2, 1)), jnp.zeros(1)
    value, (dw, db) = jax.value_and_grad(error, (0, 1))(w, b)
    assert float(value) == 0.125
    np.testing.assert_array_equal(dw, [[0.0], [0.5 * 0.25 * 1.0]])
    np.testing.assert_array_equal(db, [0.5 * 0.25])
    np.testing.assert_array_equal(w - 0.1 * dw, [[0.0], [-0.0125]])


def test_matrix_form_of_the_three_level_network():
    """From scratch, "Build a 3-level neural network": the slides' formulas for dE_OS, dE_W1, dE_HS, dE_W0, dE_B."""
    draw = np.random.default_rng(4)
    x, w0, b1 = draw.normal(size=(1, 3)), draw.normal(size=(3, 4)), draw.normal(size=4)
    w1, b2, y = draw.normal(size=(4, 2)), draw.normal(size=2), draw.normal(size=(1, 2))

    def error(w0, b1, w1, b2):
        hidden = rules.sigmoid(rules.linear(jnp.asarray(x), w0, b1))
        return rules.squared_error(rules.sigmoid(rules.linear(hidden, w1, b2)), jnp.asarray(y))

    ho = 1 / (1 + np.exp(-(x @ w0 + b1)))
    oo = 1 / (1 + np.exp(-(ho @ w1 + b2)))
    d_os = 2 / 2 * (oo - y) * oo * (1 - oo)
    d_hs = d_os @ w1.T * ho * (1 - ho)
    got = jax.grad(error, (0, 1, 2, 3))(w0, b1, w1, b2)
    for gradient, want in zip(got, (x.T @ d_hs, d_hs[0], ho.T @ d_os, d_os[0]), strict=True):
        near(gradient, want)
