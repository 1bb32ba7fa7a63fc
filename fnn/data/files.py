"""The files of a published set: found in a folder given or named by FNN_DATA, or downloaded, once, to the cache."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fnn.data.download import fetch

Folder = str | os.PathLike[str]


class File(NamedTuple):
    """One file of a set, as its authors published it."""

    name: str
    size: int
    sha256: str


def find(name: str, mirror: str, files: Sequence[File], folder: Folder | None) -> list[Path]:
    """Return the paths of the files of the set `name`, in order.

    They are looked for in `folder`; without it, in the folder that the environment variable FNN_DATA names; in each,
    first in its subfolder `name`, and a file NAME.gz also without its suffix. Without either they are downloaded from
    `mirror`, an address that ends in a slash, to fnn/`name` in the user's cache (XDG_CACHE_HOME, or ~/.cache).

    Raises FileNotFoundError for a folder that is missing or lacks a file, and DownloadError.
    """
    if folder is not None:
        return _in_folder(name, files, Path(folder), "")
    if os.environ.get("FNN_DATA"):
        origin = " that the environment variable FNN_DATA names"
        return _in_folder(name, files, Path(os.environ["FNN_DATA"]), origin)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fnn" / name
    return [fetch(mirror + file.name, cache / file.name, size=file.size, sha256=file.sha256) for file in files]


def _in_folder(name: str, files: Sequence[File], folder: Path, origin: str) -> list[Path]:
    """Return the paths of the files in the folder's subfolder for this set, or in the folder itself."""
    if not folder.is_dir():
        names = ", ".join(file.name for file in files)
        raise FileNotFoundError(
            f"the folder {folder}{origin} does not exist; wanted one that holds {name}, which is {names}."
        )
    missing = {}
    for place in (folder / name, folder):
        candidates = [(place / file.name, place / file.name.removesuffix(".gz")) for file in files]
        found = [next((path for path in pair if path.is_file()), None) for pair in candidates]
        paths = [path for path in found if path is not None]
        if len(paths) == len(files):
            return paths
        missing[place] = [file.name for file, path in zip(files, found, strict=True) if path is None]
    lacking = "; ".join(f"{place} lacks {', '.join(names)}" for place, names in missing.items())
    raise FileNotFoundError(f"the folder {folder}{origin} does not hold {name}: {lacking}.")
