"""A file fetched once over the network: checked by size and SHA-256, and either whole or not there at all."""

import hashlib
import os
import sys
import tempfile
from pathlib import Path

CHUNK = 1 << 16


class DownloadError(OSError):
    """A file could not be downloaded, or what came was not the file that was wanted."""


def fetch(url: str, path: Path, *, size: int, sha256: str, timeout: float = 30.0) -> Path:
    """Return `path`, which holds the file of this size and SHA-256, downloading it from `url` unless it is there.

    The bytes go to a temporary file in the same folder, which takes the name `path` in one step once its size and sum
    are right. Whatever goes wrong, Ctrl-C included, leaves no part of a file behind, and a good file untouched.
    A server that sends nothing for `timeout` seconds is given up.

    Raises DownloadError naming the address, what was wanted and what came, and the way to do without a download.
    """
    if path.is_file() and path.stat().st_size == size and _sum(path) == sha256:
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".", suffix=".part")
    except OSError as error:
        raise DownloadError(
            f"the folder {path.parent} cannot be written ({error}): name another by XDG_CACHE_HOME."
        ) from error
    print(f"downloading {url} ({size} bytes) to {path}", file=sys.stderr)
    try:
        with os.fdopen(handle, "wb") as file:
            problem = _receive(url, file, size, sha256, timeout)
        if problem:
            raise DownloadError(
                f"{url} could not be downloaded: {problem}. Nothing was kept. Try again, or get the file in another "
                "way and name its folder by --data FOLDER or the environment variable FNN_DATA."
            )
        os.replace(part, path)
    finally:
        Path(part).unlink(missing_ok=True)
    return path


def _receive(url: str, file, size: int, sha256: str, timeout: float) -> str:
    """Write the file at `url` to `file`; return what is wrong with it, or an empty string."""
    import http.client  # slow to import, and most runs find their data on the disk
    import urllib.error
    import urllib.request

    received, digest = 0, hashlib.sha256()
    try:
        with urllib.request.urlopen(url, timeout=timeout) as response:
            while received <= size and (chunk := response.read1(CHUNK)):
                file.write(chunk)
                digest.update(chunk)
                received += len(chunk)
    except urllib.error.HTTPError as error:
        error.close()
        return f"the server answered {error.code} {error.reason}"
    except TimeoutError:
        return f"the server sent nothing for {timeout:g} seconds, after {received} of {size} bytes"
    except (OSError, http.client.HTTPException) as error:
        return f"{error or type(error).__name__}, after {received} of {size} bytes"
    if received > size:
        return f"wanted {size} bytes, got more"
    if received < size:
        return f"wanted {size} bytes, got {received}"
    if digest.hexdigest() != sha256:
        return f"wanted the SHA-256 sum {sha256}, got {digest.hexdigest()}"
    return ""


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
