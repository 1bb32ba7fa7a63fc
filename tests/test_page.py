"""The page of code in the README, word for word, in an empty folder."""

import contextlib
import io
import runpy
from pathlib import Path

import jax
import matplotlib.image

README = Path(__file__).parent.parent / "README.md"
BLOCKS = [block.split("```")[0] for block in README.read_text().split("```python\n")[1:]]
PAGE, RULE, CHECK, LOOK, IMAGES, SEQUENCES = BLOCKS


def test_the_page_runs_word_for_word(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.py").write_text(PAGE)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        names = runpy.run_path("page.py")
    lines = printed.getvalue().splitlines()
    assert lines[0].split() == [
        "layer",
        "output",
        "parameters",
        *["without", "bias"],
        *["forward", "FLOPs", "backward", "FLOPs"],
        "bytes",
        "kept",
    ]
    assert [line.split()[0] for line in lines if line.startswith(("serial", "total"))] == [
        "serial[0].dense",
        "serial[1].relu",
        "serial[2].dropout",
        "serial[3].dense",
        "total",
    ]
    assert f"{64 * 64 + 64 + 64 * 10 + 10:,}" in lines[-1]
    history = names["result"].history
    assert len(history.rows) == 30 and history.rows[-1]["test_accuracy"] > 0.95
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert matplotlib.image.imread(tmp_path / "loss.png").std() > 0.05


def test_the_rule_of_the_readme_is_checked(capsys):
    names: dict = {}
    with jax.numpy_rank_promotion("allow"):
        exec(RULE + CHECK, names)
    assert names["report"].ok and "cotangents" in capsys.readouterr().out


def test_the_look_inside_of_the_readme_shows_both_passes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(LOOK, names)
    assert "serial[1].tanh" in capsys.readouterr().out and (tmp_path / "graph.svg").read_text().startswith("<?xml")
    assert [node.name for node in names["graph"].nodes if node.kind == "rule"] == [
        "linear",
        "tanh",
        "linear",
        "squared_error",
    ]


def test_the_failure_in_the_readme_is_what_the_checker_says():
    names: dict = {}
    with jax.numpy_rank_promotion("allow"):
        exec(RULE.replace("dy.sum(0)", "dy.mean(0)") + CHECK, names)
    shown = README.read_text().split("would say\n\n```\n")[1].split("```")[0]
    for line in shown.splitlines():
        assert line.startswith(("  got", "  want", "  error")) or line in str(names["report"]).splitlines(), line


def test_the_images_of_the_readme_are_counted(capsys):
    exec(IMAGES, {})
    printed = capsys.readouterr().out
    assert "max_pool" in printed and "kept by autodiff" in printed and "without bias" in printed


def test_the_sequences_of_the_readme_are_written(capsys):
    names: dict = {}
    exec(SEQUENCES, names)
    rows = names["result"].history.rows
    assert rows[-1]["loss"] < rows[0]["loss"] < 4.2 and names["ids"].shape == (1, 44)
    assert capsys.readouterr().out.startswith("The ")
