"""The idx file format of MNIST: a magic number, the dimensions, and the entries.

    byte 0, 1    0, 0
    byte 2       the type of the entries, one of `ENTRY_TYPES`
    byte 3       the number of dimensions, d
    4 d bytes    the dimensions, each a big-endian uint32
    the rest     the entries, big-endian, the last dimension fastest

Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits", section "The IDX file format".
"""

import gzip
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np

ENTRY_TYPES = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """Return the array in an idx file, in the machine's byte order; the file may be compressed by gzip.

    Raises FileNotFoundError, and ValueError naming the file and what is wrong with it: a gzip stream that is cut off
    or corrupt, a file of another format, a header or entries that are cut off, or bytes after the last entry.
    """
    path = Path(path)
    content = _decompressed(path)
    if len(content) < 4 or content[:2] != b"\0\0":
        raise ValueError(
            f"{path} is not an idx file: it begins with the bytes [{content[:4].hex(' ')}], and an idx file begins "
            "with [00 00], a type code and its number of dimensions."
        )
    code, dimensions = content[2], content[3]
    if code not in ENTRY_TYPES:
        known = ", ".join(f"{known:#04x}" for known in ENTRY_TYPES)
        raise ValueError(
            f"{path} is no idx file that can be read: its type code is {code:#04x}, and those are {known}."
        )
    if dimensions == 0:
        raise ValueError(f"{path} is an idx file without dimensions: its magic number wants 1 or more in byte 3.")
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise ValueError(
            f"{path} is cut off inside its header: {dimensions} dimensions want {start} bytes, got {len(content)}."
        )
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    entry = ENTRY_TYPES[code]
    wanted, got = math.prod(shape) * entry.itemsize, len(content) - start
    if got < wanted:
        raise ValueError(f"{path} is cut off: shape {shape} wants {wanted} bytes after the header, got {got}.")
    if got > wanted:
        raise ValueError(
            f"{path} holds {got - wanted} bytes too many: shape {shape} wants {wanted} bytes after the header, "
            f"got {got}."
        )
    return np.frombuffer(content, entry, offset=start).reshape(shape).astype(entry.newbyteorder("="))


def _decompressed(path: Path) -> bytes:
    """Return the file's content, through gzip if its first two bytes say so, whatever its name says."""
    content = path.read_bytes()
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except EOFError as error:
        raise ValueError(f"{path} is cut off: its gzip stream has no end. Copy or download the file again.") from error
    except (gzip.BadGzipFile, zlib.error, struct.error) as error:
        raise ValueError(f"{path} is corrupt: {error}. Copy or download the file again.") from error
