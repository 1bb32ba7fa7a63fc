"""The table of everything public in fnn.optim: ALGORITHMS, what goes round one in WRAPPERS, SCHEDULES, and NEITHER.

OPTIMIZERS is every algorithm, and every wrapper round an algorithm: what each property of an optimizer is tested on.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import optimizer_oracles as oracles

from fnn import optim
from fnn.optim import Optimizer, Schedule


class Algorithm(NamedTuple):
    """A row: the algorithm, its oracle, and rates with which, falling along a cosine, it must reach an optimum."""

    make: Callable[..., Optimizer]
    oracle: Callable[..., Any]
    bowl: float
    """The rate in a quadratic bowl."""
    valley: float
    """The rate in Rosenbrock's valley, whose floor is 2500 times flatter than its walls."""
    amplification: float = 1.0
    """Of rounding errors, where an algorithm has one."""


ALGORITHMS: dict[str, Algorithm] = {
    "sgd": Algorithm(optim.sgd, oracles.sgd, 0.3, 1.8e-3),
    "momentum": Algorithm(optim.momentum, oracles.momentum, 0.1, 1e-3),
    "averaged_momentum": Algorithm(optim.averaged_momentum, oracles.averaged_momentum, 0.3, 1e-2),
    "nesterov": Algorithm(optim.nesterov, oracles.nesterov, 0.1, 1e-3),
    "adagrad": Algorithm(optim.adagrad, oracles.adagrad, 0.5, 0.5),
    "adadelta": Algorithm(optim.adadelta, oracles.adadelta, 30.0, 1.0),
    "rmsprop": Algorithm(optim.rmsprop, oracles.rmsprop, 0.03, 3e-3),
    "rmsprop, centered": Algorithm(
        functools.partial(optim.rmsprop, centered=True),
        functools.partial(oracles.rmsprop, centered=True),
        0.03,
        3e-3,
        100,  # the oracle's variance, a difference of means, keeps 1 - alpha = 0.01 of its digits
    ),
    "rmsprop, momentum": Algorithm(
        functools.partial(optim.rmsprop, momentum=0.9), functools.partial(oracles.rmsprop, mu=0.9), 3e-3, 3e-3
    ),
    "adam": Algorithm(optim.adam, oracles.adam, 0.03, 0.03),
    "amsgrad": Algorithm(optim.amsgrad, oracles.amsgrad, 0.1, 0.1),
    "adamax": Algorithm(optim.adamax, oracles.adamax, 0.1, 0.1),
    "nadam": Algorithm(optim.nadam, oracles.nadam, 0.03, 0.03),
    "adamw": Algorithm(optim.adamw, oracles.adam, 0.03, 0.03),
    "radam": Algorithm(optim.radam, oracles.radam, 0.1, 1e-3, 2000),  # rho is what remains of rho_inf = 1999
    "lion": Algorithm(optim.lion, oracles.lion, 0.03, 3e-3),
    "lars": Algorithm(optim.lars, oracles.lars, 30.0, 3.0),
    "lamb": Algorithm(optim.lamb, oracles.lamb, 0.03, 0.01),
    "adafactor": Algorithm(optim.adafactor, oracles.adafactor, 0.1, 0.03),
    # what the iteration does to small singular values
    "muon": Algorithm(optim.muon, oracles.muon, 0.1, 0.01, 3.4445**5),
    "schedule_free_adamw": Algorithm(optim.schedule_free_adamw, oracles.schedule_free_adamw, 0.1, 0.03),
}


class Wrapper(NamedTuple):
    """A row: what is put round an optimizer, and where that moves the optimum of a quadratic bowl."""

    wrap: Callable[[Optimizer], Optimizer]
    optimum: Callable[..., Any] = lambda name, target, curvature, start: target
    """(name of the leaf, target, curvature, start) -> the point that is reached."""


