"""YouTube's answers, played on loopback: a proxy that ends TLS itself, with a certificate authority of the test's own.

What it says is made up here, in the shape that yt-dlp reads; the id of a video names the situation that is played.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import ssl
import threading
from collections import Counter
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_MEDIA = "https://rr1.googlevideo.com/videoplayback?itag=18&id="
# Situation: what the player says instead of playing.
_REFUSALS: dict[str, dict[str, Any]] = {
    "bot": {"status": "LOGIN_REQUIRED", "reason": "Sign in to confirm you’re not a bot"},
    "reload": {"status": "UNPLAYABLE", "reason": "The page needs to be reloaded."},
    "limited": {"status": "UNPLAYABLE", "reason": "This content isn't available, try again later."},
    "private": {"status": "LOGIN_REQUIRED", "reason": "Private video. Sign in if you've been granted access to it"},
    "members": {"status": "UNPLAYABLE", "reason": "Join this channel to get access to members-only content"},
    "removed": {"status": "ERROR", "reason": "Video unavailable. This video has been removed by the uploader"},
    "nothing": {"status": "OK"},
}


def video_id(situation: str) -> str:
    """The id, of YouTube's form, that plays a situation."""
    return f"{situation}-----------"[:11]


class YouTube:
    """The server; for `with`. `url` is the proxy's address, `authority` the file of its certificate authority."""

    def __init__(self, folder: Path, media: bytes) -> None:
        self.media = media
        self.hits: Counter[str] = Counter()
        self.authority = folder / "authority.pem"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self, _context(folder, self.authority)))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> YouTube:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _context(folder: Path, authority: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test's own")])
    now = datetime.datetime.now(datetime.UTC)
    hosts = ["*.youtube.com", "youtube.com", "*.googlevideo.com", "*.ytimg.com", "*.googleapis.com"]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .sign(key, hashes.SHA256())
    )
    authority.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret = folder / "key.pem"
    plain = serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, secret)
    return context


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, site: YouTube, context: ssl.SSLContext, *args: Any) -> None:
        self.site = site
        self.context = context
        super().__init__(*args)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            super().handle()

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()
        self.connection.close()

    def do_CONNECT(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.connection = self.context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)  # type: ignore[assignment]
        self.close_connection = False

    def do_GET(self) -> None:
        self.site.hits[self.headers.get("Host", "")] += 1
        if "googlevideo" in self.headers.get("Host", ""):
            self._media()
        elif self.path.startswith("/watch"):
            self._send(200, b"<html></html>")
        else:
            self._send(404, b"")

    def do_POST(self) -> None:
        self.site.hits[self.path.partition("?")[0]] += 1
        asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        wanted = str(asked.get("videoId") or "")
        answer = self._player(wanted) if "/player" in self.path else {}
        self._send(200, json.dumps(answer).encode(), "application/json")

    def _player(self, wanted: str) -> dict[str, Any]:
        situation = wanted.rstrip("-")
        details = {"videoId": wanted, "title": "a removed private members-only drm video", "lengthSeconds": "2"}
        if situation == "blocked":
            details["videoId"] = "another----"
        answer: dict[str, Any] = {"playabilityStatus": {"status": "OK"}, "videoDetails": details}
        if situation in _REFUSALS:
            return {**answer, "playabilityStatus": _REFUSALS[situation]}
        picture = {
            "itag": 18,
            "mimeType": 'video/mp4; codecs="avc1.42001E, mp4a.40.2"',
            "width": 160,
            "height": 120,
            "contentLength": str(len(self.site.media)),
            "url": _MEDIA + situation,
        }
        streaming: dict[str, Any] = {"formats": [picture], "adaptiveFormats": []}
        if situation == "sabr":
            del picture["url"]
            streaming = {"adaptiveFormats": [picture], "serverAbrStreamingUrl": "https://rr1.googlevideo.com/sabr"}
        if situation == "gated":
            track = {"baseUrl": "https://www.youtube.com/api/timedtext?exp=xpe", "languageCode": "en", "vssId": ".en"}
            answer["captions"] = {"playerCaptionsTracklistRenderer": {"captionTracks": [track]}}
        return {**answer, "streamingData": streaming}

    def _media(self) -> None:
        if "forbidden" in self.path:
            self._send(403, b"")
            return
        low, _, high = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        start, stop = int(low), min(int(high or len(self.site.media)) + 1, len(self.site.media))
        self._send(206, self.site.media[start:stop], "video/mp4", f"bytes {start}-{stop - 1}/{len(self.site.media)}")

    def _send(self, status: int, body: bytes, mime: str = "text/html", content_range: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", mime)
        self.send_header("Content-Length", str(len(body)))
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        self.wfile.write(body)
