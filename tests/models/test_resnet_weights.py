"""Weights under torchvision's names: read, written, refused, and the logits that torch computes from them."""

import sys
from typing import Any

import jax
import numpy as np
import pytest
import safetensors.numpy
import torchvision_resnet as torchvision

from fnn import models

BLOCKS, WIDTH, CLASSES = (1, 2, 1, 1), 4, 5
NETS = {bottleneck: models.resnet(BLOCKS, CLASSES, bottleneck=bottleneck, width=WIDTH) for bottleneck in (False, True)}

LOGITS = {
    False: (
        (5.802446070786, -23.763102132607, 20.410014253094, 2.222386801555, -23.284624568587),
        (5.984960123735, -24.681709182752, 21.231064134421, 2.24400960908, -24.129297031284),
    ),
    True: (
        (43.402204169035, -94.96985672961, 83.693845541288, -17.652765457527, -58.880164274757),
        (43.572620917824, -95.281656633943, 83.944231991301, -17.678885538539, -59.095299226967),
    ),
}
"""What torch 2.13 computes in float64 for two images of 32x32, by `torchvision_resnet.logits` and by an nn.Module."""


def shapes(net, size=32, dtype="float32"):
    return jax.eval_shape(net.init, jax.random.key(0), jax.ShapeDtypeStruct((1, size, size, 3), dtype))


def saved(folder, bottleneck, dtype: Any = np.float32, **changes):
    """Write a file of the small ResNet; `changes` are arrays to put in, None to leave a name out."""
    named = torchvision.tensors(BLOCKS, bottleneck, WIDTH, CLASSES, dtype)
    for name, value in changes.items():
        if value is None:
            del named[name]
        else:
            named[name] = value
    safetensors.numpy.save_file(named, folder / "resnet.safetensors")
    return folder / "resnet.safetensors", named


@pytest.mark.parametrize("bottleneck", [False, True])
def test_logits_are_those_of_torch(bottleneck, tmp_path):
    path, _ = saved(tmp_path, bottleneck, np.float64)
    with jax.enable_x64(True):
        net = NETS[bottleneck]
        params, state = models.read_resnet(path, *shapes(net, dtype="float64"))
        got = jax.jit(net.apply)(params, state, torchvision.images(2, 32))[0]
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, LOGITS[bottleneck], rtol=0, atol=1e-11 * np.abs(LOGITS[bottleneck]).max())


@pytest.mark.parametrize("bottleneck", [False, True])
@pytest.mark.parametrize("train", [False, True])
def test_logits_are_those_of_torch_where_torch_is(bottleneck, train, tmp_path):
    torch = pytest.importorskip("torch", reason="torch is not installed, and nothing but this comparison needs it")
    path, named = saved(tmp_path, bottleneck)
    net = NETS[bottleneck]
    params, state = models.read_resnet(path, *shapes(net))
    x = torchvision.images(4, 32, np.float32)
    got = jax.jit(net.apply, static_argnames="train")(params, state, x, train=train)[0]
    want = torchvision.logits(torch, named, x, train=train)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-4 * np.abs(want).max())


@pytest.mark.parametrize("bottleneck", [False, True])
def test_what_is_read_and_written_again_is_the_same_file(bottleneck, tmp_path):
    path, named = saved(tmp_path, bottleneck)
    again = tmp_path / "again.safetensors"
    models.write_resnet(again, *models.read_resnet(path, *shapes(NETS[bottleneck])))
    found = safetensors.numpy.load_file(again)
    assert found.keys() == named.keys()
    for name, array in named.items():
        assert found[name].dtype == array.dtype and found[name].tobytes() == array.tobytes(), name
    assert path.read_bytes() == again.read_bytes()


@pytest.mark.parametrize(
    ("make", "blocks", "count"),
    [(models.resnet18, (2, 2, 2, 2), 11_689_512), (models.resnet50, (3, 4, 6, 3), 25_557_032)],
)
def test_names_shapes_and_counts_are_those_of_torchvision(make, blocks, count, tmp_path):
    """Of the whole networks, without their numbers: a file without any lists every one as missing."""
    params, state = shapes(make())
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == count
    path = tmp_path / "empty.safetensors"
    safetensors.numpy.save_file({}, path)
    with pytest.raises(ValueError) as error:
        models.read_resnet(path, params, state)
    named = torchvision.tensors(blocks, make is models.resnet50, 64, 1000, np.float16)
    wanted = [f"{name} {array.shape}" for name, array in named.items() if "num_batches" not in name]
    assert str(error.value).splitlines()[1] == f"  {len(wanted)} missing: {', '.join(wanted)}"


def test_every_name_that_does_not_fit_is_listed_and_nothing_is_read(tmp_path):
    changes = {
        "bn1.running_var": None,
        "layer2.0.downsample.0.weight": None,
        "layer4.1.conv1.weight": np.zeros((2, 2, 3, 3), np.float32),
        "fc.weight": np.zeros((1000, 32), np.float32),
        "layer1.0.bn1.bias": np.zeros(4, np.int32),
    }
    path, _ = saved(tmp_path, False, **changes)
    with pytest.raises(ValueError) as error:
        models.read_resnet(path, *shapes(NETS[False]))
    assert str(error.value).splitlines() == [
        f"read_resnet: {path} does not fit the network, and nothing was read.",
        "  2 missing: bn1.running_var (4,), layer2.0.downsample.0.weight (8, 4, 1, 1)",
        "  1 not wanted: layer4.1.conv1.weight (2, 2, 3, 3)",
        "  1 of another shape: fc.weight is (1000, 32), wanted (5, 32)",
        "  1 not floating point: layer1.0.bn1.bias is int32",
        "Wanted torchvision's names of a ResNet of the same depth, classes and stem.",
    ]


def test_numbers_take_the_dtype_that_is_wanted_and_the_counts_are_not_needed(tmp_path):
    without = {name: None for name in torchvision.tensors(BLOCKS, False, WIDTH, CLASSES) if "num_batches" in name}
    path, named = saved(tmp_path, False, np.float64, **without)
    params, state = models.read_resnet(path, *shapes(NETS[False]))
    assert {leaf.dtype for leaf in jax.tree.leaves((params, state))} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(params[-1].w, named["fc.weight"].T.astype(np.float32))


def test_a_network_of_another_kind_is_refused(tmp_path):
    path, _ = saved(tmp_path, False)
    net = models.mlp((4, 2))
    with pytest.raises(TypeError, match="params and state are not those of a ResNet"):
        models.read_resnet(path, *jax.eval_shape(net.init, jax.random.key(0), np.zeros((1, 3), np.float32)))


def test_a_file_that_is_not_there_and_a_package_that_is_missing(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        models.read_resnet(tmp_path / "none.safetensors", *shapes(NETS[False]))
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    for function in (models.read_resnet, models.write_resnet):
        with pytest.raises(ImportError, match=r'pip install "fnn\[weights\]"'):
            function(tmp_path / "none.safetensors", (), ())
