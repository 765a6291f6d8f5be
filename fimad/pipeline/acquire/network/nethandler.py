"""The HTTP handler that yt-dlp is given: urllib's, within the guard, and with limits on time and memory.

A socket time-out alone does not stop a server that sends one byte every few seconds, and a small compressed answer can
unpack to gigabytes. So each connection must keep a least rate once it has begun to answer, and what is read into memory
as a whole (pages, manifests, captions) is limited, before and after unpacking. Media go to the disk in blocks and are
limited by the caller.

This module imports yt-dlp.
"""

from __future__ import annotations

import http.client
import io
import time
import urllib.request
import urllib.response
import zlib
from collections.abc import Callable
from typing import Any

from yt_dlp.networking._urllib import HTTPHandler, ProxyHandler, RedirectHandler, UrllibRH

from fimad.config import HttpConfig
from fimad.pipeline.acquire.network.netguard import Guard

MAX_PAGE_BYTES = 64 * 1024**2


class Meter:
    """Raises `TimeoutError` when a connection that has begun to answer delivers less than the least rate.

    Only time spent waiting for the other side counts. It is judged over `window_s` of such waiting.
    """

    def __init__(self, min_rate_bytes_s: float, window_s: float) -> None:
        self.min_rate_bytes_s = min_rate_bytes_s
        self.window_s = window_s
        self._begun = False
        self._waited_s = 0.0
        self._bytes = 0

    def add(self, count: int, waited_s: float) -> None:
        """Note that `count` bytes came after `waited_s` of waiting."""
        if not self._begun:
            self._begun = True
            return
        self._waited_s += waited_s
        self._bytes += count
        if self._waited_s >= self.window_s:
            rate = self._bytes / self._waited_s
            if rate < self.min_rate_bytes_s:
                raise TimeoutError(f"timed out: {rate:.0f} bytes/s, less than {self.min_rate_bytes_s:.0f}")
            self._waited_s, self._bytes = 0.0, 0


class _MeteredRaw(io.RawIOBase):
    def __init__(self, raw: Any, meter: Meter) -> None:
        super().__init__()
        self._raw = raw
        self._meter = meter

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        began = time.monotonic()
        count: int | None = self._raw.readinto(buffer)
        if count:
            self._meter.add(count, time.monotonic() - began)
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


def _response_class(make_meter: Callable[[], Meter]) -> type[http.client.HTTPResponse]:
    class LimitedResponse(http.client.HTTPResponse):
        def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
            super().__init__(sock, *args, **kwargs)
            self.fp.close()
            self.fp = io.BufferedReader(_MeteredRaw(sock.makefile("rb", buffering=0), make_meter()))

        def read(self, amt: int | None = None) -> bytes:
            if amt is not None and amt >= 0:
                return super().read(amt)
            parts, size = [], 0
            while part := super().read(1024 * 1024):
                parts.append(part)
                size += len(part)
                if size > MAX_PAGE_BYTES:
                    raise OSError(f"page too large: more than {MAX_PAGE_BYTES} bytes")
            if self.length:
                # Unlike read(), read(n) does not tell that the connection was cut.
                raise http.client.IncompleteRead(b"".join(parts), self.length)
            self.close()
            return b"".join(parts)

    return LimitedResponse


def _unpack(data: bytes, encoding: str) -> bytes:
    bits = {"gzip": (zlib.MAX_WBITS | 16,), "deflate": (-zlib.MAX_WBITS, zlib.MAX_WBITS)}[encoding]
    for at, window in enumerate(bits):
        unpacker = zlib.decompressobj(window)
        try:
            out = unpacker.decompress(data, MAX_PAGE_BYTES + 1)
        except zlib.error:
            if at + 1 < len(bits):
                continue
            raise
        if len(out) > MAX_PAGE_BYTES:
            raise OSError(f"page too large: unpacks to more than {MAX_PAGE_BYTES} bytes")
        return out
    return b""


class _LimitedHTTPHandler(HTTPHandler):  # type: ignore[misc]
    def __init__(self, make_meter: Callable[[], Meter], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._response_class = _response_class(make_meter)

    def _make_conn_class(self, base: Any, req: Any) -> Any:
        made = HTTPHandler._make_conn_class(base, req)
        return type(made.__name__, (made,), {"response_class": self._response_class})

    def http_response(self, req: Any, resp: Any) -> Any:
        before = resp
        data: bytes | None = None
        for encoding in (each.strip() for each in reversed(resp.headers.get("Content-encoding", "").split(","))):
            if encoding in ("gzip", "deflate"):
                packed = resp.read() if data is None else data
                data = _unpack(packed, encoding) if packed else b""
        if data is None:
            return resp
        resp = urllib.request.addinfourl(io.BytesIO(data), before.headers, before.url, before.code)  # type: ignore[attr-defined]
        resp.msg = before.msg
        return resp

    https_response = http_response


def handler_class(settings: HttpConfig, guard: Guard) -> type[UrllibRH]:
    """A yt-dlp request handler that keeps the guard's rules in whatever thread it is used."""

    def make_meter() -> Meter:
        return Meter(settings.min_rate_bytes_s, settings.timeout_s)

    class GuardedRH(UrllibRH):  # type: ignore[misc]
        RH_NAME = "guarded"
        _SUPPORTED_URL_SCHEMES = ("http", "https")

        def _create_instance(self, proxies: Any, cookiejar: Any, legacy_ssl_support: Any = None) -> Any:
            opener = urllib.request.OpenerDirector()
            # Unlike yt-dlp's own list: nothing for data:, ftp: and file: addresses.
            for handler in (
                ProxyHandler(proxies),
                _LimitedHTTPHandler(
                    make_meter,
                    context=self._make_sslcontext(legacy_ssl_support=legacy_ssl_support),
                    source_address=self.source_address,
                ),
                urllib.request.HTTPCookieProcessor(cookiejar),
                urllib.request.UnknownHandler(),
                urllib.request.HTTPDefaultErrorHandler(),
                urllib.request.HTTPErrorProcessor(),
                RedirectHandler(),
            ):
                opener.add_handler(handler)
            opener.addheaders = []
            return opener

        def _prepare_headers(self, request: Any, headers: Any) -> None:
            if "accept-encoding" not in headers:
                headers["Accept-Encoding"] = "gzip, deflate"

        def _send(self, request: Any) -> Any:
            guard.requests += guard.counting
            with guard:
                return super()._send(request)

    return GuardedRH
