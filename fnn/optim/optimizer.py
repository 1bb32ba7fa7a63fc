"""What an optimizer is, and how an algorithm written for one array becomes one for a tree of arrays.

An optimizer is three pure functions. The state owns the parameters, so a training step carries and donates the state
alone:

    >>> import jax
    >>> from fnn import optim
    >>> optimizer = optim.sgd(0.1)
    >>> state = optimizer.init({"w": 1.0})
    >>> for _ in range(30):
    ...     grads = jax.grad(lambda params: (params["w"] - 3.0) ** 2)(optimizer.params(state))
    ...     state, params = optimizer.update(state, grads)
    >>> round(float(params["w"]), 2)
    3.0

Everything that modifies an optimizer (clipping, averaging, a rate for each leaf) takes one and returns one.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fnn.optim.hyper import Hyper, at, is_zero, require_rates


class Optimizer(NamedTuple):
    """An optimizer: pure functions on a state that holds the parameters.

    ``solution`` may be left out: then the point to keep is the point at which the gradient is taken.
    """

    init: Callable[[Any], Any]
    """params -> state. The state holds a copy: it never shares a buffer with the caller's arrays."""
    update: Callable[[Any, Any], tuple[Any, Any]]
    """(state, grads) -> (state, params). The params share no buffer with the state, so the state may be donated."""
    params: Callable[[Any], Any]
    """state -> params: the point at which the next gradient is taken. It is the state's own until that is donated."""
    solution: Callable[[Any], Any] | None = None
    """state -> params: the point to evaluate and to keep, where that is another (an average of iterates, say)."""


def solution(optimizer: Optimizer, state: Any) -> Any:
    """Return the parameters to evaluate and to keep.

    Most algorithms keep the point at which they take the gradient; averaging and schedule-free ones keep an average.
    """
    return (optimizer.solution or optimizer.params)(state)


def leafwise(
    State: type,
    leaf: Callable[..., tuple],
    coefficients: Callable[..., Any],
    *,
    learning_rate: Hyper,
    weight_decay: Hyper = 0.0,
    maximize: bool = False,
    start: Callable[[Any], Sequence[Any]] | None = None,
    scalars: Sequence[tuple[float, Callable[[Any, Any], Any]]] = (),
) -> Optimizer:
    """Lift an algorithm for one array to an optimizer of any tree of arrays; a None in the tree stays None.

    Args:
        State: the NamedTuple class of the state, with the fields ``step``, then one scalar for each of ``scalars``,
            then ``params``, then the algorithm's slots under the names that its paper gives them.
        leaf: ``(coefficients, g, w, *slots) -> (w, *slots)``, the algorithm for one array. It computes in float32 or
            wider and its slots are kept so, because a second moment in bfloat16 cannot decay by 0.999; w is rounded
            to its own dtype once, at the end.
        coefficients: ``(step, *scalars) -> a tree of scalars``, computed once for all leaves. ``step`` counts the
            updates done before this one.
        learning_rate: the rate eta, here for the decay alone.
        weight_decay: lambda of the decoupled weight decay, w <- w - eta lambda w, beside the step that the gradient
            makes (Loshchilov and Hutter, Decoupled weight decay regularization, 2019).
        maximize: climb instead of descend.
        start: w -> the slots of one leaf before the first update; zeros when it is left out. A slot may be None.
        scalars: ``(start, (step, value) -> next value)`` of each scalar that a closed form of step cannot give.

    Raises:
        TypeError: a parameter is not a real floating-point array, the gradients' tree or dtypes are not the
            parameters', or the algorithm changes the structure, shape or dtype of what it updates.
        ValueError: a gradient's shape is not its parameter's.
    """
    require_rates(learning_rate=learning_rate, weight_decay=weight_decay)
    leaf = jax.jit(leaf, inline=True)  # traced once for all arrays of one shape
    first_slot = 2 + len(scalars)
    slot_names = State._fields[first_slot:]
    decays = not is_zero(weight_decay)

    def init(params):
        params = copy(params)
        leaves, tree = jax.tree.flatten(params)
        rows = [_start(start, slot_names, w) for w in leaves]
        slots = (tree.unflatten(column) for column in _columns(rows, len(slot_names)))
        beginnings = (jnp.asarray(value, float) for value, _ in scalars)
        return State(jnp.zeros((), jnp.int32), *beginnings, params, *slots)

    def update(state, grads):
        check_gradients(state.params, grads)
        step, params = state.step, state.params
        advanced = [
            jnp.asarray(advance(step, value), value.dtype)
            for (_, advance), value in zip(scalars, state[1 : first_slot - 1], strict=True)
        ]
        factors = coefficients(step, *advanced)
        decay = at(learning_rate, step) * at(weight_decay, step) if decays else None
        paths, tree = jax.tree_util.tree_flatten_with_path(params)
        columns = [tree.flatten_up_to(slot) for slot in state[first_slot:]]

        def one(path, g, w, *slots):
            g, wide = _widen(g), _widen(w)
            new_w, *new_slots = leaf(cast(factors, wide.dtype), -g if maximize else g, wide, *slots)
            if decays:
                new_w = new_w - cast(decay, wide.dtype) * wide
            for name, old, new in zip(("params", *slot_names), (wide, *slots), (new_w, *new_slots), strict=True):
                _check_kept(State.__name__, name, path, old, new)
            return new_w.astype(w.dtype), *new_slots

        rows = [
            one(path, g, w, *slots)
            for (path, w), g, *slots in zip(paths, jax.tree.leaves(grads), *columns, strict=True)
        ]
        params, *slots = (tree.unflatten(column) for column in _columns(rows, 1 + len(slot_names)))
        return State(step + 1, *advanced, params, *slots), jax.tree.map(jnp.copy, params)

    return Optimizer(init, update, lambda state: state.params)


