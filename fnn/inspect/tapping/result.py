"""What taps bring back: the statistics of every layer and of every parameter, in the order of the forward pass."""

from collections import OrderedDict
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from fnn.inspect.tapping.report import report
from fnn.inspect.tapping.statistics import (
    LayerStatistics,
    ParameterStatistics,
    Place,
    layer_statistics,
    ratio,
    rms,
)
from fnn.layers.scope import in_repetition
from fnn.rule import Static


class Names(NamedTuple):
    """Whose statistics these are."""

    layers: tuple[Place, ...]
    params: tuple[tuple[int, str], ...]
    """Row and name of each leaf of the parameters."""


class Taps(NamedTuple):
    """Statistics of one step: a pytree of few arrays, which jit returns as it is; ``str(taps)`` is the report."""

    loss: Float[Array, "*steps"]
    numbers: Float[Array, "*steps rows 12"]
    """All layers' numbers; `layers` tells whose and which."""
    by_unit: Float[Array, "*steps cells"]
    histograms: Float[Array, "*steps rows 2 bins"]
    parameters: Float[Array, "*steps leaves 5"]
    names: Static

    @property
    def layers(self) -> "OrderedDict[str, LayerStatistics]":
        """The statistics of each layer by its path, in the order of the forward: NumPy arrays, or tracers inside jit.

        Inside `repeat` each number has an axis for the repetitions.
        """
        arrays = tuple(map(_on_host, (self.numbers, self.by_unit, self.histograms)))
        return OrderedDict((place.path, layer_statistics(place, *arrays)) for place in self.names.value.layers)

    @property
    def params(self) -> "OrderedDict[str, ParameterStatistics]":
        """The statistics of each parameter by the path of the leaf, such as ``params[0].w``."""
        table = _on_host(self.parameters)
        return OrderedDict(
            (name, ParameterStatistics(*(table[..., row, i] for i in range(5))))
            for row, name in self.names.value.params
        )

    def rows(self) -> list[tuple[str, LayerStatistics]]:
        """Return every repetition of every layer by itself, in the order in which they ran. On the host only.

        The path says which repetition it is: ``serial[1].repeat[2].dense``.
        """
        if np.shape(self.loss) != ():
            raise ValueError(
                f"these are the taps of {np.shape(self.loss)} steps; choose one of them first, such as the last by "
                "jax.tree.map(lambda leaf: leaf[-1], taps)."
            )
        found = []
        for place, layer in zip(self.names.value.layers, self.layers.values(), strict=True):
            for index in np.ndindex(place.repeats):
                # Whatever is in one loop runs between what comes before and what comes after it, turn by turn.
                order = (*(number for pair in zip(place.loops, index, strict=True) for number in pair), place.number)
                row = jax.tree.map(lambda leaf, index=index: leaf[index], layer)
                found.append((order, in_repetition(place.path, index), row))
        return [(path, row) for _, path, row in sorted(found, key=lambda entry: entry[0])]

    def only(self, part: str) -> "Taps":
        """Return the layers and parameters whose path contains `part`, such as "tanh" or "serial[1]"."""
        layers, params = self.names.value
        layers = tuple(place for place in layers if part in place.path)
        params = tuple((row, name) for row, name in params if part in name)
        return self._replace(names=Static(Names(layers, params)))

    def updated(self, params: Any, new_params: Any) -> "Taps":
        """Return these taps with the update ratios of a step from `params` to `new_params`: ‖new - old‖ / ‖old‖."""
        old, new = (jax.tree_util.tree_leaves_with_path(tree) for tree in (params, new_params))
        if [path for path, _ in old] != [path for path, _ in new] or len(old) != self.parameters.shape[-2]:
            raise TypeError("updated: the parameters before and after must be the tapped ones, leaf by leaf.")
        if not old:
            return self
        changes = [jnp.asarray(after) - jnp.asarray(before) for (_, before), (_, after) in zip(old, new, strict=True)]
        ratios = ratio(rms(changes), rms([before for _, before in old]))
        return self._replace(parameters=jnp.concatenate([self.parameters[:, :4], ratios[:, None]], 1))

    def __str__(self) -> str:
        """Return the report, on the host: a line for each layer, then one for each parameter."""
        return report(self.rows(), tuple(self.params.items()))


def parameter_name(path: tuple[Any, ...]) -> str:
    """Return what a leaf of the parameters is called: ``params[0].w``."""
    return "params" + jax.tree_util.keystr(path)


def _on_host(array: Any) -> Any:
    return array if isinstance(array, Tracer) else np.asarray(array)
