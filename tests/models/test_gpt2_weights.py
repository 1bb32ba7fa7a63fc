"""GPT-2's weights by their public names: the logits, the way there and back, and what is refused."""

import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from fnn import layers, models

DEPTH, WIDTH, HEADS, CONTEXT, VOCABULARY = 2, 8, 2, 6, 11
SIZES: dict[str, Any] = {"depth": DEPTH, "width": WIDTH, "heads": HEADS}


def wanted(dtype="float32", **options):
    """Return the shapes of the small network's params."""
    net = models.gpt(VOCABULARY, CONTEXT, **SIZES, **options)
    shapes = jax.eval_shape(net.init, jax.random.key(0), jax.ShapeDtypeStruct((1, 2), "int32"))[0]
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, dtype), shapes)


def tensors(dtype: Any = np.float32):
    """Return random weights of the small network under GPT-2's names."""
    draw = np.random.default_rng(0)
    shapes = {"wte.weight": (VOCABULARY, WIDTH), "wpe.weight": (CONTEXT, WIDTH)}
    for i in range(DEPTH):
        for norm in ("ln_1", "ln_2"):
            shapes |= {f"h.{i}.{norm}.weight": (WIDTH,), f"h.{i}.{norm}.bias": (WIDTH,)}
        for name, rows, columns in (
            ("attn.c_attn", WIDTH, 3 * WIDTH),
            ("attn.c_proj", WIDTH, WIDTH),
            ("mlp.c_fc", WIDTH, 4 * WIDTH),
            ("mlp.c_proj", 4 * WIDTH, WIDTH),
        ):
            shapes |= {f"h.{i}.{name}.weight": (rows, columns), f"h.{i}.{name}.bias": (columns,)}
    shapes |= {"ln_f.weight": (WIDTH,), "ln_f.bias": (WIDTH,)}
    return {name: draw.normal(size=shape).astype(dtype) for name, shape in shapes.items()}


def forward(named, ids):
    """GPT-2 in NumPy, from the paper and the names alone: one example, one head, one position at a time."""

    def norm(x, name):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return x * named[f"{name}.weight"] + named[f"{name}.bias"]

    def dense(x, name):
        return x @ named[f"{name}.weight"] + named[f"{name}.bias"]

    def gelu(x):
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))

    def attention(x, name):
        q, k, v = np.split(dense(x, f"{name}.c_attn"), 3, axis=-1)
        y, size = np.zeros_like(x), WIDTH // HEADS
        for head in range(HEADS):
            part = slice(head * size, (head + 1) * size)
            for i in range(len(x)):
                scores = k[: i + 1, part] @ q[i, part] / np.sqrt(size)
                weights = np.exp(scores - scores.max())
                y[i, part] = weights / weights.sum() @ v[: i + 1, part]
        return dense(y, f"{name}.c_proj")

    logits = []
    for row in ids:
        x = named["wte.weight"][row] + named["wpe.weight"][: len(row)]
        for i in range(DEPTH):
            x = x + attention(norm(x, f"h.{i}.ln_1"), f"h.{i}.attn")
            x = x + dense(gelu(dense(norm(x, f"h.{i}.ln_2"), f"h.{i}.mlp.c_fc")), f"h.{i}.mlp.c_proj")
        logits.append(norm(x, "ln_f") @ named["wte.weight"].T)
    return np.stack(logits)


def saved(folder, named):
    safetensors.numpy.save_file(named, folder / "gpt2.safetensors")
    return folder / "gpt2.safetensors"


def test_logits_are_those_of_the_names(tmp_path):
    named = tensors(np.float64)
    ids = np.random.default_rng(1).integers(0, VOCABULARY, (2, 5))
    with jax.enable_x64(True):
        net = models.gpt(VOCABULARY, CONTEXT, **SIZES)
        params = models.read_gpt2(saved(tmp_path, named), wanted("float64"))
        state = jax.eval_shape(net.init, jax.random.key(0), ids)[1]
        got = jax.jit(lambda params, ids: net.apply(params, state, ids)[0])(params, ids)
    want = forward(named, ids)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-12 * np.abs(want).max())


