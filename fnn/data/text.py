"""Texts: tiny Shakespeare, first names, any file of UTF-8, and a scene that comes with the package."""

import math
import os
from pathlib import Path
from typing import TypeVar

import jax
import numpy as np

from fnn.data.files import File, Folder, find

T = TypeVar("T", str, np.ndarray, jax.Array)

SHAKESPEARE = File("input.txt", 1115394, "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed")
NAMES = File("names.txt", 228145, "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d")
SHAKESPEARE_MIRROR = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/"
NAMES_MIRROR = "https://raw.githubusercontent.com/karpathy/makemore/master/"


def verse() -> str:
    """Return Shakespeare, Romeo and Juliet, act 2, scene 2, under the balcony: 8549 characters, 56 different ones.

    It is part of the package, so that everything about text runs without a file: no download, no folder. The text
    (printed 1597) is in the public domain; verse_licence.txt beside it says where the wording comes from.

    >>> verse().splitlines()[:2]
    ['ROMEO:', 'He jests at scars that never felt a wound.']
    """
    return read_text(Path(__file__).with_name("verse.txt"))


def shakespeare(folder: Folder | None = None) -> str:
    """Return tiny Shakespeare, 40,000 lines of his plays: 1,115,394 characters, 65 different ones.

    The file input.txt is looked for in `folder`; without it, in the folder that the environment variable FNN_DATA
    names; in each, first in its subfolder tinyshakespeare/. Without either it is downloaded, once, to
    fnn/tinyshakespeare/ in the user's cache (XDG_CACHE_HOME, or ~/.cache).

    Source: Karpathy, "The unreasonable effectiveness of recurrent neural networks" (2015), repository
    karpathy/char-rnn; the text is in the public domain.
    Raises FileNotFoundError for a folder that is missing or lacks the file, DownloadError, and what `read_text` raises.
    """
    (path,) = find("tinyshakespeare", SHAKESPEARE_MIRROR, [SHAKESPEARE], folder)
    return read_text(path)


def names(folder: Folder | None = None) -> list[str]:
    """Return 32,033 first names of 2 to 15 small letters, the most frequent first.

    The file names.txt, one name a line, is looked for as `shakespeare` looks for its own, with the subfolder names/.

    Source: US Social Security Administration (2018), as in Karpathy's repository karpathy/makemore.
    Raises what `shakespeare` raises.
    """
    (path,) = find("names", NAMES_MIRROR, [NAMES], folder)
    return read_text(path).split()


def read_text(path: str | os.PathLike[str]) -> str:
    """Return the text of a file in UTF-8, its line ends those of Unix, a byte order mark at its start left out.

    Raises FileNotFoundError where there is no such file, and ValueError where it is empty or no UTF-8, with the place.
    """
    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise FileNotFoundError(f"the text file {path} {what}; wanted a file of text in UTF-8.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is no text in UTF-8: the byte 0x{error.object[error.start]:02X} at offset {error.start} does not "
            "fit. Convert it, as by iconv -f LATIN1 -t UTF-8."
        ) from error
    if not text:
        raise ValueError(f"{path} is empty: there is no text to learn from.")
    return text


def split_text(text: T, fraction: float) -> tuple[T, T]:
    """Return the text, a str or an array of ids, as a part to learn from and the `fraction` of it at its end.

    The last part has ceil(fraction · length), and either has 1 or more. Unlike examples, the windows of one text
    overlap and follow from each other, so that the part to validate by must be of one piece.

    Raises ValueError for a fraction outside (0, 1) and for fewer than two symbols.

    >>> split_text("abcdefghij", 0.2)
    ('abcdefgh', 'ij')
    """
    if not 0 < fraction < 1:
        raise ValueError(f"the part at the end is a fraction of the text between 0 and 1, and fraction is {fraction}.")
    if len(text) < 2:
        raise ValueError(f"a text of {len(text)} symbols cannot be split into two parts: wanted two symbols or more.")
    end = min(math.ceil(round(fraction * len(text), 6)), len(text) - 1)  # 0.07 * 100 is a little more than 7
    return text[:-end], text[-end:]
