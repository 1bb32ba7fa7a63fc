"""The idx format: what is written is read, and every way in which a file can be wrong has its own error."""

import gzip

import numpy as np
import pytest

from fnn.data import read_idx

PIXELS = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("shape", [(5,), (2, 3, 4), (0, 7)])
def test_round_trip(tmp_path, idx_bytes, dtype, compress, shape):
    array = (np.random.default_rng(0).normal(size=shape) * 100).astype(np.int8).astype(dtype)
    path = tmp_path / "array"  # the content says whether it is compressed, not the name
    path.write_bytes(idx_bytes(array, compress))
    got = read_idx(str(path))
    assert got.dtype == array.dtype and got.dtype.isnative and got.flags.writeable
    np.testing.assert_array_equal(got, array)


def test_bytes_by_hand(tmp_path):
    path = tmp_path / "hand"
    path.write_bytes(bytes.fromhex("00 00 0b 02  00 00 00 01  00 00 00 02  01 02 ff fe"))
    np.testing.assert_array_equal(read_idx(path), [[258, -2]])


def corrupt(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


NOISE = np.random.default_rng(1).integers(0, 256, (4, 100), dtype=np.uint8)

WRONG = {
    "truncated gzip": (lambda encode: encode(NOISE, True)[:-40], "is cut off: its gzip stream has no end"),
    "corrupt gzip": (lambda encode: corrupt(encode(NOISE, True)), "is corrupt"),
    "gzip and rubbish": (lambda encode: encode(NOISE, True) + b"rubbish", "is corrupt"),
    "empty": (lambda encode: b"", "is not an idx file"),
    "a web page": (lambda encode: b"<!DOCTYPE html><html>", r"is not an idx file.*\[3c 21 44 4f\]"),
    "a compressed web page": (lambda encode: gzip.compress(b"<html>"), "is not an idx file"),
    "type code": (lambda encode: b"\0\0\x0a\x01\0\0\0\0", "type code is 0x0a, and those are 0x08"),
    "no dimensions": (lambda encode: b"\0\0\x08\x00\x07", "without dimensions"),
    "header": (lambda encode: encode(PIXELS)[:9], "inside its header: 3 dimensions want 16 bytes, got 9"),
    "entries": (lambda encode: encode(PIXELS)[:-1], r"cut off: shape \(2, 3, 4\) wants 24 bytes .* got 23"),
    "trailing": (lambda encode: encode(PIXELS) + b"\0\0", "2 bytes too many: .* wants 24 bytes .* got 26"),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors_name_the_file_and_the_fault(tmp_path, idx_bytes, name):
    make, message = WRONG[name]
    path = tmp_path / "some-images-idx3-ubyte"
    path.write_bytes(make(idx_bytes))
    with pytest.raises(ValueError, match=message) as error:
        read_idx(path)
    assert str(path) in str(error.value)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing-here"):
        read_idx(tmp_path / "nothing-here")
