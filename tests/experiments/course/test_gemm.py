import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.__main__ import main
from experiments.course import gemm


def test_small_products_are_timed_drawn_and_told(tmp_path, capsys):
    assert main(["course.gemm", "--sizes", "16", "32", "--rounds", "1", "--out", str(tmp_path)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {name for name in found if name.endswith("_gflops")} == {
        f"{who}_{dtype}_gflops"
        for who, dtype in [("fnn", d) for d in gemm.DTYPES] + [("NumPy", "float32"), ("NumPy", "float64")]
    }
    assert (tmp_path / "gemm.png").stat().st_size and (tmp_path / "gemm.svg").stat().st_size


def test_what_the_budget_does_not_hold_is_left_out_in_words(tmp_path, capsys):
    flags = ["--sizes", "16", "32", "--rounds", "1", "--budget", "0", "--dtypes", "float32"]
    assert main(["course.gemm", *flags, "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().err
    for name in ("fnn float32", "NumPy float32"):
        assert f"{name}, N 32, is left out" in said


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [(["--dtypes", "int8"], "wanted some of float32"), (["--sizes", "32", "16"], "wanted numbers above 0 that ascend")],
)
def test_bad_settings_are_one_sentence(flags, sentence, tmp_path, capsys):
    assert main(["course.gemm", *flags, "--out", str(tmp_path)]) == 1
    assert sentence in capsys.readouterr().err


def test_the_check_finds_a_wrong_product(monkeypatch):
    monkeypatch.setattr(gemm.rules, "matmul", lambda x, y: (x @ y) * jnp.asarray(1.01, x.dtype))
    with jax.enable_x64(True), pytest.raises(ValueError, match=r"fnn float32: the product is wrong by 0\.01 of"):
        gemm.check(gemm.Settings(dtypes=("float32",)), n=64)


def test_a_result_is_written_over_the_last_one():
    x = jnp.arange(4.0)
    program, start = gemm.into(lambda x: x + 1.0, x)
    after = program(start)
    assert start.is_deleted()
    np.testing.assert_array_equal(after, x + 1.0)
