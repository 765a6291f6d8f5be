"""What fetched content can make this process connect to, run or read into memory.

A URL comes from outside, and so do the redirects, playlists and page contents behind it. Inside `with Guard(http):`

- only the configured schemes (http and https) are opened;
- no connection goes to a private, loopback, link-local, multicast or reserved address; `http.allow_private_addresses`
  allows loopback and private networks, and never link-local addresses and metadata services. The address that is checked is
  the one the socket is about to connect to, so that redirects, HLS segments and names that resolve to something else the
  second time (DNS rebinding) are covered alike;
- no program is started but those named in `programs`, and none with a network address among its arguments: ffmpeg must
  not fetch anything by itself.

The check sits in Python's audit events (PEP 578), below yt-dlp and whatever it uses, and holds for the thread that
entered the guard. Code outside of it (the connection to a Dask scheduler, an object store) is not affected.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from fimad.config import HttpConfig
from fimad.errors import FimadError, PermanentError
from fimad.pipeline.acquire.addresses import PLAIN_YOUTUBE

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Forms that carry an IPv4 address for a network of one's own (RFC 8215), or did once (RFC 4291, 2.5.5.1).
_OWN_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_SHARED = ipaddress.IPv4Network("100.64.0.0/10")
# The last two: Azure's and Oracle's, which lie outside of the private ranges.
_METADATA = frozenset(
    map(
        ipaddress.ip_address,
        ("169.254.169.254", "100.100.100.200", "fd00:ec2::254", "168.63.129.16", "192.0.0.192"),
    )
)
_NETWORK_ARGUMENT = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
# JavaScript engines that yt-dlp runs, without network access, on YouTube's player code.
_SCRIPT_ENGINES = ("deno", "node", "bun", "qjs", "quickjs")

_active = threading.local()
_install_lock = threading.Lock()
_installed = False


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet."""
    ip = _innermost(address)
    return ip.is_global and not ip.is_multicast and ip not in _METADATA and ip not in _OWN_NAT64


def is_own_network(address: str) -> bool:
    """Whether an IP address is loopback or private, as a server of one's own is.

    Link-local addresses and those of the clouds' metadata services are not: they hold credentials and no videos.
    """
    ip = _innermost(address)
    odd = ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip in _METADATA
    return not odd and (ip.is_loopback or ip.is_private or ip in _SHARED)


