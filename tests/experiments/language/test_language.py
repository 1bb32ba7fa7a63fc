"""The experiments on text: tiny runs, their files, what they refuse, and that random windows are the text's."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.__main__ import main
from experiments.language import char_lm, names, text
from fnn import data


def test_stretches_share_the_windows_of_a_text():
    x, y = text.stretches(np.arange(24), 4, 5)
    starts = [first + np.arange(y.shape[1]) for first in x[:, 0]]
    assert set(np.concatenate(starts)) == set(range(19)) and (y[:, 0] == x[:, -1] + 1).all()


def test_random_windows_are_windows_of_the_text_and_all_of_them():
    examples = data.Examples(*map(jnp.asarray, text.stretches(np.arange(24), 4, 5)))
    drawn = [text.random_windows(jax.random.key(n), examples) for n in range(40)]
    x, y = (np.concatenate(part) for part in zip(*drawn, strict=True))
    assert (y == x + 1).all() and (np.diff(x) == 1).all() and set(x[:, 0]) == set(range(19))


def test_a_text_with_fewer_windows_than_stretches_is_used_again():
    x, y = text.stretches(np.arange(6), 9, 4)
    assert x.shape == (9, 4) and y.shape == (9, 1) and {*x[:, 0]} == {0, 1}
    with pytest.raises(ValueError, match="the text has 4 ids, wanted more than context = 4"):
        text.stretches(np.arange(4), 2, 4)


def test_a_network_learns_the_verse_and_writes(tmp_path, capsys):
    small = ["--model", "rnn", "--depth", "1", "--width", "16", "--context", "8", "--steps", "60", "--every", "30"]
    flags = ["--text", "verse", *small, "--sample", "30", "--out", str(tmp_path)]
    assert main(["char_lm", *flags, "--learning-rate", "0.05"]) == 0
    found = json.loads((tmp_path / "metrics.json").read_text())
    history = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert len(history) == 2 and found["test_loss"] == history[-1]["test_loss"] < 3.5
    assert len((tmp_path / "sample.txt").read_text()) == 31 and (tmp_path / "loss.png").is_file()
    assert "step 30, test loss" in capsys.readouterr().err


@pytest.mark.parametrize("model", ["gpt", "lstm", "gru", "rnn"])
def test_the_network_that_writes_has_the_parameters_of_the_one_that_learns(model):
    ids = jax.ShapeDtypeStruct((1, 64), jnp.int32)
    nets = char_lm.networks(char_lm.Settings(model=model), 65)
    (params, state), (same, carried) = (jax.eval_shape(net.init, jax.random.key(0), ids) for net in nets)
    assert params == same and not jax.tree.leaves(state) and jax.tree.leaves(carried)
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == pytest.approx(820_000, rel=0.06)


def test_names_are_learned_and_invented(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(data, "names", lambda folder: ["anna", "ann", "hanna", "nan", "nana"] * 20)
    small = ["--model", "gru", "--depth", "1", "--width", "16", "--epochs", "8", "--batch-size", "16"]
    assert main(["names", *small, "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert found["test_loss"] < 1.5 and 0 <= found["known_of_1000"] <= 1000
    assert len((tmp_path / "names.txt").read_text().splitlines()) == 20
    assert "are among the names to learn from" in capsys.readouterr().err


def test_a_name_is_a_row_whose_padding_is_ignored():
    vocabulary = data.Vocabulary(".abn")
    some = names.examples(["ann", "ba"], vocabulary, 3)
    assert some.x.tolist() == [[0, 1, 3, 3], [0, 2, 1, 0]]
    assert some.y.tolist() == [[1, 3, 3, 0], [2, 1, 0, names.IGNORED]]
    assert names.names_of(some, vocabulary) == ["ann", "ba"]


@pytest.mark.parametrize(
    ("flags", "part"),
    [
        (["char_lm", "--steps", "10", "--every", "3"], "steps = 10 are no multiple of every = 3"),
        (["char_lm", "--batch-size", "0"], "batch-size = 0"),
        (["char_lm", "--text", "no/such"], "no/such does not exist"),
        (["char_lm", "--text", "verse", "--heads", "3"], "heads = 3 do not divide width = 128"),
        (["names", "--epochs", "0"], "epochs = 0"),
        (["names", "--data", "no/such"], "no/such"),
    ],
)
def test_a_setting_that_no_text_can_use_is_one_sentence(flags, part, capsys, tmp_path):
    assert main([*flags, "--out", str(tmp_path)]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert part in line
