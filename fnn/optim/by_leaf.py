"""An optimizer of its own for each leaf: rates by layer, frozen leaves, LeCun's rates by fan-in."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fnn.optim.hyper import Hyper, Schedule, at, require_rates
from fnn.optim.optimizer import Optimizer, check_gradients, name_of
from fnn.optim.optimizer import solution as solution_of


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Skeleton:
    """The tree of the parameters without their values: what the choice was made on. It holds no array."""

    tree: Any
    leaves: tuple[jax.ShapeDtypeStruct | None, ...]


class ByLeaf(NamedTuple):
    """State of `by_leaf`: one state for each optimizer chosen, whose parameters are None at the others' leaves."""

    skeleton: Skeleton
    states: tuple[Any, ...]


def by_leaf(choose: Callable[[str, jax.ShapeDtypeStruct], Optimizer]) -> Optimizer:
    """Give each leaf the optimizer that ``choose(path, leaf)`` returns for it.

    ``path`` is the leaf's name in the tree, such as ``0/w``; ``leaf`` is its shape and dtype. ``choose`` must be a pure
    function. Leaves for which it returns the same optimizer share one state, so make the optimizers outside:

    >>> import jax.numpy as jnp
    >>> from fnn import optim
    >>> decayed, plain = optim.adamw(1e-3, weight_decay=0.1), optim.adam(1e-3)
    >>> optimizer = optim.by_leaf(lambda path, leaf: decayed if leaf.ndim >= 2 else plain)
    >>> state = optimizer.init({"w": jnp.ones((3, 2)), "b": jnp.ones(2)})
    >>> [type(part).__name__ for part in state.states]
    ['Adam', 'Adam']
    """

    def plan(skeleton):
        """Return the distinct optimizers in the order of their first leaf, and the number of each leaf's optimizer."""
        paths = jax.tree_util.tree_flatten_with_path(skeleton.tree.unflatten(skeleton.leaves), is_leaf=_is_none)[0]
        chosen = [None if leaf is None else _chosen(choose, name_of(path), leaf) for path, leaf in paths]
        optimizers = list(dict.fromkeys(optimizer for optimizer in chosen if optimizer is not None))
        return optimizers, [None if optimizer is None else optimizers.index(optimizer) for optimizer in chosen]

    def split(skeleton, numbers, count, leaves):
        return [
            skeleton.tree.unflatten([x if n == i else None for n, x in zip(numbers, leaves, strict=True)])
            for i in range(count)
        ]

    def merge(skeleton, parts):
        leaves = [jax.tree.leaves(part, is_leaf=_is_none) for part in parts]
        return skeleton.tree.unflatten(
            next((leaves[i][j] for i in range(len(parts)) if leaves[i][j] is not None), None)
            for j in range(len(skeleton.leaves))
        )

    def init(params):
        leaves, tree = jax.tree.flatten(params, is_leaf=_is_none)
        skeleton = Skeleton(tree, tuple(None if w is None else _struct(w) for w in leaves))
        optimizers, numbers = plan(skeleton)
        parts = split(skeleton, numbers, len(optimizers), leaves)
        return ByLeaf(skeleton, tuple(o.init(part) for o, part in zip(optimizers, parts, strict=True)))

    def update(state, grads):
        skeleton = state.skeleton
        optimizers, numbers = plan(skeleton)
        leaves, tree = jax.tree.flatten(grads, is_leaf=_is_none)
        unasked = any(w is None and g is not None for w, g in zip(skeleton.leaves, leaves, strict=False))
        if tree != skeleton.tree or unasked:
            check_gradients(skeleton.tree.unflatten(skeleton.leaves), grads)  # raises, naming the leaf
        parts = split(skeleton, numbers, len(optimizers), leaves)
        updated = [o.update(s, g) for o, s, g in zip(optimizers, state.states, parts, strict=True)]
        return ByLeaf(skeleton, tuple(s for s, _ in updated)), merge(skeleton, [params for _, params in updated])

    def read(get):
        def of(state):
            optimizers, _ = plan(state.skeleton)
            return merge(state.skeleton, [get(o, s) for o, s in zip(optimizers, state.states, strict=True)])

        return of

    return Optimizer(init, update, read(lambda optimizer, state: optimizer.params(state)), read(solution_of))


def freeze(optimizer: Optimizer, where: Callable[[str, jax.ShapeDtypeStruct], bool]) -> Optimizer:
    """Leave the leaves for which ``where(path, leaf)`` is true as they are: no slots, and their gradient is not read.

    A frozen leaf may have any dtype. Clipping by a global norm counts the gradients of frozen leaves when it is
    outside, `clip_by_global_norm(freeze(...), 1.0)`, and does not when it is inside.

    >>> from fnn import optim
    >>> optimizer = optim.freeze(optim.sgd(1.0), lambda path, leaf: path == "scale")
    >>> state, params = optimizer.update(optimizer.init({"scale": 2.0, "w": 2.0}), {"scale": 1.0, "w": 1.0})
    >>> {name: float(value) for name, value in params.items()}
    {'scale': 2.0, 'w': 1.0}
    """
    return by_leaf(lambda path, leaf: _frozen if where(path, leaf) else optimizer)


def fan_in_scaled(make: Callable[[Schedule], Optimizer], learning_rate: Hyper) -> Optimizer:
    """Give each leaf the optimizer ``make(eta / sqrt(fan-in))``, so that units of any width learn at one pace.

    The fan-in of a weight (..., in, out) is the product of all its axes but the last. A leaf of one axis or none (a
    bias, a scale) joins each unit by one connection: its fan-in is 1 and its rate is eta.

    >>> from fnn import optim
    >>> optimizer = optim.fan_in_scaled(lambda rate: optim.momentum(rate, mu=0.9), 0.1)

    Source: LeCun, Efficient learning and second-order methods, 1993; LeCun, Bottou, Orr and Mueller, Efficient
    backprop, 1998, section 4.7.
    """
    require_rates(learning_rate=learning_rate)

    @functools.cache  # leaves of one fan-in share one optimizer
    def scaled(fan_in):
        return make(lambda step: at(learning_rate, step) / math.sqrt(fan_in))

    return by_leaf(lambda path, leaf: scaled(math.prod(leaf.shape[:-1]) if len(leaf.shape) >= 2 else 1))


class Frozen(NamedTuple):
    """State of a frozen leaf."""

    params: Any


def _copied(params):
    return jax.tree.map(jnp.copy, params)


def _keep(state, grads):
    return state, _copied(state.params)


_frozen = Optimizer(lambda params: Frozen(_copied(params)), _keep, lambda state: state.params)


def _chosen(choose, path, leaf):
    optimizer = choose(path, leaf)
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"choose returned a {type(optimizer).__name__} for the leaf {path}; wanted an Optimizer.")
    return optimizer


def _struct(w):
    return jax.ShapeDtypeStruct(jnp.shape(w), jnp.result_type(w))


def _is_none(x):
    return x is None
