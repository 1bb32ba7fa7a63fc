"""A download succeeds whole and once, or fails with a reason and leaves nothing behind."""

import hashlib
import socket
import urllib.request

import pytest

from fnn.data import DownloadError
from fnn.data.download import fetch

CONTENT = bytes(range(256)) * 1000
WANTED = {"size": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest()}


def files(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_success_and_the_second_call(tmp_path, server, capsys):
    server.serve("/file", CONTENT)
    path = tmp_path / "cache" / "fnn" / "file"
    assert fetch(server.url + "/file", path, **WANTED) == path
    assert path.read_bytes() == CONTENT
    assert f"downloading {server.url}/file (256000 bytes) to {path}" in capsys.readouterr().err
    fetch(server.url + "/file", path, **WANTED)
    assert server.requests == ["/file"] and capsys.readouterr().err == ""
    assert files(tmp_path) == ["file"]


def test_a_damaged_copy_is_replaced(tmp_path, server):
    server.serve("/file", CONTENT)
    path = tmp_path / "file"
    for damaged in (CONTENT[:-1], CONTENT[:-1] + b"x"):
        path.write_bytes(damaged)
        fetch(server.url + "/file", path, **WANTED)
        assert path.read_bytes() == CONTENT


def silent(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(CONTENT)))
    handler.end_headers()
    handler.wfile.write(CONTENT[:1000])
    handler.server.closing.wait(10)


WRONG = {
    "wrong sum": (
        lambda server: server.serve("/file", CONTENT[::-1]),
        f"wanted the SHA-256 sum {WANTED['sha256']}, got",
    ),
    "truncated": (lambda server: server.serve("/file", CONTENT[:5000], len(CONTENT)), "5000"),
    "too short": (lambda server: server.serve("/file", CONTENT[:5000]), "wanted 256000 bytes, got 5000"),
    "too long": (lambda server: server.serve("/file", CONTENT * 3), "wanted 256000 bytes, got more"),
    "not found": (
        lambda server: server.answers.update({"/file": lambda h: h.send_error(404)}),
        "answered 404 Not Found",
    ),
    "silent": (
        lambda server: server.answers.update({"/file": silent}),
        "nothing for 0.3 seconds, after 1000 of 256000",
    ),
    "no http": (lambda server: server.answers.update({"/file": lambda h: h.wfile.write(b"hello\r\n\r\n")}), "hello"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_failure_leaves_nothing_behind(tmp_path, server, name):
    prepare, message = WRONG[name]
    prepare(server)
    server.http.closing = server.closing
    with pytest.raises(DownloadError, match=message) as error:
        fetch(server.url + "/file", tmp_path / "file", **WANTED, timeout=0.3)
    assert files(tmp_path) == []
    assert server.url + "/file could not be downloaded" in str(error.value)
    assert "--data FOLDER" in str(error.value) and "FNN_DATA" in str(error.value)


def test_refused_connection(tmp_path, server):
    with socket.socket() as listener:  # bound and closed again: nobody listens there
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    (tmp_path / "file").write_bytes(b"an older version")
    with pytest.raises(DownloadError, match="refused"):
        fetch(f"http://127.0.0.1:{port}/file", tmp_path / "file", **WANTED)
    assert files(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"an older version"


def test_interrupted(tmp_path, monkeypatch):
    class Response:
        chunks = iter([CONTENT[:100]])

        def __enter__(self):
            return self

        def __exit__(self, *exception):
            return None

        def read1(self, size):
            for chunk in self.chunks:
                return chunk
            raise KeyboardInterrupt

    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: Response())
    with pytest.raises(KeyboardInterrupt):
        fetch("http://127.0.0.1/file", tmp_path / "file", **WANTED)
    assert files(tmp_path) == []


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(DownloadError, match=r"cache.fnn cannot be written.*XDG_CACHE_HOME"):
        fetch("http://127.0.0.1/file", tmp_path / "cache" / "fnn" / "file", **WANTED)
