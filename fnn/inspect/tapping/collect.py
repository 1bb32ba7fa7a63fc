"""`taps`: the gradient of a loss, and with it the statistics of every layer in both passes.

The loss is traced twice: once on shapes, to learn which layers there are and to make a probe for each, and once to be
differentiated, with `measured` behind every layer. An observer finds the layers (see `fnn.layers.scope`).
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer

from fnn.inspect.tapping.measure import dtype_of, entries, measured, probe, units
from fnn.inspect.tapping.point import Point
from fnn.inspect.tapping.result import Names, Taps, parameter_name
from fnn.inspect.tapping.statistics import Place, read_layers, read_parameters
from fnn.layers.activations import Activation
from fnn.layers.scope import Call, contains, observing
from fnn.rule import Static
from fnn.rules.elementwise import Elementwise

SATURATED = 0.05
"""An entry is saturated where the slope of the activation is smaller."""


def taps(loss: Callable[..., Any], *, bins: int = 0) -> Callable[..., tuple[tuple[Any, Any], Any, Taps]]:
    """Return ``(params, *rest) -> ((value, aux), grads, Taps)``: value and gradient of a loss, and what they met.

    It is a pure function: jit it, or call it inside a jitted step; called by itself it compiles itself, anew each
    time. Value and gradient are what they are without taps.

    loss: ``loss(params, *rest)`` returns a scalar or (scalar, aux), such as the ``(scalar, (state, metrics))`` of
        `fnn.train.step`. Every layer that it calls is seen, inside `jit`, `scan`, `remat` and `vmap`, each call by
        itself: the second call of a layer at path "dense" is "dense#2". A layer inside `repeat` has one row a
        repetition. Values of your own functions are seen where `fnn.inspect.tap` names them.
    bins: bins of the histograms of every output and cotangent; 0 for none.

    Measured is what takes part in the gradient: a layer whose output does not reach the loss, or whose branch of a
    `lax.cond` is not taken, has ``calls == 0`` and NaN elsewhere. Where calls cannot be told apart (under `vmap`, in
    a scan of your own, in a function that `jit` or `jax.checkpoint` has traced before) they are measured together:
    ``calls`` is their number, and all but the largest magnitude is known. Inside `fnn.autodiff()` nothing is
    measured. JAX lets no tap into a function that has a custom derivative: a layer called there raises
    `jax.errors.UnexpectedTracerError`.

    Raises TypeError or ValueError if the loss returns something else.

    >>> import jax, jax.numpy as jnp
    >>> from fnn import inspect, layers
    >>> net = layers.serial(layers.dense(4), layers.tanh(), layers.dense(1))
    >>> x = jnp.ones((8, 3))
    >>> params, state = net.init(jax.random.key(0), x)
    >>> watched = jax.jit(inspect.taps(lambda params, x: net.apply(params, state, x)[0].mean()))
    >>> (value, aux), grads, seen = watched(params, x)
    >>> list(seen.layers), list(seen.params)[:2]
    (['serial[0].dense', 'serial[1].tanh', 'serial[2].dense'], ['params[0].w', 'params[0].b'])
    >>> float(seen.layers["serial[2].dense"].cotangent.rms)
    0.125
    """
    if bins < 0:
        raise ValueError(f"taps: bins = {bins}, wanted the number of bins of each histogram, or 0.")
    if not callable(loss):
        raise TypeError(f"taps: the loss is {loss!r}, wanted a function of the parameters and whatever else it takes.")

    def tapped(params: Any, *rest: Any) -> tuple[tuple[Any, Any], Any, Taps]:
        for path, leaf in jax.tree.leaves_with_path(params):
            if not jnp.issubdtype(jnp.result_type(leaf), jnp.inexact):
                name, dtype = f"params{jax.tree_util.keystr(path)}", jnp.result_type(leaf)
                raise TypeError(f"taps: {name} is {dtype}, wanted floating point: a gradient is taken by it.")
        leaves, tree = jax.tree.flatten((params, rest))
        arrays = {i: leaf for i, leaf in enumerate(leaves) if isinstance(leaf, jax.Array | np.ndarray)}

        def on_arrays(arrays: dict[int, Any]) -> tuple[tuple[Any, Any], Any, Taps]:
            params, rest = jax.tree.unflatten(tree, [arrays.get(i, leaf) for i, leaf in enumerate(leaves)])
            return _differentiate(loss, bins, params, rest)

        if any(isinstance(leaf, Tracer) for leaf in leaves):
            return on_arrays(arrays)
        # Op by op, JAX would compile each op anew for each layer, for the observer is part of its key.
        return jax.jit(on_arrays)(arrays)

    return tapped


def _differentiate(loss: Callable[..., Any], bins: int, params: Any, rest: tuple[Any, ...]) -> Any:
    discovery = _Observer(None, bins)
    jax.eval_shape(lambda: discovery.watch(loss, params, *rest))

    def probed(params: Any, probes: dict[str, Any]):
        return _Observer(probes, bins).watch(loss, params, *rest)

    gradient = jax.value_and_grad(probed, (0, 1), has_aux=True)
    (value, aux), (grads, probes) = gradient(params, discovery.probes())
    places = tuple(discovery.places.values())
    layers = read_layers(places, [probes[place.path] for place in places], bins)
    leaves = jax.tree_util.tree_leaves_with_path(params)
    names = Names(places, tuple((row, parameter_name(path)) for row, (path, _) in enumerate(leaves)))
    table = read_parameters([leaf for _, leaf in leaves], jax.tree.leaves(grads))
    return (value, aux), grads, Taps(value, *layers, table, Static(names))


class _Observer:
    """Puts `measured` behind every call that it is shown, with the probe of that name, or with zeros of its own."""

    def __init__(self, given: dict[str, Any] | None, bins: int):
        self.given, self.bins = given, bins
        self.places: dict[str, Place] = {}
        self.shapes: dict[str, tuple[jax.ShapeDtypeStruct, ...]] = {}
        self.measured: dict[int, tuple[str, Any]] = {}
        self.loops: dict[int, tuple[int, Any]] = {}
        self.rows = self.cells = 0

    def watch(self, loss: Callable[..., Any], *arguments: Any) -> tuple[Any, Any]:
        """Return the loss and what it returns beside it, with this observer looking on."""
        try:
            with observing(self):
                return _value_and_aux(loss(*arguments))
        finally:
            # JAX's caches know this observer: let them not keep what it was shown.
            self.measured, self.loops, self.given = {}, {}, None

    def probes(self) -> dict[str, Any]:
        """Return the zeros for all that was seen."""
        return {name: probe(self.shapes[name], place.repeats, self.bins) for name, place in self.places.items()}

    def __call__(self, call: Call) -> Any:
        leaves, tree = jax.tree.flatten(call.y)
        floating = [i for i, leaf in enumerate(leaves) if jnp.issubdtype(jnp.result_type(leaf), jnp.floating)]
        if all(self._is_of_a_layer_within(call.path, leaves[i]) for i in floating):
            return call.y
        values = tuple(jnp.asarray(leaves[i]) for i in floating)
        name = self._enter(call, tuple(jax.ShapeDtypeStruct(value.shape, value.dtype) for value in values))
        values = measured(values, self._probe(name)[call.position], _saturated(call, dtype_of(values)), bins=self.bins)
        for i, value in zip(floating, values, strict=True):
            leaves[i] = value
            self.measured[id(value)] = call.path, value
        return jax.tree.unflatten(tree, leaves)

    def _is_of_a_layer_within(self, path: str, leaf: Any) -> bool:
        """Whether this output is the very one of a layer inside: serial's is that of its last layer."""
        inner, _ = self.measured.get(id(leaf), ("", None))
        return contains(path, inner)

    def _enter(self, call: Call, shapes: tuple[jax.ShapeDtypeStruct, ...]) -> str:
        """Note where the call stands, and return its name."""
        name, number = call.path, len(self.places)
        calls = 1
        while name in self.places:
            calls += 1
            name = f"{call.path}#{calls}"
        loops = tuple(self.loops.setdefault(id(index), (number, index))[0] for index in call.position)
        place = Place(name, entries(shapes), units(shapes), call.repeats, loops, number, self.rows, self.cells)
        self.places[name], self.shapes[name] = place, shapes
        self.rows += call.times
        self.cells += 2 * call.times * place.units
        return name

    def _probe(self, name: str) -> Any:
        if self.given is None:
            return probe(self.shapes[name], self.places[name].repeats, self.bins)
        if name not in self.given:
            raise RuntimeError(
                f"taps: the layer {name} was not there when the loss was traced the first time; a loss must call the "
                "same layers each time it is traced."
            )
        return self.given[name]


