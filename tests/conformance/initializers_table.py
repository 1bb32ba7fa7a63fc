"""The table of every public initializer: RANDOM ones with their distribution, FIXED ones, and ORTHOGONAL.

The formulas of the distributions are written out here, apart from the library.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fnn import initializers
from fnn.initializers import Initializer

SHAPE = (3, 5, 40, 60)  # fan_in 600, fan_out 900, 36000 entries
FAN_IN, FAN_OUT = 600, 900


class Distribution(NamedTuple):
    """A distribution of variance 1: the bound of |z|, the mean of z^4, and P(Z <= z)."""

    bound: float
    fourth_moment: float
    cdf: Callable[[Any], Any]


def normal_cdf(z):
    return np.array([0.5 * (1 + math.erf(v / math.sqrt(2))) for v in np.ravel(z)])


def uniform_cdf(z):  # on [-sqrt(3), sqrt(3)]
    return np.clip((z / math.sqrt(3) + 1) / 2, 0, 1)


PHI, INSIDE = math.exp(-2) / math.sqrt(2 * math.pi), math.erf(math.sqrt(2))
CUT_VARIANCE = 1 - 4 * PHI / INSIDE  # E[z²] of a normal z given |z| <= 2
CUT_FOURTH = 3 * CUT_VARIANCE - 16 * PHI / INSIDE  # E[z⁴], by parts


def cut_normal_cdf(z):
    inside = (normal_cdf(z * math.sqrt(CUT_VARIANCE)) - (1 - INSIDE) / 2) / INSIDE
    return np.clip(inside, 0, 1)


NORMAL = Distribution(math.inf, 3.0, normal_cdf)
UNIFORM = Distribution(math.sqrt(3), 1.8, uniform_cdf)
CUT_NORMAL = Distribution(2 / math.sqrt(CUT_VARIANCE), CUT_FOURTH / CUT_VARIANCE**2, cut_normal_cdf)


class Random(NamedTuple):
    """A row: an initializer, and the standard deviation and distribution of what it draws of SHAPE."""

    initialize: Initializer
    deviation: float
    distribution: Distribution
    scaled: bool = False
    """Whether it reads its scale off the shape, and so wants a weight of two axes or more."""


RANDOM: dict[str, Random] = {
    "gaussian": Random(initializers.gaussian(), 0.01, NORMAL),
    "uniform": Random(initializers.uniform(0.5), 0.5 / math.sqrt(3), UNIFORM),
    "truncated_normal": Random(initializers.truncated_normal(0.3), 0.3, CUT_NORMAL),
    "lecun_normal": Random(initializers.lecun_normal, (1 / FAN_IN) ** 0.5, NORMAL, True),
    "lecun_uniform": Random(initializers.lecun_uniform, (1 / FAN_IN) ** 0.5, UNIFORM, True),
    "xavier_normal": Random(initializers.xavier_normal, (2 / (FAN_IN + FAN_OUT)) ** 0.5, NORMAL, True),
    "xavier_uniform": Random(initializers.xavier_uniform, (2 / (FAN_IN + FAN_OUT)) ** 0.5, UNIFORM, True),
    "he_normal": Random(initializers.he_normal, (2 / FAN_IN) ** 0.5, NORMAL, True),
    "he_uniform": Random(initializers.he_uniform, (2 / FAN_IN) ** 0.5, UNIFORM, True),
}
FIXED: dict[str, Initializer] = {
    "zeros": initializers.zeros,
    "ones": initializers.ones,
    "constant": initializers.constant(0.25),
    "identity": initializers.identity,
}
ORTHOGONAL: dict[str, Initializer] = {"orthogonal": initializers.orthogonal(1.5)}

INITIALIZERS: dict[str, Initializer] = {name: row.initialize for name, row in RANDOM.items()} | FIXED | ORTHOGONAL
MATRICES = {name for name, row in RANDOM.items() if row.scaled} | {"orthogonal", "identity"}
"""Those that want two axes or more; the identity wants two."""