def copy(params: Any) -> Any:
    """Copy a tree of parameters, so that donating the copy leaves the original alone.

    Raises:
        TypeError: a leaf is not a real floating-point array.
    """

    def one(path, w):
        dtype = jnp.result_type(w)
        if not jnp.issubdtype(dtype, jnp.floating):
            raise TypeError(
                f"the parameter {name_of(path)} has dtype {dtype}; an optimizer trains real floating-point arrays. "
                "Keep other values out of the parameters, or freeze the leaf with optim.freeze."
            )
        return jnp.array(w, dtype, copy=True)

    return jax.tree_util.tree_map_with_path(one, params)


def check_gradients(params: Any, grads: Any) -> None:
    """Raise, naming the leaf, unless the gradients have the parameters' tree, shapes and dtypes."""
    wanted, wanted_tree = jax.tree_util.tree_flatten_with_path(params)
    given, given_tree = jax.tree_util.tree_flatten_with_path(grads)
    if wanted_tree != given_tree:
        wanted_names, given_names = [name_of(path) for path, _ in wanted], [name_of(path) for path, _ in given]
        missing = [name for name in wanted_names if name not in given_names]
        extra = [name for name in given_names if name not in wanted_names]
        if missing:
            raise TypeError(f"the gradients lack the leaf {missing[0]}, which the parameters have.")
        if extra:
            raise TypeError(f"the gradients have a leaf {extra[0]}, which the parameters do not have.")
        raise TypeError(f"the gradients are the tree {given_tree}; wanted the parameters' tree {wanted_tree}.")
    for (path, w), (_, g) in zip(wanted, given, strict=True):
        if jnp.shape(g) != jnp.shape(w):
            raise ValueError(
                f"the gradient of leaf {name_of(path)} has shape {jnp.shape(g)}; "
                f"wanted the parameter's shape {jnp.shape(w)}."
            )
        if jnp.result_type(g) != jnp.result_type(w):
            raise TypeError(
                f"the gradient of leaf {name_of(path)} has dtype {jnp.result_type(g)}; "
                f"wanted the parameter's dtype {jnp.result_type(w)}."
            )


def name_of(path: Any) -> str:
    """Return the name of a leaf from its path in the tree, such as ``0/w``; a tree that is one array is ``(root)``."""
    return jax.tree_util.keystr(path, simple=True, separator="/") or "(root)"


def cast(factors: Any, dtype: Any) -> Any:
    """Cast scalar arrays to a leaf's dtype; a Python number needs none."""
    return jax.tree.map(lambda factor: factor.astype(dtype) if isinstance(factor, jax.Array) else factor, factors)


def widened(dtype: Any) -> Any:
    """Return the dtype in which a floating-point leaf is computed: float32, or its own where that is wider."""
    return dtype if jnp.finfo(dtype).bits >= 32 else jnp.dtype(jnp.float32)


def _widen(array: Any) -> Any:
    array = jnp.asarray(array)
    return array.astype(widened(array.dtype))


def _start(start, slot_names, w):
    w = _widen(w)
    slots = start(w) if start else (jnp.zeros_like(w) for _ in slot_names)
    return jax.tree.map(jnp.copy, tuple(slots))  # no two of them, and none and w, may share a buffer to be donated


def _columns(rows, count):
    return [[row[i] for row in rows] for i in range(count)]


def _check_kept(algorithm, field, path, old, new):
    kept = jax.tree.structure(old) == jax.tree.structure(new) and all(
        jnp.shape(a) == jnp.shape(b) and jnp.result_type(a) == jnp.result_type(b)
        for a, b in zip(jax.tree.leaves(old), jax.tree.leaves(new), strict=True)
    )
    if not kept:
        got, want = (jax.tree.map(lambda a: f"{jnp.result_type(a)}{list(jnp.shape(a))}", x) for x in (new, old))
        raise TypeError(
            f"{algorithm}: the update of leaf {name_of(path)} changes {field} from {want} to {got}; "
            "an update keeps structure, shape and dtype."
        )
