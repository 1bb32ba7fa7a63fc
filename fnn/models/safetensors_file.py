"""Files of weights in the safetensors format, and the one error that says all that does not fit a network."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np


def load(reader: str, path: str | os.PathLike[str], network: str) -> dict[str, np.ndarray]:
    """Return the file's arrays by name; `reader` and `network` are told in errors."""
    load_file = _safetensors().load_file
    if not Path(path).is_file():
        raise FileNotFoundError(f"{reader}: there is no file {path}; wanted a safetensors file of a {network}.")
    return load_file(path)


def save(path: str | os.PathLike[str], tensors: Mapping[str, np.ndarray]) -> None:
    """Write arrays by name."""
    _safetensors().save_file({name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}, path)


def need_fit(
    reader: str,
    path: str | os.PathLike[str],
    tensors: Mapping[str, np.ndarray],
    wanted: Mapping[str, tuple[int, ...]],
    hint: str,
) -> None:
    """Raise ValueError with every name that is missing, not wanted, of another shape or not of floating point."""
    both = [name for name in wanted if name in tensors]
    kinds = {
        "missing": [f"{name} {shape}" for name, shape in wanted.items() if name not in tensors],
        "not wanted": [f"{name} {tensor.shape}" for name, tensor in tensors.items() if name not in wanted],
        "of another shape": [
            f"{name} is {tensors[name].shape}, wanted {wanted[name]}"
            for name in both
            if tensors[name].shape != wanted[name]
        ],
        "not floating point": [
            f"{name} is {tensors[name].dtype}" for name in both if not jnp.issubdtype(tensors[name].dtype, jnp.floating)
        ],
    }
    lines = [f"  {len(names)} {kind}: {', '.join(names)}" for kind, names in kinds.items() if names]
    if lines:
        raise ValueError(
            f"{reader}: {path} does not fit the network, and nothing was read.\n" + "\n".join(lines) + f"\n{hint}"
        )


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError('weights are read by safetensors, which is missing; pip install "fnn[weights]".') from error
    return safetensors.numpy
