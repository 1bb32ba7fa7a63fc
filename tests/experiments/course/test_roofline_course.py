from typing import Any

import jax
import jax.numpy as jnp
import pytest

from experiments.__main__ import main
from experiments.course.roofline import PEAK, TRIAD, Settings, kernels
from fnn import rules

SMALL: dict[str, Any] = {"rows": 64, "features": 32, "classes": 10, "product": 48, "rounds": 1}


@pytest.fixture(scope="module")
def made():
    return kernels(Settings(**SMALL))


def test_the_roofs_are_measured_with_what_they_say(made):
    assert made[PEAK].flops == 2 * 48**3
    entries = 64 * 32
    assert (made[TRIAD].flops, made[TRIAD].bytes) == (2 * entries, 3 * 4 * entries)


def test_a_layers_backward_does_twice_its_forward(made):
    products = 2 * 64 * 32 * 32
    forward, backward = (made[f"linear 32 to 32 {way}"].flops for way in ("forward", "backward"))
    assert products <= forward <= 1.05 * products
    assert 2 * products <= backward <= 1.05 * 2 * products


def test_relu_reads_and_writes_each_number_once(made):
    entries = 64 * 32
    assert made["relu forward"].bytes == 2 * 4 * entries
    assert made["relu backward"].bytes == 3 * 4 * entries


def test_a_program_writes_the_rules_result_and_gradients(made):
    x = jnp.linspace(-3.0, 3.0, 64 * 32).reshape(64, 32)
    assert made["sigmoid forward"].program(jnp.zeros_like(x)).shape == rules.sigmoid(x).shape
    gradients = made["linear 32 to 10 backward"].program([jnp.zeros_like(x), jnp.zeros((32, 10)), jnp.zeros(10)])
    assert jax.tree.map(jnp.shape, gradients) == [(64, 32), (32, 10), (10,)]


def test_it_runs_and_draws(tmp_path):
    flags = [part for name, value in SMALL.items() for part in (f"--{name}", str(value))]
    assert main(["course.roofline", *flags, "--out", str(tmp_path)]) == 0
    assert (tmp_path / "roofline.png").stat().st_size and (tmp_path / "roofline.svg").stat().st_size


def test_bad_settings_are_one_sentence(tmp_path, capsys):
    assert main(["course.roofline", "--rows", "0", "--out", str(tmp_path)]) == 1
    assert "rows = 0, wanted 1 or more" in capsys.readouterr().err
