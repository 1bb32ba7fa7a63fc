"""The activations as layers: one line each. Keywords are those of the rule of the same name."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fnn import rules
from fnn.layers.layer import Layer, layer
from fnn.rule import Rule


@dataclass(frozen=True, eq=False)
class Activation:
    """The forward of a layer y = rule(x, **configuration), which those who look on can ask for its rule."""

    rule: Rule[..., Any]
    configuration: Mapping[str, Any]

    def __call__(self, params, state, x, *, key=None, train=False):
        """Return (y, state)."""
        return self.rule(x, **self.configuration), state


def activation(rule: Rule[..., Any]) -> Callable[..., Layer]:
    """Return a function that makes layers y = rule(x, **configuration)."""
    allowed = [p for p in inspect.signature(rule).parameters.values() if p.kind is p.KEYWORD_ONLY]
    signature = inspect.Signature(allowed)

    def make(**configuration: Any) -> Layer:
        try:
            signature.bind(**configuration)
        except TypeError as error:
            raise TypeError(f"layers.{rule.name}: {error}; it is called as {rule.name}{signature}.") from None
        return layer(rule.name, lambda key, x: ((), ()), Activation(rule, configuration))

    make.__name__ = make.__qualname__ = rule.name
    make.__doc__ = f"Layer of `fnn.rules.{rule.name}`: {(rule.__doc__ or '').splitlines()[0]}"
    make.__signature__ = signature  # pyright: ignore[reportFunctionMemberAccess]
    return make


identity = activation(rules.identity)
step = activation(rules.step)
step_straight_through = activation(rules.step_straight_through)
ramp = activation(rules.ramp)
gaussian = activation(rules.gaussian)

sigmoid = activation(rules.sigmoid)
general_sigmoid = activation(rules.general_sigmoid)
tanh = activation(rules.tanh)
softsign = activation(rules.softsign)
log_sigmoid = activation(rules.log_sigmoid)
hard_sigmoid = activation(rules.hard_sigmoid)
hard_tanh = activation(rules.hard_tanh)

relu = activation(rules.relu)
leaky_relu = activation(rules.leaky_relu)
relu6 = activation(rules.relu6)
squared_relu = activation(rules.squared_relu)
threshold = activation(rules.threshold)

elu = activation(rules.elu)
celu = activation(rules.celu)
selu = activation(rules.selu)
softplus = activation(rules.softplus)

gelu = activation(rules.gelu)
gelu_tanh = activation(rules.gelu_tanh)
silu = activation(rules.silu)
swish = activation(rules.swish)
mish = activation(rules.mish)
hard_swish = activation(rules.hard_swish)
tanh_shrink = activation(rules.tanh_shrink)
soft_shrink = activation(rules.soft_shrink)
hard_shrink = activation(rules.hard_shrink)

softmax = activation(rules.softmax)
softmin = activation(rules.softmin)
log_softmax = activation(rules.log_softmax)

glu = activation(rules.glu)
swiglu = activation(rules.swiglu)
geglu = activation(rules.geglu)
maxout = activation(rules.maxout)