def _innermost(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address, or the IPv4 address that an IPv6 form of it carries."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        compatible = ip in _COMPATIBLE and int(ip) > 1
        if inner is None and (ip in _NAT64 or ip in _OWN_NAT64 or compatible):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return inner
    return ip


class Guard:
    """The network rules of one download, for `with`.

    Parameters
    ----------
    http : allowed schemes, whether private addresses are allowed, and the proxy.
    programs : paths of programs that may be started, besides JavaScript engines.

    Attributes
    ----------
    requests : how many HTTP requests were sent while `counting` was set.
    blocked : the first thing that was refused, or None. Libraries wrap and swallow exceptions; this stays.
    """

    def __init__(self, http: HttpConfig, programs: Iterable[str] = ()) -> None:
        self.blocked: FimadError | None = None
        self._schemes = http.allowed_schemes
        self._allow_private = http.allow_private_addresses
        self._programs = {os.path.abspath(program) for program in programs}
        self._proxies = _proxy_addresses(http.proxy)
        # The one private address that may be allowed by itself.
        self._provider = _proxy_addresses(http.token_provider) if http.token_provider else set()
        self._provider_url = http.token_provider.rstrip("/")
        self.requests = 0
        self.counting = True

    def __enter__(self) -> Guard:
        _install()
        if not hasattr(_active, "guards"):
            _active.guards = []
        _active.guards.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _active.guards.pop()

    def check_url(self, url: str) -> None:
        """Raise `PermanentError` if a URL's scheme or host may not be opened."""
        if PLAIN_YOUTUBE.fullmatch(url) and "https" in self._schemes and not self._proxies:
            return
        try:
            parts = urllib.parse.urlsplit(url)
            host = parts.hostname or ""
        except ValueError as error:
            raise self._refuse(
                "unsupported_url", f"{url[:200]!r} is not a valid URL: {error}.", "A list holds a damaged line."
            ) from error
        if parts.scheme.lower() not in self._schemes:
            raise self._refuse(
                "unsupported_url",
                f"{url[:200]!r} has the scheme {parts.scheme[:20]!r}; allowed are {', '.join(self._schemes)}.",
                "A page or a redirect points to something that is not on the web.",
            )
        if not host:
            raise self._refuse("unsupported_url", f"{url[:200]!r} names no host.", "A list holds a damaged line.")
        if self._provider_url and f"{parts.scheme}://{parts.netloc}" == self._provider_url:
            return
        try:
            ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            # Names are checked when they are connected to. Behind a proxy we never see that, so look them up here.
            if self._proxies:
                for address in _resolve(host):
                    self._check_address(address, url)
        else:
            self._check_address(host, url)

    def check_peer(self, address: Any) -> None:
        """Raise `PermanentError` if a socket may not connect to `address`."""
        if not isinstance(address, tuple):
            raise self._refuse_address(str(address), "a local socket")
        host, port = str(address[0]), address[1]
        if (host, port) in self._proxies or (host, port) in self._provider:
            return
        self._check_address(host, f"{host}:{port}")

    def check_program(self, program: Any, arguments: Any) -> None:
        """Raise `PermanentError` unless a program may be started with these arguments."""
        if isinstance(arguments, str | bytes):
            arguments = [arguments]
        words = [os.fsdecode(each) for each in arguments or ()]
        path = os.fsdecode(program) if program is not None else (words[0] if words else "")
        name = os.path.basename(path).lower().removesuffix(".exe")
        if os.path.abspath(path) not in self._programs and name not in _SCRIPT_ENGINES:
            raise self._refuse(
                "unsupported_format",
                f"yt-dlp wanted to start {path[:200]!r}, which is not allowed.",
                "The stream is of a kind that only an external program can fetch.",
            )
        if any(_NETWORK_ARGUMENT.match(word) and not word.lower().startswith("file:") for word in words):
            raise self._refuse(
                "unsupported_format",
                f"yt-dlp wanted {name!r} to fetch a stream by itself, which is not allowed.",
                "It is a live or specially encrypted stream; what an external program fetches can't be checked.",
            )

    def _check_address(self, address: str, where: str) -> None:
        try:
            allowed = is_public(address) or (self._allow_private and is_own_network(address))
        except ValueError:
            # A name given to connect() would be resolved out of our sight.
            allowed = False
        if not allowed:
            raise self._refuse_address(address, where)

    def _refuse_address(self, address: str, where: str) -> FimadError:
        return self._refuse(
            "blocked_address",
            f"{where[:200]} leads to {address}, which is not a public address.",
            "The URL, or a redirect or playlist behind it, points into a private network.",
            "If that is your own server, set `http.allow_private_addresses = true`.",
        )

    def _refuse(self, reason: str, what: str, why: str, fix: str = "Take the URL off the list.") -> FimadError:
        error = PermanentError(what, why, fix, reason=reason)
        if self.blocked is None:
            self.blocked = error
        return error


def _proxy_addresses(configured: str) -> set[tuple[str, int]]:
    """Addresses and ports of the proxies in use, from the configuration or else from the environment."""
    urls = [configured] if configured else [url for name, url in urllib.request.getproxies().items() if name != "no"]
    found: set[tuple[str, int]] = set()
    for url in urls:
        try:
            parts = urllib.parse.urlsplit(url if "://" in url else f"http://{url}")
            host, port = parts.hostname, parts.port
        except ValueError:
            continue
        if host:
            default = {"https": 443, "http": 80}.get(parts.scheme, 1080)
            found.update((address, port or default) for address in _resolve(host))
    return found


def _resolve(host: str) -> list[str]:
    try:
        return [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except OSError:
        # Unknown here: the proxy may know it. Nothing is connected to from here in that case.
        return []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    guards: list[Guard] | None = getattr(_active, "guards", None)
    if not guards:
        return
    guard = guards[-1]
    if event == "socket.connect":
        guard.check_peer(arguments[1])
    elif event == "urllib.Request":
        guard.check_url(str(arguments[0]))
    elif event == "subprocess.Popen" or event in ("os.exec", "os.posix_spawn"):
        guard.check_program(arguments[0], arguments[1])
    elif event in ("os.system", "os.startfile"):
        guard.check_program(None, arguments[0])


def _install() -> None:
    global _installed
    with _install_lock:
        if not _installed:
            # Audit hooks can't be removed; outside of a guard this one returns at once.
            sys.addaudithook(_audit)
            _installed = True
