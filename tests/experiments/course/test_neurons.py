"""The neuron models: their values and derivatives are the slides', and the bias is a weight."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from experiments.__main__ import main
from experiments.course.neurons import MODELS, bias_as_weight, slope

SLIDES = {  # value and derivative, straight from the formulas, at points that are no kinks
    "step": (lambda v: -1 if v < 0 else 1, lambda v: 0),
    "ramp": (lambda v: 0 if v < -1 else 1 if v > 1 else (v + 1) / 2, lambda v: 0.5 if abs(v) < 1 else 0),
    "general sigmoid": (
        lambda v: -0.5 + 1 / (1 + math.exp(-3 * v)),
        lambda v: 3 * math.exp(-3 * v) / (1 + math.exp(-3 * v)) ** 2,
    ),
    "Gaussian": (
        lambda v: math.exp(-2 * v**2) / (math.sqrt(2 * math.pi) / 2),
        lambda v: -4 * v * math.exp(-2 * v**2) / (math.sqrt(2 * math.pi) / 2),
    ),
    "sigmoid": (lambda v: 1 / (1 + math.exp(-v)), lambda v: math.exp(-v) / (1 + math.exp(-v)) ** 2),
    "tanh": (math.tanh, lambda v: 1 / math.cosh(v) ** 2),
    "ReLU": (lambda v: max(0, v), lambda v: float(v > 0)),
}


def test_each_model_is_its_slides_formula():
    v = np.random.default_rng(0).uniform(-4, 4, 50)
    with jax.enable_x64(True):
        for name, model in MODELS.items():
            value, derivative = SLIDES[name.split(",")[0]]
            np.testing.assert_allclose(model(jnp.asarray(v)), [value(at) for at in v], atol=1e-14, err_msg=name)
            np.testing.assert_allclose(
                slope(model, jnp.asarray(v)), [derivative(at) for at in v], atol=1e-14, err_msg=name
            )


def test_the_bias_is_the_weight_of_an_input_that_is_one():
    with_bias, with_extra = bias_as_weight(16, 0)
    rounding = 17 * 10 * float(np.finfo(np.float32).eps)  # 17 terms of which none is above 10
    np.testing.assert_allclose(with_bias, with_extra, atol=rounding)


def test_the_models_are_drawn(tmp_path):
    assert main(["course.neurons", "--points", "101", "--out", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.glob("*.png")} == {"models.png", "general_sigmoids.png"}
    assert main(["course.neurons", "--points", "1", "--out", str(tmp_path)]) == 1
