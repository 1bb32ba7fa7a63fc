"""The memory of a small ResNet, against outputs counted by hand."""

import functools
import json

import pytest

from experiments.__main__ import main
from experiments.vision import resnet_memory
from fnn import models

BATCH, SIDE, HALF = 2, 64, 2


def outputs():
    """Return how many entries it computes for one image: of convolutions and norms, of the pool and the head."""
    entries = SIDE * SIDE * 3 + 2 * (SIDE // 2) ** 2 * 64 + (SIDE // 4) ** 2 * 64 + 512 + 1000
    for number in range(4):
        side, features = SIDE // 4 // 2**number, 64 * 2**number
        convolutions = 2 + (number > 0)  # and the shortcut's
        entries += 2 * convolutions * side**2 * features
    return entries


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    out = tmp_path_factory.mktemp("resnet_memory")
    small = f"--model resnet18 --batch {BATCH} --side {SIDE}".split()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "resnet18", functools.partial(models.resnet, (1, 1, 1, 1), bottleneck=False))
        assert main(["resnet_memory", *small, "--out", str(out)]) == 0
    assert (out / "memory.png").exists() and (out / "memory.svg").exists()
    return json.loads((out / "metrics.json").read_text())


def test_outputs_are_those_counted_by_hand(metrics):
    assert metrics["activations_outputs"] * 1e9 == pytest.approx(HALF * BATCH * outputs(), rel=1e-9)


def test_the_rules_keep_less_than_autodiff_and_recomputed_blocks_less_than_that(metrics):
    assert metrics["kept_over_autodiff"] < 0.6
    assert 0 < metrics["activations_recomputed"] < metrics["activations_kept"]
    assert metrics["total_kept"] > metrics["activations_kept"] > 0


def test_bad_settings_are_refused_in_a_sentence(tmp_path, capsys):
    assert main(["resnet_memory", "--side", "8", "--out", str(tmp_path)]) == 1
    assert "wanted at least 1 and at least 32 pixels" in capsys.readouterr().err


def test_a_row_has_a_stage_and_a_kind():
    row = resnet_memory.MemoryRow("serial[2].serial[0].recompute.serial[2].relu", "", 0, 0, 0, 0)
    assert (resnet_memory.stage(row), resnet_memory.kind(row)) == ("stage 2", "ReLU")
