"""Recorders: files that can be read back, and folders that cannot be written."""

import json
import struct
import sys

import jax
import numpy as np
import pytest
from tensorboardX.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]
from tiny_training import TEST, fit

from fnn import train


def events(folder):
    """Read an event file as TensorBoard does: length, checksum, event, checksum."""
    (path,) = folder.iterdir()
    content, at = path.read_bytes(), 0
    while at < len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        yield Event.FromString(content[at + 12 : at + 12 + length])
        at += 12 + length + 4


def test_json_lines_are_the_rows(tmp_path):
    path = tmp_path / "new" / "folder" / "history.jsonl"
    recorder = train.json_lines(path)
    assert path.read_text() == ""  # whether it can be written is known before training
    result = fit(evaluate=TEST, recorders=[recorder])
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert rows == result.history.rows and len(rows) == 2
    assert set(rows[0]) >= {"epoch", "step", "loss", "accuracy", "test_loss", "test_accuracy", "seconds"}
    train.json_lines(path)
    assert path.read_text() == ""


def test_tensorboard_events_hold_scalars_and_histograms(tmp_path):
    result = fit(evaluate=TEST, recorders=[train.tensorboard(tmp_path / "events")])
    values = [(event.step, value) for event in events(tmp_path / "events") for value in event.summary.value]
    scalars = {(step, v.tag): v.simple_value for step, v in values if v.HasField("simple_value")}
    histograms = {(step, v.tag): v.histo for step, v in values if v.HasField("histo")}
    for row in result.history.rows:
        for name in ("loss", "accuracy", "test_loss", "test_accuracy", "samples_per_second"):
            assert scalars[int(row["step"]), name] == np.float32(row[name])
    leaves = jax.tree_util.tree_leaves_with_path(result.params)
    for path, leaf in leaves:
        histogram = histograms[10, jax.tree_util.keystr(path, simple=True, separator="/")]
        assert histogram.num == leaf.size
        assert histogram.min == pytest.approx(float(leaf.min())) and histogram.max == pytest.approx(float(leaf.max()))
        assert histogram.sum == pytest.approx(float(leaf.sum()), abs=1e-5)
    assert {tag for _, tag in histograms} == {"0/w", "0/b", "3/w", "3/b"}
    assert {step for step, _ in histograms} == {5, 10}


def test_any_function_is_a_recorder_and_is_lent_the_params():
    seen = []

    def record(row, params):
        seen.append((row, jax.tree.map(np.array, params)))

    result = fit(recorders=[record, lambda row, params: None])
    assert [row for row, _ in seen] == result.history.rows
    jax.tree.map(np.testing.assert_array_equal, seen[-1][1], result.params)


@pytest.mark.parametrize("recorder", (lambda path: train.json_lines(path / "x.jsonl"), train.tensorboard))
def test_a_folder_that_cannot_be_written_is_told(tmp_path, recorder):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match=r"the output folder .*file cannot be written .*; choose another folder"):
        recorder(tmp_path / "file")
    with pytest.raises(OSError, match=r"the output folder .*cannot be written"):
        recorder(tmp_path / "file" / "below")


def test_tensorboard_names_the_extra_that_it_needs(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r'events need tensorboardX; pip install "fnn\[experiments\]"'):
        train.tensorboard(tmp_path / "events")
    assert not list(tmp_path.iterdir())
