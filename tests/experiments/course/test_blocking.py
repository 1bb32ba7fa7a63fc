import json

import numpy as np
import pytest

from experiments.__main__ import main
from experiments.course.blocking import cached, multiply, traffic


@pytest.mark.parametrize("n, blocks", [(12, 1), (12, 3), (12, 12), (13, 4), (7, 2)])
def test_the_words_are_the_slides_and_the_product_is_right(n, blocks):
    a, b = np.random.default_rng(0).standard_normal((2, n, n))
    c, words = multiply(a, b, blocks)
    assert words == traffic(n, blocks) == (2 * blocks + 2) * n**2
    np.testing.assert_allclose(c, a @ b, rtol=0, atol=8 * np.finfo(np.float64).eps * n**0.5 * np.abs(a @ b).max())


def test_the_flop_a_word_are_about_the_side_of_a_block():
    n, blocks = 1200, 6
    assert 2 * n**3 / traffic(n, blocks) == pytest.approx(n / blocks, rel=0.15)


def test_a_cache_that_holds_everything_moves_each_word_once():
    n = 8
    assert cached(n, 4, memory=3 * n**2) == 4 * n**2 == traffic(n, 1)


def test_a_cache_with_room_for_more_than_three_blocks_moves_what_the_blocks_say():
    n, side = 12, 3
    assert cached(n, side, memory=4 * 3 * side**2) <= traffic(n, n // side)
    assert cached(n, n, memory=4 * 3 * side**2) > traffic(n, n // side)


def test_it_runs_and_draws(tmp_path, capsys):
    flags = ["--n", "12", "--memory", "48", "--timed", "32", "--smallest", "16", "--rounds", "1"]
    assert main(["course.blocking", *flags, "--out", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["exact"] == 1
    for name in ("traffic.png", "traffic.svg", "rates.png", "rates.svg"):
        assert (tmp_path / name).stat().st_size


@pytest.mark.parametrize(
    ("flag", "value", "sentence"),
    [("--timed", "48", "timed = 48, wanted a power of 2"), ("--memory", "2", "wanted n of 1 or more and three words")],
)
def test_bad_settings_are_one_sentence(flag, value, sentence, tmp_path, capsys):
    assert main(["course.blocking", flag, value, "--out", str(tmp_path)]) == 1
    assert sentence in capsys.readouterr().err
