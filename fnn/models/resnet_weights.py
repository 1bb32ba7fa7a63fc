"""ResNet's weights under torchvision's names, in a safetensors file: read into params and state, and written.

torchvision's ``conv1.weight``, ``bn1.running_mean``, ``layer1.0.conv1.weight``, ``layer1.0.downsample.0.weight``,
``fc.bias`` and so on become the arrays of `fnn.models.resnet`: convolutions (out, in, height, width) are transposed
to (height, width, in, out), the dense weight (out, in) to (in, out), and all else is as it is.
"""

import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fnn import layers
from fnn.models import safetensors_file


def read_resnet(path: str | os.PathLike[str], params: Any, state: Any) -> tuple[Any, Any]:
    """Return (params, state) of a ResNet with the values of a safetensors file that has torchvision's names.

    `params` and `state` say what is wanted: those of ``net.init``, or their shapes alone. Values take their dtypes.
    ``num_batches_tracked`` is not wanted: the momentum of fnn's `batch_norm` is constant.

        net = models.resnet50()
        params, state = jax.eval_shape(net.init, jax.random.key(0), jax.ShapeDtypeStruct((1, 224, 224, 3), "float32"))
        params, state = models.read_resnet("resnet50.safetensors", params, state)

    For another number of classes, read the file into a network of its 1000 and keep all but the head:
    ``(*params[:-1], fresh[-1])``.

    Raises ValueError that lists every name that is missing, not wanted, of another shape or not of floating-point
    numbers; TypeError for params that are no ResNet's; and ImportError that names the extra where safetensors is
    missing.
    """
    loaded = safetensors_file.load("read_resnet", path, "ResNet")
    tensors = {name: t for name, t in loaded.items() if not name.endswith(".num_batches_tracked")}
    leaves, tree = jax.tree.flatten((params, state))
    entries = _entries(tree)
    wanted = {e.name: e.in_torch(leaves[e.place].shape) for e in entries}
    hint = "Wanted torchvision's names of a ResNet of the same depth, classes and stem."
    safetensors_file.need_fit("read_resnet", path, tensors, wanted, hint)
    read: list[Any] = [None] * len(leaves)
    for name, place, axes in entries:
        read[place] = jnp.asarray(tensors[name].transpose(axes), leaves[place].dtype)
    return tree.unflatten(read)


def write_resnet(path: str | os.PathLike[str], params: Any, state: Any) -> None:
    """Write the params and state of a ResNet to a safetensors file with torchvision's names; see `read_resnet`.

    torch loads it by ``resnet50().load_state_dict(safetensors.torch.load_file(path))``: each batch norm has its
    ``num_batches_tracked``, which is 0.
    """
    leaves, tree = jax.tree.flatten((params, state))
    tensors = {}
    for entry in _entries(tree):
        tensors[entry.name] = np.asarray(leaves[entry.place]).transpose(np.argsort(entry.axes))
        if entry.name.endswith(".running_var"):
            tensors[entry.name.replace("running_var", "num_batches_tracked")] = np.zeros((), np.int64)
    safetensors_file.save(path, tensors)


class _Entry(NamedTuple):
    """One array of a ResNet."""

    name: str
    """torchvision's."""
    place: Any
    """The number of the leaf among those of (params, state)."""
    axes: tuple[int, ...]
    """The axes of torch's array in fnn's order."""

    def in_torch(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape that the array has in torch."""
        return tuple(shape[axis] for axis in np.argsort(self.axes))


def _entries(tree: Any) -> list[_Entry]:
    """Return all arrays of a ResNet whose (params, state) have that structure, in the order of torchvision's."""
    entries: list[_Entry] = []
    try:
        for name, module, statistics in _modules(*tree.unflatten(range(tree.num_leaves))):
            entries += _of(name, module, statistics)
    except (TypeError, ValueError, AttributeError):
        entries = []
    if sorted(entry.place for entry in entries) != list(range(tree.num_leaves)):
        raise TypeError("params and state are not those of a ResNet; wanted what init of fnn.models.resnet returns.")
    return entries


def _of(name: str, module: Any, statistics: Any) -> list[_Entry]:
    """Return the arrays of one layer."""
    if isinstance(module, layers.BatchNorm):
        return [
            _Entry(f"{name}.weight", module.scale, (0,)),
            _Entry(f"{name}.bias", module.offset, (0,)),
            _Entry(f"{name}.running_mean", statistics.mean, (0,)),
            _Entry(f"{name}.running_var", statistics.variance, (0,)),
        ]
    weight = _Entry(f"{name}.weight", module.w, (1, 0) if isinstance(module, layers.Dense) else (2, 3, 1, 0))
    return [weight] if module.b is None else [weight, _Entry(f"{name}.bias", module.b, (0,))]


def _modules(params: Any, state: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield (torchvision's name, params, state) of each convolution, batch norm and dense layer."""
    (stem, *stages, _, head), (stem_state, *stage_states, _, head_state) = params, state
    yield from _named(("conv1", "bn1"), stem, stem_state)
    for number, (stage, states) in enumerate(zip(stages, stage_states, strict=True), 1):
        for position, (block, block_state) in enumerate(zip(stage, states, strict=True)):
            prefix = f"layer{number}.{position}"
            (body, shortcut), (body_state, shortcut_state) = block[0], block_state[0]
            names = [f"{prefix}.{kind}{i}" for i in (1, 2, 3) for kind in ("conv", "bn")]
            yield from _named(names, body, body_state)
            yield from _named((f"{prefix}.downsample.0", f"{prefix}.downsample.1"), shortcut, shortcut_state)
    yield "fc", head, head_state


def _named(names: Sequence[str], params: Any, state: Any) -> Iterator[tuple[str, Any, Any]]:
    """Give the layers of a serial that have parameters these names, one after the other."""
    kept = [(p, s) for p, s in zip(params, state, strict=True) if isinstance(p, layers.Conv | layers.BatchNorm)]
    return ((name, *pair) for name, pair in zip(names, kept, strict=False))
