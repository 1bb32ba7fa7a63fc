from typing import Any

import jax
import numpy as np
import pytest

from experiments.__main__ import main
from experiments.course.blas import LECTURE_PEAK, Settings, levels
from fnn.check.residuals import flops

SMALL: dict[str, Any] = {"vector": 1000, "matrix": 96, "product": 32, "rounds": 1}


def test_the_counted_flops_are_those_of_the_compiler():
    with jax.enable_x64(True):
        for level in levels(Settings(**SMALL)):
            shapes = [jax.ShapeDtypeStruct(shape, np.float64) for shape in level.shapes]
            counted = flops(level.function, *shapes)
            # The compiler counts k products and k sums for a sum of k products; the last of them is that with y or C.
            assert counted == level.flops + (0 if len(shapes) == 2 else np.prod(shapes[-1].shape))


def test_the_counted_numbers_are_the_arguments_and_the_result():
    for level in levels(Settings(**SMALL)):
        sizes = [int(np.prod(shape)) for shape in level.shapes]
        assert level.numbers == sum(sizes) + sizes[-1]


def test_the_intensity_grows_with_n_at_level_3_alone():
    small, large = levels(Settings(**SMALL)), levels(Settings(vector=10_000, matrix=960, product=320))
    growth = [b.intensity / a.intensity for a, b in zip(small, large, strict=True)]
    assert growth == pytest.approx([1, 1, 10], rel=0.05)


def test_the_slides_rates_are_of_one_memory_and_below_the_peak():
    one, two, three = levels(Settings())
    speeds = [level.lecture / level.intensity for level in (one, two)]
    assert speeds == pytest.approx([624, 580], rel=1e-3)
    assert three.lecture / LECTURE_PEAK == pytest.approx(0.958, abs=1e-3)


def test_it_runs_and_draws(tmp_path):
    flags = [part for name, value in SMALL.items() for part in (f"--{name}", str(value))]
    assert main(["course.blas", *flags, "--out", str(tmp_path)]) == 0
    assert (tmp_path / "levels.png").stat().st_size and (tmp_path / "levels.svg").stat().st_size


def test_bad_settings_are_one_sentence(tmp_path, capsys):
    assert main(["course.blas", "--product", "0", "--out", str(tmp_path)]) == 1
    assert "product = 0, wanted 1 or more" in capsys.readouterr().err