def _saturated(call: Call, dtype: Any) -> Any:
    """Return the share of entries where the activation's slope is small; NaN if the call is of no activation."""
    slope = _slope(call)
    if slope is None:
        return jnp.full((), jnp.nan, dtype)
    slope = jnp.abs(lax.stop_gradient(slope).astype(dtype))
    return (slope < SATURATED).astype(dtype).mean()


def _slope(call: Call) -> Any:
    if isinstance(call.apply, Point):
        return call.apply.slope
    if not isinstance(call.apply, Activation) or not isinstance(call.apply.rule, Elementwise):
        return None
    forward, configuration = call.apply.rule, call.apply.configuration
    y, pull = jax.vjp(lambda x: forward(x, **configuration), lax.stop_gradient(call.x))
    return pull(jnp.ones_like(y))[0]


def _value_and_aux(result: Any) -> tuple[Any, Any]:
    if isinstance(result, tuple) and len(result) != 2:
        raise TypeError(f"taps: the loss returned a tuple of {len(result)}, wanted a scalar or (scalar, aux).")
    value, aux = result if isinstance(result, tuple) else (result, None)
    if jnp.shape(value) != ():
        raise ValueError(f"taps: the loss has shape {jnp.shape(value)}, wanted a scalar; reduce it by mean or sum.")
    return value, aux
