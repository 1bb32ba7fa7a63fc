"""The command line, as a person uses it: what it lists, what it refuses, and how Ctrl-C ends it."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments import __main__ as command_line

ROOT = Path(__file__).parents[2]


def start(*arguments, **options):
    """Start `python -m experiments` with Ctrl-C as it is in a terminal: a suite in the background may ignore it."""
    code = (
        "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "runpy.run_module('experiments', run_name='__main__', alter_sys=True)"
    )
    # pytest's own settings of JAX are not the user's.
    env = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def finish(process):
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_help_lists_every_experiment_and_imports_no_jax():
    code = "import sys; from experiments.__main__ import main; main(['--help']); assert 'jax' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for name, experiment in command_line.EXPERIMENTS.items():
        (line,) = [line for line in done.stdout.splitlines() if line.split()[:1] == [name]]
        assert experiment.shows in line and line.endswith(experiment.takes)


def test_help_of_the_list_fits_a_terminal():
    assert max(map(len, command_line.listing().splitlines())) <= 120


def test_without_a_name_the_list_goes_to_stderr(capsys):
    assert command_line.main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and "digits" in captured.err


def test_an_unknown_experiment_is_refused_with_the_names_that_exist(capsys):
    assert command_line.main(["digts"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "error: there is no experiment 'digts'. Did you mean digits? There are: "
        f"{', '.join(command_line.EXPERIMENTS)}.\n"
    )


def test_a_missing_package_is_one_sentence_that_names_the_extra(capsys, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in ("rich", "tyro") else found(name))
    assert command_line.main(["digits"]) == 2
    assert capsys.readouterr().err == 'error: tyro, rich missing; pip install "fnn[experiments]".\n'


@pytest.mark.parametrize("name", command_line.EXPERIMENTS)
def test_help_of_an_experiment_shows_each_flag_with_its_text(name, capsys):
    with pytest.raises(SystemExit) as end:
        command_line.main([name, "--help"])
    assert end.value.code == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for part in (command_line.EXPERIMENTS[name].shows, "--out PATH", f"(default: runs/{name.replace('.', '/')})"):
        assert part in text


def test_an_unknown_flag_is_refused_with_the_flags_that_exist(capsys, tmp_path):
    with pytest.raises(SystemExit) as end:
        command_line.main(["digits", "--out", str(tmp_path / "run"), "--epoch", "3"])
    assert end.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == "" and "--epochs" in captured.err and "--learning-rate" in captured.err
    assert not (tmp_path / "run").exists()


def test_a_value_of_the_wrong_type_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        command_line.main(["digits", "--epochs", "many"])
    assert end.value.code == 2
    assert "--epochs" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_refused_before_training(capsys, tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    assert command_line.main(["digits", "--out", str(file / "run")]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith(f"error: the output folder {file / 'run'} cannot be written")
    assert file.read_text() == "mine"


WRONG = [
    (["digits", "--epochs", "0"], "epochs = 0"),
    (["digits", "--batch-size", "0"], "batch_size is 0"),
    (["digits", "--batch-size", "5000"], "1437"),
    (["digits", "--learning-rate", "-1"], "learning_rate = -1"),
    (["digits", "--seed", "-1"], "seed = -1"),
    (["digits", "--dropout", "1"], "rate = 1"),
    (["digits", "--hidden", "16", "0"], "out_features = 0"),
    (["mnist", "--seeds", "0"], "seeds = 0"),
    (["mnist", "--data", "no/such/folder"], "no/such/folder"),
]


@pytest.mark.parametrize(("arguments", "part"), WRONG, ids=[" ".join(arguments) for arguments, _ in WRONG])
def test_a_setting_that_cannot_be_used_is_one_sentence(arguments, part, capsys, tmp_path):
    assert command_line.main([*arguments, "--out", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    (line,) = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    assert part in line and "Traceback" not in captured.err and captured.out == ""
    assert not (tmp_path / "history.jsonl").exists() or (tmp_path / "history.jsonl").read_text() == ""


def test_a_loss_that_is_not_finite_ends_as_one_sentence(capsys, tmp_path):
    assert command_line.main(["digits", "--learning-rate", "1e30", "--epochs", "2", "--out", str(tmp_path)]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert "is not finite" in line and "step" in line


def test_an_error_that_nobody_expects_keeps_its_traceback(monkeypatch, tmp_path):
    from experiments.course import digits

    def broken(settings):
        raise KeyError("a bug")

    monkeypatch.setattr(digits, "run", broken)
    with pytest.raises(KeyError, match="a bug"):
        command_line.main(["digits", "--out", str(tmp_path)])


def test_ctrl_c_keeps_what_was_learned_and_exits_130(tmp_path):
    process = start("digits", "--epochs", 100_000, "--hidden", 16, "--out", tmp_path)
    history = tmp_path / "history.jsonl"
    deadline = time.monotonic() + 60
    while not (history.exists() and history.read_text().count("\n") >= 2):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    code, out, err = finish(process)
    assert code == 130, err
    rows = [json.loads(line) for line in history.read_text().splitlines()]
    assert [row["epoch"] for row in rows] == list(range(1, len(rows) + 1))
    assert f"interrupted after epoch {len(rows)}" in err and "test accuracy" in err and "Traceback" not in err
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert out == "" and not (tmp_path / "metrics.json").exists()
