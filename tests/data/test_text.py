"""Texts: found, read, split, and refused when they are not what they should be."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from fnn import data
from fnn.data import files, text

REAL = ("tinyshakespeare", "names")
"""The sets that the fixture `real_folder` looks for."""


def test_verse():
    verse = data.verse()
    assert len(verse) == 8549 and len(set(verse)) == 56 and verse.isascii()
    assert verse.startswith("ROMEO:\nHe jests at scars") and verse.endswith("my dear hap to tell.\n")
    licence = Path(text.__file__).with_name("verse_licence.txt").read_text()
    assert "public domain" in licence and "310 lines, 8549 bytes" in licence


def test_real_shakespeare(real_folder, monkeypatch):
    shakespeare = data.shakespeare(real_folder)
    assert len(shakespeare) == 1115394 and len(set(shakespeare)) == 65
    assert data.verse() in shakespeare
    vocabulary = data.Vocabulary.of(shakespeare)
    assert vocabulary.decode(vocabulary.encode(shakespeare)) == shakespeare
    monkeypatch.setenv("FNN_DATA", str(real_folder))
    assert data.shakespeare() == shakespeare


def test_real_names(real_folder):
    names = data.names(real_folder)
    assert len(names) == 32033 and names[:3] == ["emma", "olivia", "ava"] and names[-1] == "zzyzx"
    assert data.Vocabulary.of("".join(names)).symbols == "abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize("file, name", [(text.SHAKESPEARE, "tinyshakespeare"), (text.NAMES, "names")])
def test_the_sizes_and_sums_are_those_of_the_real_files(real_folder, file, name):
    content = (real_folder / name / file.name).read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size, file.sha256)


def test_downloaded_once(tmp_path, monkeypatch, server):
    content = b"ada\nbo"
    server.serve("/names/names.txt", content)
    monkeypatch.setattr(text, "NAMES", files.File("names.txt", len(content), hashlib.sha256(content).hexdigest()))
    monkeypatch.setattr(text, "NAMES_MIRROR", server.url + "/names/")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("FNN_DATA", raising=False)
    assert data.names() == data.names() == ["ada", "bo"]
    assert server.requests == ["/names/names.txt"]
    assert (tmp_path / "fnn" / "names" / "names.txt").read_bytes() == content


def test_missing(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=rf"the folder {tmp_path} does not hold names: .* lacks names\.txt"):
        data.names(tmp_path)
    monkeypatch.setenv("FNN_DATA", str(tmp_path / "gone"))
    with pytest.raises(FileNotFoundError, match=r"FNN_DATA names does not exist; wanted .* tinyshakespeare, .*input"):
        data.shakespeare()


def test_read_text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(b"\xef\xbb\xbfna\xc3\xafve\r\ntext\n")
    assert data.read_text(path) == data.read_text(str(path)) == "naïve\ntext\n"
    path.write_bytes(b"na\xefve")
    with pytest.raises(ValueError, match=r"text\.txt is no text in UTF-8: the byte 0xEF at offset 2 .*iconv"):
        data.read_text(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"text\.txt is empty"):
        data.read_text(path)
    with pytest.raises(FileNotFoundError, match=r"missing\.txt does not exist; wanted a file of text"):
        data.read_text(tmp_path / "missing.txt")
    with pytest.raises(FileNotFoundError, match="is a folder; wanted a file of text"):
        data.read_text(tmp_path)


def test_split_text():
    train, validation = data.split_text(np.arange(100), 0.07)
    assert train.tolist() == list(range(93)) and validation.tolist() == list(range(93, 100))
    assert data.split_text("ab", 0.01) == data.split_text("ab", 0.99) == ("a", "b")
    with pytest.raises(ValueError, match="between 0 and 1, and fraction is 1"):
        data.split_text("abc", 1)
    with pytest.raises(ValueError, match="a text of 1 symbols cannot be split"):
        data.split_text("a", 0.5)
