"""The NumPy program of the lecture and fnn's: the same losses, and the slip in the slide's indentation."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from experiments.__main__ import main
from experiments.course.numpy_program import Settings, as_printed, compiled, program, start, tolerance

SMALL = Settings(batch=8, in_features=50, hidden=20, out_features=3, steps=100)


@pytest.mark.parametrize("dtype", [np.dtype("f4"), np.dtype("f8")], ids=str)
@pytest.mark.parametrize("seed", [0, 1])
def test_both_programs_have_the_same_losses(seed, dtype):
    settings = replace(SMALL, seed=seed)
    with jax.enable_x64(dtype == np.float64):
        begin = start(settings, dtype)
        slide, ours = program(begin, settings.steps, 1e-3), compiled(begin, settings.steps, 1e-3)()
    assert slide.dtype == ours.dtype == dtype and slide[-1] < 0.5 * slide[0]
    np.testing.assert_allclose(ours, slide, rtol=tolerance(settings, dtype))


def test_the_lectures_sizes_agree_over_the_first_steps():
    settings = Settings(steps=5)
    begin = start(settings, np.dtype("f4"))
    found = program(begin, 5, settings.rate), compiled(begin, 5, settings.rate)()
    np.testing.assert_allclose(*found, rtol=tolerance(settings, np.dtype("f4")))


def test_with_the_updates_outside_the_loop_nothing_is_learned():
    losses = as_printed(start(SMALL, np.dtype("f8")), 4)
    assert len(losses) == 4 and np.ptp(losses) == 0


def test_the_experiment_draws_losses_and_differences(tmp_path):
    sizes = ["--batch", "8", "--in-features", "50", "--hidden", "20", "--out-features", "3", "--steps", "100"]
    assert main(["course.numpy_program", "--out", str(tmp_path), *sizes]) == 0
    assert all((tmp_path / f"{name}.{end}").exists() for name in ("losses", "differences") for end in ("png", "svg"))


def test_no_steps_are_refused_in_a_sentence(tmp_path, capsys):
    assert main(["course.numpy_program", "--out", str(tmp_path), "--steps", "0"]) == 1
    assert "wanted at least 1" in capsys.readouterr().err