WRAPPERS: dict[str, Wrapper] = {
    "clip_by_value": Wrapper(lambda o: optim.clip_by_value(o, 0.5)),
    "clip_by_norm": Wrapper(lambda o: optim.clip_by_norm(o, 0.5)),
    "clip_by_global_norm": Wrapper(lambda o: optim.clip_by_global_norm(o, 0.5)),
    "coupled_weight_decay": Wrapper(
        lambda o: optim.coupled_weight_decay(o, optim.constant(0.1)),
        lambda name, target, curvature, start: curvature * target / (curvature + 0.1),  # the sum of both gradients is 0
    ),
    "accumulate": Wrapper(lambda o: optim.accumulate(o, 2)),
    "average": Wrapper(lambda o: optim.average(o, 0.9)),
    "by_leaf": Wrapper(lambda o: optim.by_leaf(lambda path, leaf: o if path.endswith("w") else optim.sgd(0.1))),
    "freeze": Wrapper(
        lambda o: optim.freeze(o, lambda path, leaf: path == "b"),
        lambda name, target, curvature, start: start if name == "b" else target,
    ),
    "fan_in_scaled": Wrapper(lambda o: optim.fan_in_scaled(optim.momentum, optim.cosine(0.1, 1000))),
    "mixed_precision": Wrapper(lambda o: optim.mixed_precision(o, jnp.float16)),
}


def _algorithm(name: str) -> Optimizer:
    return ALGORITHMS[name].make(learning_rate=0.05)


def _wrapped(name: str) -> Optimizer:
    """Round an algorithm with a solution of its own, which a wrapper must hand on."""
    return WRAPPERS[name].wrap(optim.schedule_free_adamw(0.1))


OPTIMIZERS: dict[str, Callable[[], Optimizer]] = {
    **{name: functools.partial(_algorithm, name) for name in ALGORITHMS},
    **{name: functools.partial(_wrapped, name) for name in WRAPPERS},
}


def half_cosine(a: float, b: float, fraction: float) -> float:
    return b + (a - b) * (1 + math.cos(math.pi * fraction)) / 2


def one_cycle(step: int) -> float:
    """0.3 * 50 - 1 = 14 steps up, then 35 down."""
    if step <= 14:
        return half_cosine(0.5 / 25, 0.5, step / 14)
    return half_cosine(0.5, 0.5 / 25 / 1e4, min(1, (step - 14) / 35))


SCHEDULES: dict[str, tuple[Schedule, Callable[[int], float]]] = {
    "constant": (optim.constant(0.3), lambda step: 0.3),
    "step_decay": (optim.step_decay(0.1, 0.5, 7), lambda step: 0.1 * 0.5 ** (step // 7)),
    "exponential": (optim.exponential(0.1, 0.5, 7), lambda step: 0.1 * 0.5 ** (step / 7)),
    "polynomial": (optim.polynomial(0.1, 0.01, 20, 2.0), lambda step: 0.01 + 0.09 * (1 - min(step / 20, 1)) ** 2),
    "cosine": (optim.cosine(0.1, 20, 0.01), lambda step: half_cosine(0.1, 0.01, min(step / 20, 1))),
    "warmup": (
        optim.warmup(optim.cosine(0.1, 50), 10),
        lambda step: min(1, (step + 1) / 10) * half_cosine(0.1, 0, min(step / 50, 1)),
    ),
    "one_cycle": (optim.one_cycle(0.5, 50), one_cycle),
    "piecewise": (optim.piecewise((3, 9), (1.0, 0.1, 5.0)), lambda step: 1.0 if step < 3 else 0.1 if step < 9 else 5.0),
    "momentum_switch": (optim.momentum_switch(20), lambda step: 0.5 if step < 20 else 0.9),
}

NEITHER = {"Optimizer", "Hyper", "Schedule", "at", "solution", "leafwise", "global_norm", "orthogonalise"}
"""Types, and functions that optimizers are made of: tests/optim has them."""


def random_tree(seed: int, dtype: Any = np.float32) -> Any:
    """Return random parameters or gradients: a matrix wider than tall, a vector, and a None."""
    draw = np.random.default_rng(seed)
    w, b = draw.normal(size=(3, 4)), draw.normal(size=5)
    return {"first": {"w": jnp.asarray(w, dtype), "b": None}, "b": jnp.asarray(b, dtype)}