def test_what_is_read_and_written_again_is_the_same_file(tmp_path):
    named = tensors()
    path = saved(tmp_path, named)
    models.write_gpt2(tmp_path / "again.safetensors", models.read_gpt2(path, wanted()))
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_the_names_of_old_files_are_taken(tmp_path):
    """A prefix, masks among the weights, a head that repeats the embedding, other dtypes."""
    named = tensors()
    old = {f"transformer.{name}": tensor.astype(np.float16) for name, tensor in named.items()}
    old |= {f"transformer.h.{i}.attn.bias": np.ones((1, 1, CONTEXT, CONTEXT), bool) for i in range(DEPTH)}
    old |= {
        "transformer.h.0.attn.masked_bias": np.asarray([-1e4], np.float32),
        "lm_head.weight": old["transformer.wte.weight"],
    }
    params = models.read_gpt2(saved(tmp_path, old), wanted())
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(params.embedding.w, named["wte.weight"].astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(params.blocks[1].down.w, named["h.1.mlp.c_proj.weight"].astype(np.float16))


def test_a_head_of_its_own_is_transposed(tmp_path):
    head = np.random.default_rng(2).normal(size=(VOCABULARY, WIDTH)).astype(np.float32)
    path = saved(tmp_path, tensors() | {"lm_head.weight": head})
    params = models.read_gpt2(path, wanted(tied=False))
    np.testing.assert_array_equal(models.gpt_head(params), head.T)
    models.write_gpt2(tmp_path / "again.safetensors", params)
    np.testing.assert_array_equal(safetensors.numpy.load_file(tmp_path / "again.safetensors")["lm_head.weight"], head)
    with pytest.raises(ValueError, match=r"lm_head.weight of .* is not wte.weight.*tied=False"):
        models.read_gpt2(path, wanted())


def test_every_name_that_does_not_fit_is_listed_and_nothing_is_read(tmp_path):
    named = tensors()
    del named["h.1.attn.c_attn.bias"], named["ln_f.weight"]
    named |= {
        "h.2.ln_1.weight": np.zeros(WIDTH, np.float32),
        "wpe.weight": np.zeros((1024, WIDTH), np.float32),
        "ln_f.bias": np.zeros(WIDTH, np.int32),
    }
    path = saved(tmp_path, named)
    with pytest.raises(ValueError) as error:
        models.read_gpt2(path, wanted())
    assert str(error.value).splitlines() == [
        f"read_gpt2: {path} does not fit the network, and nothing was read.",
        "  2 missing: h.1.attn.c_attn.bias (24,), ln_f.weight (8,)",
        "  1 not wanted: h.2.ln_1.weight (8,)",
        "  1 of another shape: wpe.weight is (1024, 8), wanted (6, 8)",
        "  1 not floating point: ln_f.bias is int32",
        "Wanted GPT-2's names of a network of the same depth, width, context and vocabulary.",
    ]


def test_gpt2_has_124439808_parameters_under_148_names(tmp_path):
    net = models.gpt(50257, 1024, depth=12, width=768, heads=12)
    params, _ = jax.eval_shape(net.init, jax.random.key(0), jax.ShapeDtypeStruct((1, 1), "int32"))
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == 124_439_808
    with pytest.raises(ValueError, match=r"148 missing: .*h.11.mlp.c_proj.weight \(3072, 768\)"):
        models.read_gpt2(saved(tmp_path, {}), params)


@pytest.mark.parametrize(
    "options",
    [
        {"rotary": 1e4},
        {"bias": False},
        {"normalisation": layers.rms_norm},
        {"activation": layers.swiglu},
        {"kv_heads": 1},
    ],
    ids=lambda options: next(iter(options)),
)
def test_a_network_of_another_kind_is_refused(options, tmp_path):
    with pytest.raises(TypeError, match="params are not those of a GPT-2"):
        models.read_gpt2(saved(tmp_path, tensors()), wanted(**options))


def test_params_of_no_gpt_are_refused(tmp_path):
    with pytest.raises(TypeError, match="params are not those of a GPT-2"):
        models.write_gpt2(tmp_path / "none.safetensors", (jnp.zeros(3),))


def test_a_file_that_is_not_there_and_a_package_that_is_missing(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"read_gpt2: there is no file .*GPT-2"):
        models.read_gpt2(tmp_path / "none.safetensors", wanted())
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match=r'pip install "fnn\[weights\]"'):
        models.read_gpt2(tmp_path / "none.safetensors", wanted())
