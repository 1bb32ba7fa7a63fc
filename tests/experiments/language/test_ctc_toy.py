"""The toy transcription: what it is given, what it makes of an alignment, how it counts errors, and a tiny run."""

import json

import jax
import numpy as np
import pytest

from experiments.__main__ import main
from experiments.language import ctc_toy

SETTINGS = ctc_toy.Settings(recordings=20)


def test_an_alignment_is_read_without_repeats_and_blanks():
    alignment = np.array([[0, 1, 1, 0, 1, 2, 2, 0], [0] * 8, [3, 3, 3, 3, 3, 3, 3, 3]])
    logits = (np.arange(4) == alignment[..., None]) * 5.0
    assert ctc_toy.greedy(logits) == [[1, 1, 2], [], [3]]


@pytest.mark.parametrize(
    ("one", "other", "edits"),
    [("", "", 0), ("abc", "abc", 0), ("", "abc", 3), ("abc", "", 3), ("abc", "axc", 1), ("kitten", "sitting", 3)],
)
def test_edits(one, other, edits):
    assert ctc_toy.edits([ord(c) for c in one], [ord(c) for c in other]) == edits


def test_the_rate_is_of_all_letters():
    assert ctc_toy.label_error_rate([[1], [1, 2, 3]], [[2], [1, 2, 3]]) == 1 / 4


def test_recordings():
    sounds = ctc_toy.sounds_of(SETTINGS)
    x, y, begins = given = ctc_toy.recordings(SETTINGS, sounds, 20, 1)
    assert x.shape == (20, 72, 10) and x.dtype == np.float32 and y.shape == begins.shape == (20, 8)
    lengths = (y != ctc_toy.BLANK).sum(1)
    assert 3 <= lengths.min() and lengths.max() <= 8 and (y[:, 0] == y[:, 1]).any() and y.max() <= 8
    for row, length in enumerate(lengths):
        gaps = np.diff(begins[row, :length])
        assert (y[row, length:] == 0).all() and (gaps >= ctc_toy.FASTEST).all() and (gaps <= ctc_toy.SLOWEST).all()
    again, other = (ctc_toy.recordings(SETTINGS, sounds, 20, part) for part in (1, 2))
    np.testing.assert_array_equal(given.x, again.x)
    assert (given.x != other.x).any()


def test_a_sound_keeps_its_ends_at_any_speed():
    sound = ctc_toy.sounds_of(SETTINGS)[0]
    for frames in (3, 4, 9):
        spoken = ctc_toy.stretched(sound, frames)
        np.testing.assert_allclose(spoken[[0, -1]], sound[[0, -1]])
    np.testing.assert_allclose(ctc_toy.stretched(sound, 4), sound)


@pytest.mark.parametrize("model", ["gru", "conv"])
def test_the_network_gives_logits_for_each_frame(model):
    net = ctc_toy.network(ctc_toy.Settings(model=model, letters="abc"))
    x = jax.ShapeDtypeStruct((2, 72, 10), np.float32)
    params, state = jax.eval_shape(net.init, jax.random.key(0), x)
    assert jax.eval_shape(net.apply, params, state, x)[0].shape == (2, 72, 4)


def test_it_learns_and_draws(tmp_path):
    small = "--model conv --letters ab --longest 3 --frames 30 --noise 0.2 --hidden 8".split()
    short = "--recordings 256 --test-recordings 32 --epochs 4 --learning-rate 0.05".split()
    assert main(["ctc_toy", *small, *short, "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "metrics.json").read_text())
    history = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert found["test_loss"] == history[-1]["test_loss"] < history[0]["test_loss"] / 1.5
    assert 0 <= found["label_error_rate"] < 1 and found["blank_frames"] > 0.3
    assert {path.stem for path in tmp_path.glob("*.png")} == {"loss", "spikes"}


@pytest.mark.parametrize(
    ("flags", "part"),
    [
        (["--letters", "aba"], "letters = 'aba', wanted two or more that differ"),
        (["--frames", "71"], "longest = 8, frames = 71; wanted 3 letters or more, and 9 frames for each"),
        (["--epochs", "0"], "epochs = 0"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_sentence(flags, part, capsys, tmp_path):
    assert main(["ctc_toy", *flags, "--out", str(tmp_path)]) == 1
    assert part in capsys.readouterr().err
