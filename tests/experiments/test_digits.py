"""The experiment `digits` from start to end: its files, its last line, and what it learns."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from experiments.course.digits import Digits, network

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Run the experiment once, short, and return its folder and the process."""
    folder = tmp_path_factory.mktemp("digits") / "new" / "run"
    command = [sys.executable, "-m", "experiments", "digits", "--epochs", "4", "--out", str(folder)]
    process = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, timeout=120)
    assert process.returncode == 0, process.stderr
    return folder, process


def test_stdout_is_one_line_of_json_the_final_metrics(finished):
    folder, process = finished
    (line,) = process.stdout.splitlines()
    metrics = json.loads(line)
    assert metrics == json.loads((folder / "metrics.json").read_text())
    assert metrics["epochs"] == 4 and metrics["parameters"] == sum(
        leaf.size for leaf in jax.tree.leaves(network(Digits()).init(jax.random.key(0), np.zeros((1, 64), "f4"))[0])
    )
    assert 0.9 < metrics["test_accuracy"] <= 1 and 0 < metrics["test_loss"] < 1


def test_settings_summary_and_end_are_shown_to_people(finished):
    _, process = finished
    for part in ("learning rate", "serial[0].dense", "test accuracy", "plots and metrics are in"):
        assert part in process.stderr


@pytest.mark.parametrize("name", ["loss.png", "confusion.png", "mistakes.png"])
def test_pictures_are_pngs_of_a_size_to_look_at(finished, name):
    content = (finished[0] / name).read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    assert 200 < width < 3000 and 150 < height < 3000 and len(content) > 2000


def test_history_settings_and_events_are_written(finished):
    folder, _ = finished
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4] and rows[-1]["loss"] < rows[0]["loss"]
    assert json.loads((folder / "settings.json").read_text())["epochs"] == 4
    (events,) = (folder / "events").iterdir()
    assert events.stat().st_size > 1000
