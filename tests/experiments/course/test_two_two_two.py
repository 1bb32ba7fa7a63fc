"""The 2-2-2 network: gates, layers and the slides' program have the same numbers, and the error falls."""

import jax
import numpy as np
import pytest

from experiments.__main__ import main
from experiments.course.two_two_two import (
    CUT_E,
    PRINTED,
    Weights,
    backpropagate,
    beside,
    error,
    layered,
    numbers,
    slides_program,
    train,
)

AFTER = (0.14978072, 0.19956143, 0.24975114, 0.29950229, 0.35891648, 0.40866619, 0.51130127, 0.56137012)
"""w1 to w8 after one update."""


def test_one_update_gives_the_eight_weights():
    w, _ = train(0.5, 1)
    assert w[:8] == pytest.approx(AFTER, abs=5e-9)
    assert w[8:] == Weights()[8:]


def test_gates_hand_and_layers_agree():
    assert beside() < 1e-15


def test_gates_and_layers_agree_at_other_weights():
    w = Weights(*np.random.default_rng(0).normal(size=10).tolist())
    with jax.enable_x64(True):
        np.testing.assert_allclose(layered(w), backpropagate(w)[2], rtol=1e-13)


def test_the_gradient_of_each_weight_is_its_finite_difference():
    with jax.enable_x64(True):
        _, _, slopes, _ = backpropagate(Weights())
        for name, slope in slopes._asdict().items():
            value = getattr(Weights(), name)
            ahead, behind = (float(error(Weights()._replace(**{name: value + h}))[0]) for h in (1e-5, -1e-5))
            assert slope == pytest.approx((ahead - behind) / 2e-5, rel=1e-6), name


def test_the_slides_program_prints_what_the_slide_does_and_its_cut_e_is_seen_from_the_tenth_place_on():
    program, with_e = slides_program(), slides_program(np.e)
    assert set(program) == set(PRINTED) and len(PRINTED) == 31
    assert all(program[name] == float(text) for name, text in PRINTED.items())
    gaps = [abs(program[name] - with_e[name]) for name in program]
    assert 1e-12 < max(gaps) < 1e-11 and CUT_E != np.e


def test_all_slips_of_the_slides_are_named():
    slips = [number for number in numbers() if number.slip]
    assert len(slips) == 24
    printed = {number.lecture for number in slips}
    assert {"0.19950143", "0.19978071613276482", "0.59326992", "-0.038097", "-0.0038097", "-0.019485"} <= printed
    assert {"-0.022601", "0.055396", "0.035911", "0.008665", "0.0004332", "0.00043326", "0.149783"} <= printed


def test_the_error_falls_with_every_update():
    _, errors = train(0.5, 300)
    assert len(errors) == 301 and (np.diff(errors) < 0).all()
    assert errors[0] == pytest.approx(0.298371109, abs=1e-9)


def test_it_runs_and_draws_and_wants_an_update(tmp_path, capsys):
    assert main(["course.two_two_two", "--out", str(tmp_path), "--updates", "20"]) == 0
    assert {path.name for path in tmp_path.glob("*.png")} == {"graph.png", "error.png"}
    assert main(["course.two_two_two", "--out", str(tmp_path), "--updates", "0"]) == 1
    assert "updates = 0, wanted 1 or more" in capsys.readouterr().err
