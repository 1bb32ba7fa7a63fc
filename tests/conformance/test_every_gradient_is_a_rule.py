"""Every gradient of fnn is a rule's: of every rule, layer, loss and model, JAX differentiates nothing by itself.

Only rearranging is left to JAX, as contract 1 of the design allows. That the walk sees what it should is shown on the
same tables with the rules taken away.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from layers_table import LAYERS, inputs
from rules_table import CASES, RICHEST

import fnn
from experiments.course import digits, mnist
from fnn import layers, rules
from fnn.check.autodiffed import Autodiffed, autodiffed

PAGE = (Path(__file__).parents[2] / "README.md").read_text().split("```python\n")[1].split("```")[0]
KEY = jax.random.key(3)

# Their plain forward has nothing that JAX would have to differentiate.
REARRANGERS = {"identity", "concatenate", "pad", "pixel_shuffle", "pixel_unshuffle", "upsample_nearest"}
REARRANGING_RULES = {*REARRANGERS, "copy", "im2col"}
REARRANGING_LAYERS = {*REARRANGERS, "flatten", "reshape", "serial-empty"}


def of_layer(name: str) -> Autodiffed:
    """Ask about the output of a layer in training, by its parameters and its input."""
    net, x = LAYERS[name].make(), inputs(name)
    params, state = jax.eval_shape(net.init, KEY, x)

    def output(params, x, key):
        return net.apply(params, state, x, key=key, train=True)[0]

    return autodiffed(output, params, x, KEY)


def of_training(net: layers.Layer, loss, x, y) -> Autodiffed:
    """Ask about the loss of a network, by its parameters."""
    params, state = jax.eval_shape(net.init, KEY, x)
    return autodiffed(lambda params, state, x, y, key: loss(params, state, (x, y), key)[0], params, state, x, y, KEY)


def cross_entropy(net: layers.Layer):
    """Return the loss that the experiments of the course train by."""

    def loss(params, state, batch, key):
        logits, state = net.apply(params, state, batch[0], key=key, train=True)
        return rules.softmax_cross_entropy(logits, batch[1]), (state, {"accuracy": fnn.accuracy(logits, batch[1])})

    return loss


@pytest.mark.parametrize("name", CASES)
def test_of_every_rule_and_loss(name):
    case = CASES[name]
    found = autodiffed(case.rule, *case.arguments, **case.static)
    assert not found.differentiated, f"{found}"
    assert not found.structural and sum(item.count for item in found.rules) == 1


@pytest.mark.parametrize("name", RICHEST)
def test_a_rule_taken_away_is_missed(name):
    case = CASES[name]
    found = autodiffed(case.rule.plain, *case.arguments, **case.static)
    assert not found.rules and bool(found) == (case.rule.name not in REARRANGING_RULES), f"{found}"


@pytest.mark.parametrize("name", LAYERS)
def test_of_every_layer(name):
    found = of_layer(name)
    assert not found.differentiated, f"{found}"
    with fnn.autodiff():
        plain = of_layer(name)
    assert not plain.rules and bool(plain) == (name not in REARRANGING_LAYERS), f"{plain}"


# A function that makes the network, the features of its input, the number of its rules with the loss.
MODELS = {
    "digits": (lambda: digits.network(digits.Digits()), 64, 8),
    "mnist, dropout": (lambda: mnist.dropout().net, 784, 5),
    "mnist, small": (lambda: mnist.small().net, 784, 6),
}


@pytest.mark.parametrize("name", MODELS)
def test_of_every_model_of_the_course_with_its_loss(name):
    make, features, count = MODELS[name]
    net = make()
    found = of_training(net, cross_entropy(net), jnp.ones((4, features)), jnp.arange(4))
    assert not found.differentiated, f"{found}"
    assert sum(item.count for item in found.rules) == count


def test_of_the_page_of_user_code():
    names = {}
    exec(PAGE.split("result =")[0], names)
    examples = names["digits"].train

    def loss(params, state, pair, key):
        return names["loss"](params, state, examples._replace(x=pair[0], y=pair[1]), key)

    found = of_training(names["net"], loss, examples.x[:32], examples.y[:32])
    assert not found.differentiated, f"{found}"
    assert sum(item.count for item in found.rules) == 5  # two linear, relu, dropout, cross-entropy
