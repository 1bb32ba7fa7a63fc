"""What the tests of the data floor share: a writer of idx files, the folder of real files, and a web server."""

import gzip
import os
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


@pytest.fixture
def idx_bytes():
    """Return a function from an array to the bytes of its idx file."""

    def encode(array, compress=False):
        array = np.asarray(array)
        header = bytes([0, 0, CODES[array.dtype.str[1:]], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        content = header + array.astype(array.dtype.newbyteorder(">")).tobytes()
        return gzip.compress(content, mtime=0) if compress else content

    return encode


class Server:
    """Answers GET by the functions in `answers`, path -> (handler -> None), and keeps the paths that were asked for."""

    def __init__(self):
        self.answers, self.requests, self.closing = {}, [], threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.requests.append(self.path)
                outer.answers[self.path](self)

            def log_message(self, format, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def serve(self, path, content, length=None):
        """Answer `path` by `content`, announced as `length` bytes."""

        def answer(handler):
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(content) if length is None else length))
            handler.end_headers()
            handler.wfile.write(content)

        self.answers[path] = answer

    def close(self):
        self.closing.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server(monkeypatch):
    """Return a web server on 127.0.0.1 that no proxy stands before."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    server = Server()
    yield server
    server.close()


@pytest.fixture(scope="module")
def real_folder(request):
    """Return the folder that holds the module's REAL sets: FNN_DATA, or shared/data in or beside the checkout."""
    checkout = Path(__file__).resolve().parents[2]
    named = os.environ.get("FNN_DATA")
    candidates = [Path(named)] if named else [checkout / "shared" / "data", checkout.parent / "shared" / "data"]
    for folder in candidates:
        if all((folder / name).is_dir() for name in request.module.REAL):
            return folder
    pytest.skip(f"the real files of {' and '.join(request.module.REAL)} are not here (looked in {candidates})")
