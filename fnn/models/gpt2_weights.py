"""GPT-2's weights under their public names, in a safetensors file: read into the params of `gpt`, and written.

``wte.weight``, ``wpe.weight``, ``h.0.ln_1.weight``, ``h.0.attn.c_attn.weight`` and so on become the arrays of
`fnn.models.gpt`, whose layouts are the same, (in, out); each array of the blocks is that of all ``h.0`` to ``h.11``,
one behind the other.
"""

import os
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fnn import layers
from fnn.models import safetensors_file
from fnn.models.gpt import GPT

_BUFFERS = (".attn.bias", ".attn.masked_bias")
"""Masks, which files of old have among the weights."""
_HEAD = "lm_head.weight"


def read_gpt2(path: str | os.PathLike[str], params: Any) -> GPT:
    """Return the params of a GPT with the values of a safetensors file that has GPT-2's names.

    `params` say what is wanted: those of ``net.init``, or their shapes alone. Values take their dtypes. Names may
    begin with ``transformer.``; masks (``attn.bias``) are not wanted. A file's ``lm_head.weight``, (vocabulary,
    width), is read into a head of its own (``tied=False``); where the head is tied, it must be the embedding.

        net = models.gpt(50257, 1024, depth=12, width=768, heads=12)
        params, state = jax.eval_shape(net.init, jax.random.key(0), jax.ShapeDtypeStruct((1, 1), "int32"))
        params = models.read_gpt2("model.safetensors", params)

    Raises ValueError that lists every name that is missing, not wanted, of another shape or not of floating-point
    numbers, or says that the head is not the embedding; TypeError for params that are no GPT-2's: learned positions,
    layer norms, biases, hidden features without a gate; and ImportError that names the extra where safetensors is
    missing.
    """
    loaded = safetensors_file.load("read_gpt2", path, "GPT-2")
    tensors = {name.removeprefix("transformer."): t for name, t in loaded.items() if not name.endswith(_BUFFERS)}
    leaves, tree = jax.tree.flatten(params)
    names = _names(params)
    head = None if _HEAD in names else tensors.pop(_HEAD, None)
    hint = "Wanted GPT-2's names of a network of the same depth, width, context and vocabulary."
    safetensors_file.need_fit("read_gpt2", path, tensors, _shapes(names, leaves), hint)
    if head is not None and not np.array_equal(head, tensors["wte.weight"]):
        raise ValueError(
            f"read_gpt2: {_HEAD} of {path} is not wte.weight, but the network's head is tied to its embedding; make "
            "it with tied=False."
        )
    read = []
    for name, leaf in zip(names, leaves, strict=True):
        several = "{}" in name
        value = np.stack([tensors[name.format(i)] for i in range(leaf.shape[0])]) if several else tensors[name]
        read.append(jnp.asarray(value.T if name == _HEAD else value, leaf.dtype))
    return tree.unflatten(read)


def write_gpt2(path: str | os.PathLike[str], params: Any) -> None:
    """Write the params of a GPT to a safetensors file with GPT-2's names; see `read_gpt2`.

    Names have no prefix, and ``lm_head.weight`` is there only if the head is not tied.
    """
    tensors: dict[str, np.ndarray] = {}
    for name, leaf in zip(_names(params), map(np.asarray, jax.tree.leaves(params)), strict=True):
        if "{}" in name:
            tensors.update({name.format(i): each for i, each in enumerate(leaf)})
        else:
            tensors[name] = leaf.T if name == _HEAD else leaf
    safetensors_file.save(path, tensors)


def _names(params: Any) -> list[str]:
    """Return the name of each leaf of a GPT-2's params, in their order; {} stands for the number of the block."""
    try:
        names = GPT(
            layers.Embedding("wte.weight"),  # pyright: ignore[reportArgumentType]
            layers.LearnedPositions("wpe.weight"),  # pyright: ignore[reportArgumentType]
            layers.TransformerBlock(
                _pair(layers.LayerNorm, "h.{}.ln_1"),
                layers.Attention(_pair(layers.Dense, "h.{}.attn.c_attn"), _pair(layers.Dense, "h.{}.attn.c_proj")),
                None,
                None,
                _pair(layers.LayerNorm, "h.{}.ln_2"),
                _pair(layers.Dense, "h.{}.mlp.c_fc"),
                _pair(layers.Dense, "h.{}.mlp.c_proj"),
            ),
            _pair(layers.LayerNorm, "ln_f"),
            None if params.head is None else layers.Dense(_HEAD, None),  # pyright: ignore[reportArgumentType]
        )
        block = params.blocks
        gated = block.up.w.shape[-1] != block.down.w.shape[-2]
        grouped = block.attention.qkv.w.shape[-1] != 3 * block.attention.out.w.shape[-2]
    except AttributeError:
        names, gated, grouped = None, False, False
    if gated or grouped or jax.tree.structure(names) != jax.tree.structure(params):
        raise TypeError(
            "params are not those of a GPT-2; wanted what init of fnn.models.gpt returns for a network with learned "
            "positions, layer norms, biases, as many heads of keys and values as of queries, and no gate."
        )
    return jax.tree.leaves(names)


def _pair(kind: Any, name: str) -> Any:
    return kind(f"{name}.weight", f"{name}.bias")


def _shapes(names: list[str], leaves: list[Any]) -> Mapping[str, tuple[int, ...]]:
    """Return the shape of each array of the file."""
    shapes = {}
    for name, leaf in zip(names, leaves, strict=True):
        if "{}" in name:
            shapes.update({name.format(i): leaf.shape[1:] for i in range(leaf.shape[0])})
        else:
            shapes[name] = leaf.shape[::-1] if name == _HEAD else leaf.shape
    return shapes
