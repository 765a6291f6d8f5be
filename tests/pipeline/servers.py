"""An HTTP server on loopback that behaves well or badly, by path."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import zlib
from collections import Counter
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TYPES = {".mp4": "video/mp4", ".m3u8": "application/vnd.apple.mpegurl", ".ts": "video/mp2t", ".html": "text/html"}


class WebServer:
    """What is served from `folder`, and how.

    - ``/NAME``: a file, with Range.
    - ``/status/CODE/x.mp4``: that status; 429 and 503 with ``Retry-After: 7``.
    - ``/stall/x.mp4``: a header, then silence. ``/drip/x.mp4``: one byte a tenth of a second. ``/slow-header/x.mp4``: the
      header itself drips.
    - ``/cut/N/NAME``: a file; the connection is cut after half of it, N times; then all is well. ``/cut/always/NAME``.
    - ``/redirect?URL``: 302 to URL. ``/loop/x.mp4``: redirects to itself.
    - ``/endless/x.mp4``: bytes without end. ``/bomb.html``: a small gzip answer that unpacks to gigabytes.
    - ``/flaky/N/NAME``: 503 for the first N requests, then the file.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hits: Counter[str] = Counter()
        self.pages: dict[str, tuple[str, bytes]] = {}
        self.encodings: dict[str, str] = {}
        self.closing = threading.Event()
        bomb()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> WebServer:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, site: WebServer, *args: Any) -> None:
        self.site = site
        super().__init__(*args)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError):
            super().handle()

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        self.close_connection = True
        self.site.hits[path] += 1
        kind, _, rest = path.lstrip("/").partition("/")
        behave = getattr(self, f"_do_{kind.replace('-', '_').replace('.', '_')}", None)
        if path in self.site.pages:
            mime, body = self.site.pages[path]
            encoding = self.site.encodings.get(path)
            self._whole(200, mime, body, **({"Content-Encoding": encoding} if encoding else {}))
        elif behave is not None:
            behave(rest, query)
        else:
            self._file(self.site.folder / path.lstrip("/"))

    def _head(self, status: int, headers: dict[str, object]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.send_header("Connection", "close")
        self.end_headers()

    def _whole(self, status: int, mime: str, body: bytes, **headers: object) -> None:
        self._head(status, {"Content-Type": mime, "Content-Length": len(body), **headers})
        self.wfile.write(body)

    def _file(self, path: Path, *, cut: bool = False) -> None:
        if not path.is_file():
            self._whole(404, "text/html", b"<h1>not here</h1>")
            return
        data = path.read_bytes()
        mime = TYPES.get(path.suffix, "application/octet-stream")
        asked = self.headers.get("Range", "")
        start, stop, status = 0, len(data), 200
        if asked.startswith("bytes="):
            low, _, high = asked[6:].partition("-")
            start, stop, status = int(low or 0), min(int(high) + 1, len(data)) if high else len(data), 206
        body = data[start:stop]
        headers: dict[str, object] = {
            "Content-Type": mime,
            "Content-Length": len(body),
            "Accept-Ranges": "bytes",
        }
        if status == 206:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
        self._head(status, headers)
        if cut:
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.wfile.write(body)

    def _do_status(self, rest: str, query: str) -> None:
        status = int(rest.split("/")[0])
        extra = {"Retry-After": 7} if status in (429, 503) else {}
        self._whole(status, "text/html", b"<h1>no</h1>", **extra)

    def _do_stall(self, rest: str, query: str) -> None:
        self._head(200, {"Content-Type": "video/mp4", "Content-Length": 1_000_000})
        self.wfile.write(b"\0" * 1000)
        self.wfile.flush()
        self.site.closing.wait(60)

    def _do_drip(self, rest: str, query: str) -> None:
        self._head(200, {"Content-Type": "video/mp4", "Content-Length": 1_000_000})
        while not self.site.closing.wait(0.1):
            self.wfile.write(b"\0")
            self.wfile.flush()

    def _do_slow_header(self, rest: str, query: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not self.site.closing.wait(0.1):
            self.wfile.write(b"X")
            self.wfile.flush()

    def _do_cut(self, rest: str, query: str) -> None:
        times, _, name = rest.partition("/")
        # The extractor's first look at a file is broken off by itself and does not count.
        cut = times == "always" or self.site.hits[f"cuts of {name}"] < int(times)
        if self.headers.get("Range") or self.site.hits[self.path] > 1:
            self.site.hits[f"cuts of {name}"] += 1
        self._file(self.site.folder / name, cut=cut)

    def _do_flaky(self, rest: str, query: str) -> None:
        times, _, name = rest.partition("/")
        if self.site.hits[self.path] <= int(times):
            self._whole(503, "text/html", b"<h1>busy</h1>")
        else:
            self._file(self.site.folder / name)

    def _do_redirect(self, rest: str, query: str) -> None:
        self._whole(302, "text/html", b"", Location=query)

    def _do_loop(self, rest: str, query: str) -> None:
        # Another address each time: a loop that can't be told by its addresses repeating.
        self._whole(302, "text/html", b"", Location=f"/loop/{time.monotonic_ns()}.mp4")

    def _do_endless(self, rest: str, query: str) -> None:
        self._head(200, {"Content-Type": "video/mp4"})
        while not self.site.closing.is_set():
            self.wfile.write(b"\0" * 65536)

    def _do_bomb_html(self, rest: str, query: str) -> None:
        self._whole(200, "text/html", bomb(), **{"Content-Encoding": "gzip"})


@cache
def bomb() -> bytes:
    """A gzip answer of some 100 KB that unpacks to 100 MB."""
    packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    block = b"<p>" + bytes(1024 * 1024)
    return b"".join(packer.compress(block) for _ in range(100)) + packer.flush()
