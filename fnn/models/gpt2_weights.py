"""GPT-2's weights under their public names, in a safetensors file: read into the params of `gpt`, and written.

``wte.weight``, ``wpe.weight``, ``h.0.ln_1.weight``, ``h.0.attn.c_attn.weight`` and so on become the arrays of
`fnn.models.gpt`, whose layouts are the same, (in, out). ``c_attn`` is W_q, W_k and W_v side by side.
"""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fnn import layers
from fnn.models import safetensors_file
from fnn.models.gpt import GPT

_BUFFERS = (".attn.bias", ".attn.masked_bias")
"""Masks, which files of old have among the weights."""
_HEAD = "lm_head.weight"


class _Attention(NamedTuple):
    """The parameters of a block's attention as a file has them."""

    c_attn: Any
    c_proj: Any


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
    wanted, names = _as_in_files(params)
    head = None if _HEAD in names else tensors.pop(_HEAD, None)
    hint = "Wanted GPT-2's names of a network of the same depth, width, context and vocabulary."
    safetensors_file.need_fit("read_gpt2", path, tensors, _shapes(names, jax.tree.leaves(wanted)), hint)
    if head is not None and not np.array_equal(head, tensors["wte.weight"]):
        raise ValueError(
            f"read_gpt2: {_HEAD} of {path} is not wte.weight, but the network's head is tied to its embedding; make "
            "it with tied=False."
        )
    values = [tensors[name].T if name == _HEAD else tensors[name] for name in names]
    read = _apart(jax.tree.unflatten(jax.tree.structure(wanted), values))
    return jax.tree.map(lambda value, leaf: jnp.asarray(value, leaf.dtype), read, params)


def write_gpt2(path: str | os.PathLike[str], params: Any) -> None:
    """Write the params of a GPT to a safetensors file with GPT-2's names; see `read_gpt2`.

    Names have no prefix, and ``lm_head.weight`` is there only if the head is not tied.
    """
    _, names = _as_in_files(params)
    named = zip(names, map(np.asarray, jax.tree.leaves(_side_by_side(params))), strict=True)
    tensors = {name: leaf.T if name == _HEAD else leaf for name, leaf in named}
    safetensors_file.save(path, tensors)


def _as_in_files(params: Any) -> tuple[Any, list[str]]:
    """Return the shapes of a GPT-2's params as its file has them, and the name of each leaf, in their order."""
    try:
        wanted, blocks = jax.eval_shape(_side_by_side, params), params.blocks
        names = GPT(
            layers.Embedding("wte.weight"),  # pyright: ignore[reportArgumentType]
            layers.LearnedPositions("wpe.weight"),  # pyright: ignore[reportArgumentType]
            tuple(_block(f"h.{i}") for i in range(len(blocks))),
            _pair(layers.LayerNorm, "ln_f"),
            None if params.head is None else layers.Dense(_HEAD, None),  # pyright: ignore[reportArgumentType]
        )
        gated = any(block.up.w.shape[1] != block.down.w.shape[0] for block in blocks)
        grouped = any(block.attention.k.w.shape != block.attention.q.w.shape for block in blocks)
    except (AttributeError, TypeError):
        wanted, names, gated, grouped = None, "no GPT-2", False, False
    if gated or grouped or jax.tree.structure(names) != jax.tree.structure(wanted):
        raise TypeError(
            "params are not those of a GPT-2; wanted what init of fnn.models.gpt returns for a network with learned "
            "positions, layer norms, biases, as many heads of keys and values as of queries, and no gate."
        )
    return wanted, jax.tree.leaves(names)


def _side_by_side(params: Any) -> Any:
    """Return the params with each block's q, k and v as one."""

    def joined(block):
        q, k, v, out = block.attention
        return block._replace(attention=_Attention(jax.tree.map(lambda *x: jnp.concatenate(x, -1), q, k, v), out))

    return params._replace(blocks=tuple(map(joined, params.blocks)))


def _apart(params: Any) -> Any:
    """Return the params with each block's q, k and v as three: the inverse of `_side_by_side`."""

    def parted(block):
        w, b = (jnp.split(x, 3, -1) for x in block.attention.c_attn)
        q, k, v = map(layers.Dense, w, b)
        return block._replace(attention=layers.Attention(q, k, v, block.attention.c_proj))

    return params._replace(blocks=tuple(map(parted, params.blocks)))


def _block(name: str) -> Any:
    attention: Any = _Attention(*(_pair(layers.Dense, f"{name}.attn.{part}") for part in _Attention._fields))
    return layers.TransformerBlock(
        _pair(layers.LayerNorm, f"{name}.ln_1"),
        attention,
        None,
        None,
        _pair(layers.LayerNorm, f"{name}.ln_2"),
        _pair(layers.Dense, f"{name}.mlp.c_fc"),
        _pair(layers.Dense, f"{name}.mlp.c_proj"),
    )


def _pair(kind: Any, name: str) -> Any:
    return kind(f"{name}.weight", f"{name}.bias")


def _shapes(names: list[str], leaves: list[Any]) -> Mapping[str, tuple[int, ...]]:
    """Return the shape of each array of the file."""
    return {name: leaf.shape[::-1] if name == _HEAD else leaf.shape for name, leaf in zip(names, leaves, strict=True)}
